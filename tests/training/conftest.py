from __future__ import annotations

import pytest

from tests.training.data import Made, make


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A tiny model of random weights, and data to train it on."""
    return make(tmp_path_factory.mktemp("training"))
