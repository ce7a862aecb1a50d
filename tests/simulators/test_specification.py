from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import pytest

from tests.simulators.worlds import ADD, READ, SHOW, ask, body, opened, recorded, text
from tests.simulators.worlds import world as make_world
from toolenv.errors import ConfigurationError, SnapshotError, StoreError, ToolenvError
from toolenv.simulators import RecordedSimulator, open_simulator
from toolenv.snapshots import Store, freeze

WORLD = f"local:{make_world.__module__}:world"
KINDS = "local, neighbour, snapshot, store"
world_itself = make_world()


def strange(**options: str) -> object:
    return options


def particular(*, hour: str) -> object:
    return make_world()


@pytest.fixture
def snap(tmp_path: Path) -> Path:
    path = tmp_path / "hours.snap"
    freeze(
        [
            *recorded(READ, ["a 1", "a 2"], "a", at="1"),
            *recorded(READ, ["b 1"], "b", at="2"),
            *recorded(READ, ["c 1"], "with, comma & more", at="3"),
        ],
        path,
    )
    return path


def test_a_snapshot_is_served_in_the_order_asked_for(snap: Path) -> None:
    def hours(specification: str) -> list[str]:
        with closing(open_simulator(specification)) as simulator:
            session = opened(simulator)
            return [text(ask(session, READ)) for _ in range(2)]

    assert hours(f"snapshot:{snap}") == ["a 1", "a 2"]
    assert hours(f"snapshot:{snap}?order=first") == ["a 1", "a 1"]
    assert hours(f"snapshot:{snap}?recording=b") == ["b 1", "b 1"]
    assert hours(f"snapshot:{snap}?order=recording&recording=b") == ["b 1", "b 1"]
    assert hours(f"snapshot:{snap}?without=a") == ["b 1", "b 1"]
    assert hours(f"snapshot:{snap}?recording=with,%20comma%20%26%20more") == ["c 1", "c 1"]


def test_a_store_is_served_and_made_where_absent(tmp_path: Path) -> None:
    with closing(open_simulator(f"store:{tmp_path / 'new.store'}")) as simulator:
        assert isinstance(simulator, RecordedSimulator)
        assert ask(opened(simulator), READ) is None
        with Store(tmp_path / "new.store") as store:
            for one in recorded(READ, ["while it is open"]):
                store.add(one)
        assert text(ask(opened(simulator), READ)) == "while it is open"


@pytest.mark.parametrize("specification", [WORLD, f"local:{__name__}:world_itself"])
def test_local_names_what_is_or_makes_a_simulator(specification: str) -> None:
    assert body(ask(opened(open_simulator(specification)), ADD, {"item": "tea"})) == 1


def test_several_form_a_ladder(snap: Path) -> None:
    with closing(open_simulator([f"snapshot:{snap}", WORLD])) as ladder:
        session = opened(ladder)
        assert text(ask(session, READ)) == "a 1"
        assert body(ask(session, SHOW)) == {}
    with closing(open_simulator([make_world(), f"snapshot:{snap}"])) as ladder:
        assert body(ask(opened(ladder), READ)) == "noon"


def test_a_simulator_is_taken_as_it_is() -> None:
    made = make_world()
    assert open_simulator(made) is made
    assert open_simulator([made]) is made


def test_equal_specifications_have_equal_fingerprints(snap: Path) -> None:
    specification = [f"snapshot:{snap}?order=first", WORLD]
    assert open_simulator(specification).fingerprint == open_simulator(specification).fingerprint


@pytest.mark.parametrize(
    ("specification", "kind", "problem", "fix"),
    [
        ("", ConfigurationError, "Unknown simulator: ''", "the kinds are "),
        ("snapshot", ConfigurationError, "Unknown simulator: 'snapshot'", "Write kind:place"),
        ("snapsot:a", ConfigurationError, "Unknown simulator: 'snapsot:a'", "kinds are "),
        ("snapshot:missing", SnapshotError, "no such file", "toolenv snapshot freeze"),
        ("snapshot:.", SnapshotError, "no such file", ""),
        ("store:/dev/null/x", StoreError, "cannot be opened", "Name a folder"),
        ([], ConfigurationError, "No simulator is given", "Name at least one"),
        ("local:nowhere:x", ConfigurationError, "No module named 'nowhere'", "module:name"),
        ("local:json:nothing", ConfigurationError, "no attribute 'nothing'", "module:name"),
        ("local:json", ConfigurationError, "cannot be imported", "module:name"),
        ("local::x", ConfigurationError, "cannot be imported", "module:name"),
        (f"local:{__name__}:strange", ConfigurationError, "a dict, which is no", "fingerprint"),
        ("local:json:codecs", ConfigurationError, "a module, which is no", "fingerprint"),
        (f"local:{__name__}:particular", ConfigurationError, "do not fit", "See local"),
        (f"{WORLD}?odd=1", ConfigurationError, "'odd'", "See local in the docs"),
        ("snapshot:{snap}?ordr=first", ConfigurationError, "'ordr'", "See snapshot in the docs"),
        ("snapshot:{snap}?order=best", ConfigurationError, "'best'", "path, first, recording"),
        ("snapshot:{snap}?order=recording", ConfigurationError, "go together", "both or neither"),
        ("snapshot:{snap}?order=first&recording=a", ConfigurationError, "go together", "neither"),
    ],
)
def test_what_cannot_be_opened_says_what_is_wrong_and_what_to_do(
    snap: Path,
    specification: str | list[str],
    kind: type[ToolenvError],
    problem: str,
    fix: str,
) -> None:
    if isinstance(specification, str):
        specification = specification.replace("{snap}", str(snap))
    with pytest.raises(kind, match=re.escape(problem)) as refused:
        open_simulator(specification)
    assert fix in refused.value.fix
