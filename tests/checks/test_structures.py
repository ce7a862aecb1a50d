"""Values at paths: in the JSON of an answer, and in the state of a local world."""

from __future__ import annotations

import json
from collections import namedtuple
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.checks.answers import decision, verdict
from tests.simulators_by_hand import Counter, call, finish, task
from toolenv import ToolEnv
from toolenv.checks.json_paths import embedded_json, follow, parse_path
from toolenv.checks.structures import equal_values
from toolenv.errors import CheckError
from toolenv.running.journal import Journal
from toolenv.running.journal_reader import JournalReader
from toolenv.simulators import first_of
from toolenv.simulators.coalescing import coalesce
from toolenv.simulators.local import LocalSimulator, LocalTool
from toolenv.simulators.local_state import shown_state
from toolenv.simulators.truncating import truncate
from toolenv.tasks import Check


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$", [{"a": [{"b": 1}, {"b": 2, "c d": None}], "é": 3}]),
        ("$.a[0].b", [1]),
        ("$['a'][-1][\"c d\"]", [None]),
        ("$.a[*].b", [1, 2]),
        ("$.*[0]", [{"b": 1}]),
        ("$.é", [3]),
        ("$.a[7]", []),
        ("$.a.b", []),
    ],
)
def test_paths_are_followed(path: str, found: list[Any]) -> None:
    assert follow(parse_path(path), {"a": [{"b": 1}, {"b": 2, "c d": None}], "é": 3}) == found


@pytest.mark.parametrize(
    "path", ["a", ".a", "$a", "$..a", "$.a[1:2]", "$.a[?(@.b)]", "$[", "$.", "$['a"]
)
def test_what_is_no_path_is_refused_with_a_cure(path: str) -> None:
    with pytest.raises(CheckError, match="JSON path") as error:
        parse_path(path)
    assert error.value.fix


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_every_place_of_a_document_has_a_path(document: Any) -> None:
    def places(value: Any, path: str) -> list[tuple[str, Any]]:
        named: list[tuple[str, Any]] = []
        if isinstance(value, dict):
            for key, one in value.items():
                quoted = key.replace("\\", "\\\\").replace("'", "\\'")
                named += places(one, f"{path}['{quoted}']")
        elif isinstance(value, list):
            for number, one in enumerate(value):
                named += places(one, f"{path}[{number}]")
        return [(path, value), *named]

    for path, value in places(document, "$"):
        assert follow(parse_path(path), document) == [value]


@pytest.mark.parametrize(
    ("answer", "decided"),
    [
        ('{"total": 3}', "correct"),
        ({"total": 3.0}, "correct"),
        ('Here:\n```json\n{"total": 3}\n```', "correct"),
        ('I got {"total": 3} for [x] and {y}.', "correct"),
        ('{"total": "3"}', "incorrect"),
        ('{"sum": 3}', "incorrect"),
        ('{"total": 3} or {"total": 4}', "unverifiable"),
        ('{"total": 3} of {"sum": 4}', "correct"),
        ("3", "unverifiable"),
        ("[[[[" * 10_000, "unverifiable"),
        ('{"a":' * 10_000, "unverifiable"),
        ("", "refused"),
    ],
)
def test_the_json_of_an_answer(answer: Any, decided: str) -> None:
    assert decision("json_path", 3, answer, path="$.total") == decided


def test_what_a_path_must_lead_to() -> None:
    answer = {"songs": [{"title": "Höhe", "length": "3:20"}, {"title": "Tief"}], "none": None}
    for path, value, decided in [
        ("$.songs[*].title", ["höhe", "Tief"], "correct"),
        ("$.songs[*].title", ["Tief", "Höhe"], "incorrect"),
        ("$.songs[0].title", None, "correct"),
        ("$.none", None, "incorrect"),
        ("$.songs[*].artist", None, "incorrect"),
        ("$.songs[1]", {"title": "tief"}, "correct"),
    ]:
        assert decision("json_path", value, answer, path=path) == decided, path
    assert decision("json_path", 3.3, {"n": 3.34}, path="$.n", tolerance=0.05) == "correct"
    part = Check(kind="items", value=["Tief", "Höhe"])
    assert decision("json_path", None, answer, path="$.songs[*].title", checks=(part,)) == "correct"
    inner = verdict(
        Check(
            kind="json_path", path="$.songs[0].length", checks=(Check(kind="time", value="03:20"),)
        ),
        answer,
    )
    assert (inner.decision, inner.parts[0].decision) == ("correct", "correct")
    assert inner.found[0].value == '"3:20"'


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "needs a path"),
        ({"path": "x"}, "is no JSON path"),
        ({"path": "$", "value": 1, "checks": (Check(kind="number", value=1),)}, "not both"),
        ({"path": "$", "checks": (Check(kind="gives_up"),) * 2}, "takes one check"),
    ],
)
def test_paths_that_cannot_be_checked(options: dict[str, Any], words: str) -> None:
    for kind in ("json_path", "state"):
        with pytest.raises(CheckError, match=words):
            verdict(Check(kind=kind, **options), "{}")


@given(st.text(st.characters(exclude_categories=())))
def test_json_is_looked_for_in_any_text(text: str) -> None:
    embedded_json(text)
    assert json.dumps({"a": text}) and embedded_json(f"x {json.dumps({'a': text})} y")[-1:]


def test_values_are_equal_as_a_person_says() -> None:
    assert equal_values({"a": [1, " Ö "]}, {"a": [1.0, "ö"]})
    assert not equal_values({"a": 1}, {"a": 1, "b": 2})
    assert not equal_values([1], [1, 1])
    assert not equal_values("1", 1)
    assert not equal_values(None, 0)
    assert equal_values(None, None)


# --- the state of a local world ---------------------------------------------------------------


@dataclass
class Cart:
    items: dict[str, int] = field(default_factory=dict)


shop = LocalTool("Things", "Box")


@shop.api(changes_state=True)
def put(state: Cart, x: str = "tea") -> int:
    """Put something in.

    Args:
        x: What.
    """
    state.items[x] = state.items.get(x, 0) + 1
    return state.items[x]


@shop.api()
def look(state: Cart) -> dict[str, int]:
    """Look."""
    return state.items


def world() -> LocalSimulator:
    return LocalSimulator([shop], make_state=lambda task, seed: Cart(), version="1")


TEA = Check(kind="state", path="$.items.tea", value=1)


def env(simulator: Any, check: Check = TEA) -> ToolEnv:
    made = ToolEnv([task(check=check)], simulator, max_steps=4)
    made.reset(seed=1)
    return made


def outcome(made: ToolEnv, answer: object = "done") -> tuple[str, float]:
    _, reward, _, _, info = made.step(finish(answer))
    return info["outcome"], reward


def test_the_state_decides_whatever_was_said() -> None:
    right, wrong = env(world()), env(world())
    right.step(call("put"))
    assert outcome(right) == ("passed", 1.0)
    assert outcome(wrong, "I put the tea in.") == ("failed", 0.0)


def test_forks_do_not_share_the_state() -> None:
    one = env(world())
    one.step(call("put", {"x": "milk"}))
    other = one.fork()
    other.step(call("put"))
    third = other.fork()
    third.step(call("put"))
    assert outcome(one) == ("failed", 0.0)
    assert outcome(other) == ("passed", 1.0)
    assert outcome(third) == ("failed", 0.0)
    states = [made.branch.last.state for made in (one, other, third) if made.branch.last]
    assert states == [
        {"items": {"milk": 1}},
        {"items": {"milk": 1, "tea": 1}},
        {"items": {"milk": 1, "tea": 2}},
    ]


def test_the_state_is_read_through_wrappers_and_ladders() -> None:
    wrapped = truncate(coalesce(world()))
    for simulator, tea in (
        (wrapped, {"tea": 1}),
        (first_of(wrapped, Counter()), {"tea": 1}),
        (first_of(Counter(), wrapped), {}),
    ):
        made = env(simulator)
        made.step(call("put"))
        made.step(finish())
        last = made.branch.last
        assert last is not None
        assert last.state == {"items": tea}


def test_a_simulator_without_state_leaves_it_open() -> None:
    assert outcome(env(Counter())) == ("unsure", 0.0)


def test_who_gives_up_has_declined() -> None:
    made = env(world())
    made.step(call("put"))
    assert outcome(made, None) == ("failed", 0.0)


def test_a_limit_does_not_undo_what_was_done() -> None:
    made = env(world())
    for _ in range(3):
        made.step(call("look"))
    _, reward, _, truncated, info = made.step(call("put"))
    assert (truncated, reward, info["outcome"]) == (True, 1.0, "passed")


def test_only_checks_that_read_the_state_are_given_it() -> None:
    made = env(world(), Check(kind="contains", value="done"))
    assert outcome(made) == ("passed", 1.0)
    assert made.branch.last is not None and made.branch.last.state is None


def test_a_record_decides_as_the_episode_did(tmp_path: Path) -> None:
    made = env(world(), Check(kind="all", checks=(TEA, Check(kind="contains", value="done"))))
    made.step(call("put"))
    made.step(finish())
    episode = made.episode(made.branch)
    with Journal(tmp_path / "journal.jsonl.zst", sync="never") as journal:
        journal.write(episode)
    (attempt,) = JournalReader(tmp_path / "journal.jsonl.zst").attempts()
    stored = attempt.episode(made.task)
    assert stored == episode
    assert verdict_of(stored) == verdict_of(episode) == "correct"


def verdict_of(episode: Any) -> str:
    from toolenv.checks import apply_check

    return apply_check(episode.task.check, episode.branch).decision


class Size(Enum):
    BIG = "big"


class Plain:
    def __init__(self) -> None:
        self.name = "x"


Point = namedtuple("Point", "x y")


def test_states_of_all_sorts_are_shown() -> None:
    state = {
        1: Point(1, 2.5),
        "cart": Cart({"tea": 1}),
        "set": {"b", "a"},
        "day": date(2026, 5, 3),
        "size": Size.BIG,
        "plain": Plain(),
        "nan": float("nan"),
        "tuple": (True, None),
    }
    assert shown_state(state) == {
        "1": {"x": 1, "y": 2.5},
        "cart": {"items": {"tea": 1}},
        "set": ["a", "b"],
        "day": "2026-05-03",
        "size": "big",
        "plain": {"name": "x"},
        "nan": None,
        "tuple": [True, None],
    }
    state["self"] = state
    assert shown_state(state) is None
    assert shown_state(None) is None
    assert shown_state(object()) is None
