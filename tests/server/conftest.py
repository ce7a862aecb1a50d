from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.servers import SHOP, Running, freeze_calls, serving


@pytest.fixture(scope="package")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="package")
def snapshot(folder: Path) -> Path:
    return freeze_calls(folder)


@pytest.fixture(scope="package")
def server(folder: Path, snapshot: Path) -> Iterator[Running]:
    """Serves a snapshot alone."""
    with serving(folder, "--simulator", f"snapshot:{snapshot}") as running:
        yield running


@pytest.fixture(scope="package")
def live_server(snapshot: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Serves a snapshot, and a live simulator where that has no answer."""
    place = tmp_path_factory.mktemp("live")
    with serving(place, "--simulator", f"snapshot:{snapshot}", *SHOP) as running:
        yield running
