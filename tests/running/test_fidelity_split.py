from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.snapshots.recordings_by_hand import record
from toolenv.actions import read_arguments
from toolenv.apis import API, Identity, Parameter
from toolenv.episodes import Response, Status
from toolenv.errors import ConfigurationError
from toolenv.jsontext import render
from toolenv.running.fidelity_split import Split, hold_out, loose_distance
from toolenv.snapshots import (
    Documentation,
    Recorded,
    Snapshot,
    documented,
    freeze,
    import_records,
)


class Listed:
    """Recordings from a list."""

    fingerprint = "listed"

    def __init__(self, records: Iterable[Recorded]) -> None:
        self._records = list(records)

    def records(self) -> Iterator[Recorded]:
        return iter(self._records)

    def lookup(self, identity: Identity, key: bytes) -> Sequence[Response]:
        return [one.response for one in self._records if one.key == key]

    def lookup_canonical(self, identity: Identity, key: bytes) -> Sequence[Response]:
        return []

    def close(self) -> None:
        pass


def api(name: str) -> Identity:
    return Identity(f"{name}_for_tool", "Data", "tool", name)


def call(name: str, arguments: object, **more: Any) -> Recorded:
    return record(render(arguments), identity=api(name), **more)


def proves_apart(split: Split, recordings: Any, least: float) -> None:
    """No example is what was held out, of an API that was, or near to a call that was."""
    examples = list(split.examples(recordings))
    keys = {one.key for one in examples}
    functions = {one.identity.function for one in examples}
    for one in split.held_out:
        assert one.record.key not in keys
        if one.way == "api":
            assert one.record.identity.function not in functions and one.nearest is None
        else:
            arguments = read_arguments(one.record.arguments)[0] or {}
            away = [
                loose_distance(arguments, read_arguments(other.arguments)[0] or {})
                for other in examples
                if other.identity.function == one.record.identity.function
            ]
            assert one.nearest is not None and min(away) == one.nearest >= least


arguments = st.dictionaries(
    st.sampled_from("abc"),
    st.sampled_from([1, "1", 2, 30, "x", "X ", "xyz", None, True]),
    max_size=3,
)
recorded = st.lists(
    st.builds(call, st.sampled_from(["one", "two", "three"]), arguments), min_size=1, max_size=25
)


@settings(max_examples=150)
@given(
    recorded,
    st.floats(0, 1),
    st.floats(0.05, 1),
    st.floats(0, 1),
    st.integers(0, 3),
    st.randoms(use_true_random=False),
)
def test_nothing_held_out_is_among_the_examples_nor_near_to_them(
    records: list[Recorded], apis: float, calls: float, least: float, seed: int, mixed: Any
) -> None:
    chosen = {"api_share": apis, "call_share": calls, "min_distance": least, "seed": seed}
    try:
        split = hold_out(Listed(records), **chosen)  # type: ignore[arg-type]
    except ConfigurationError:
        return  # too few calls, or all too near
    proves_apart(split, Listed(records), least)
    assert all(one.record in records for one in split.held_out)
    mixed.shuffle(records)
    assert hold_out(Listed(records), **chosen) == split  # type: ignore[arg-type]


CALLS = [
    call(name, {"city": city})
    for name in ("one", "two", "three", "four", "five")
    for city in ("Paris", "Rome", "Berlin", "Lisbon", "Oslo")
]


def test_shares_are_kept_and_the_seed_chooses() -> None:
    split = hold_out(Listed(CALLS), api_share=0.2, call_share=0.4, min_distance=0.3)
    whole = [one for one in split.held_out if one.way == "api"]
    apart = [one for one in split.held_out if one.way == "distance"]
    assert len(split.apis) == 1 and len(whole) == 5 and len(apart) == 4 * 2
    assert len(list(split.examples(Listed(CALLS)))) == 25 - 5 - 8 - split.near
    others = [hold_out(Listed(CALLS), seed=seed).held_out for seed in range(6)]
    assert len({tuple(one.record.key for one in other) for other in others}) > 1
    few = hold_out(Listed(CALLS), per_api=1, limit=2)
    assert [one.way for one in few.held_out] == ["api", "distance", "distance"]
    assert {one.way for one in hold_out(Listed(CALLS), ways=["api"]).held_out} == {"api"}
    assert not hold_out(Listed(CALLS), ways=["distance"]).apis


def test_other_spellings_of_a_call_are_no_examples_of_it() -> None:
    number = Parameter(name="Page No", type="NUMBER")
    document = API(category="Data", tool="tool", name="one", parameters=(number,))
    spellings = [{"page_no": 3}, {"page_no": "3"}, {"page_no": "3.0"}, {"Page No": 3}]
    known = Documentation([document])
    records = [documented(call("one", one), known) for one in spellings]
    far = [documented(call("one", {"page_no": 900}), known)]
    for seed in range(8):
        split = hold_out(Listed(records + far), api_share=0, call_share=1, seed=seed)
        (one,) = split.held_out
        left = [other.arguments for other in split.examples(Listed(records + far))]
        if one.record in records:
            assert left == ['{"page_no":900}'] and split.near == 3
    assert loose_distance({"q": " Paris", "n": 3, "u": None}, {"Q": "paris", "n": "3.0"}) > 0
    assert loose_distance({"q": " Paris", "n": 3, "u": None}, {"Q": "paris", "n": "3"}) == 0


def test_other_answers_to_a_held_out_call_are_left_out_with_it() -> None:
    again = [
        one._replace(response=one.response._replace(text=f'"{n}"', recording=f"r{n}"))
        for n, one in enumerate(CALLS)
    ]
    later = [one._replace(changes="ab" * 16) for one in CALLS]
    everything = Listed([*again, *CALLS, *later])
    split = hold_out(everything)
    proves_apart(split, everything, 0.3)
    assert split.left_out == {"made after a change": 25}
    assert all(one.record.response.recording == "1" for one in split.held_out)  # the earliest


def test_what_says_nothing_of_a_call_is_neither_asked_nor_shown() -> None:
    nothing = [
        call("one", {"city": "Kyiv"}, origin="simulated"),
        call("one", {"city": "Bern"}, origin="environment"),
        call("one", {"city": "Riga"}, status=Status.RATE_LIMITED),
        call("one", {"city": "Bonn"}, status=Status.TIMEOUT),
        record("[1]", identity=api("one")),
        record("{broken", identity=api("one")),
    ]
    everything = Listed([*CALLS, *nothing])
    split = hold_out(everything, call_share=1)
    assert split.left_out == {
        "no answer of the API": 2,
        "of origin environment": 1,
        "of origin simulated": 1,
        "without readable arguments": 2,
    }
    shown = list(split.examples(everything))
    assert not {one.key for one in nothing} & {
        one.key for one in (*shown, *(held.record for held in split.held_out))
    }
    assert (
        hold_out(everything, real=["live", "simulated"]).left_out.get("of origin simulated") is None
    )


def test_what_cannot_be_held_out_is_said() -> None:
    with pytest.raises(ConfigurationError, match="No recorded call can be held out") as refused:
        hold_out(Listed([call("one", {"a": 1}, origin="simulated")]))
    assert "1 of origin simulated" in str(refused.value)
    with pytest.raises(ConfigurationError, match="No recorded call"):
        hold_out(Listed([call("one", {"a": 1})]), api_share=0)
    for name in ("api_share", "call_share", "min_distance"):
        with pytest.raises(ConfigurationError, match=f"{name}: 1.5 is no share"):
            hold_out(Listed(CALLS), **{name: 1.5})  # type: ignore[arg-type]


def test_published_trees_are_held_out_cleanly(data: Path, tmp_path: Path) -> None:
    trees = [data / "toolbench" / "answer", data / "stabletoolbench" / "answers"]
    freeze(import_records(trees), tmp_path / "all.snap")
    with Snapshot(tmp_path / "all.snap") as recordings:
        for seed in range(3):
            split = hold_out(recordings, call_share=0.5, seed=seed)
            proves_apart(split, recordings, 0.3)
            freeze(split.examples(recordings), tmp_path / "examples.snap")
            with Snapshot(tmp_path / "examples.snap") as examples:
                for one in split.held_out:
                    assert not examples.lookup(one.record.identity, one.record.key)
