from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[1].parent / "shared" / "data"


@pytest.fixture(scope="session")
def data() -> Path:
    """The published files of ToolBench and StableToolBench, which are no part of the project."""
    if not SHARED.is_dir():
        pytest.skip("the published files are not here: ../shared/data is absent")
    return SHARED
