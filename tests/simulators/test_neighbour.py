from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.simulators.worlds import ADD, SHOW, ask, opened, recorded, text
from toolenv import bridge
from toolenv.apis import API, Identity, Parameter
from toolenv.episodes import ROOT, Branch, Call, Response, Status
from toolenv.errors import ConfigurationError
from toolenv.jsontext import JsonValue, parse, render
from toolenv.simulators import NeighbourSimulator, open_simulator
from toolenv.simulators.neighbour import distance
from toolenv.snapshots import Recorded, Snapshot, Store, freeze
from toolenv.tasks import Task

numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
values: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=8) | st.text(min_size=65, max_size=80),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
calls = st.dictionaries(st.text(max_size=3), values, max_size=4)

SEARCH = Identity("search_for_seo", "Data", "seo", "search")
SEO = Task(
    id="seo",
    instruction="Look it up.",
    apis=(API(category="Data", tool="seo", name="search", parameters=(Parameter(name="q"),)),),
)


def snapshot(path: Path, *records: Recorded) -> Snapshot:
    freeze(records, path / "recorded.snap")
    return Snapshot(path / "recorded.snap")


def search(
    arguments: dict[str, JsonValue], answer: str, *, identity: Identity = SEARCH, **more: object
) -> Recorded:
    fields: dict[str, object] = {"origin": "live", "recording": "1", **more}
    body = f'{{"error":"","response":{{"found":"{answer}"}}}}'
    return Recorded(identity, render(arguments), Response(body, **fields))  # type: ignore[arg-type]


def found(
    simulator: NeighbourSimulator, arguments: dict[str, JsonValue], identity: Identity = SEARCH
) -> str | None:
    call = Call(identity.function, arguments, identity, render(arguments))
    past = Branch(SEO, [], ROOT)
    response = bridge.run(simulator.open(SEO, 0).call(call, past))
    if response is None:
        return None
    body = parse(response.text)
    assert isinstance(body, dict)
    inner = body["response"]
    assert isinstance(inner, dict)
    return str(inner["found"])


@given(calls, calls)
def test_the_distance_is_between_nothing_and_all_and_the_same_both_ways(
    one: dict[str, JsonValue], other: dict[str, JsonValue]
) -> None:
    assert 0 <= distance(one, other) <= 1
    assert distance(one, other) == distance(other, one)


@given(calls)
def test_equal_calls_are_at_no_distance(call: dict[str, JsonValue]) -> None:
    assert distance(call, dict(reversed(call.items()))) == 0


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ({"n": 90}, {"n": 100}, 0.1),
        ({"n": -1}, {"n": 1}, 1.0),
        ({"n": 2**2000}, {"n": 1.5}, 1.0),
        ({"n": 1}, {"n": True}, 1.0),
        ({"n": None}, {"n": None}, 0.0),
        ({"q": "kitten"}, {"q": "sitting"}, 3 / 7),
        ({"q": "Paris"}, {"q": "Paris", "page": 1}, 0.5),
        ({"q": "a b " * 20}, {"q": "b c " * 20}, 2 / 3),
        ({"ids": [1, 2]}, {"ids": [1, 2, 3, 4]}, 0.5),
        ({"at": {"x": 1, "y": 2}}, {"at": {"x": 1, "y": 4}}, 0.25),
        ({"q": "1"}, {"q": 1}, 1.0),
        ({}, {}, 0.0),
    ],
)
def test_the_distance_is_as_documented(
    one: dict[str, JsonValue], other: dict[str, JsonValue], expected: float
) -> None:
    assert distance(one, other) == pytest.approx(expected)


def test_the_nearest_call_answers_and_says_that_it_is_a_neighbour(tmp_path: Path) -> None:
    recordings = snapshot(
        tmp_path, search({"q": "Paris"}, "far"), search({"q": "London weather"}, "near")
    )
    with NeighbourSimulator(recordings) as simulator:
        call = Call("search_for_seo", {"q": "London wether"}, SEARCH, "")
        response = bridge.run(simulator.open(SEO, 0).call(call, Branch(SEO, [], ROOT)))
    assert response is not None and "near" in response.text
    assert (response.source, response.origin) == ("neighbour", "live")


def test_ties_go_to_the_smaller_key(tmp_path: Path) -> None:
    records = [search({"q": f"a{letter}"}, letter) for letter in "bcdefg"]
    smallest = min(records, key=lambda record: record.key)
    for order in (records, records[::-1]):
        with NeighbourSimulator(snapshot(tmp_path, *order)) as simulator:
            answer = found(simulator, {"q": "ax"})
            assert answer is not None and f'"{answer}"' in smallest.response.text


def test_only_calls_of_the_same_api_are_neighbours(tmp_path: Path) -> None:
    other = SEARCH._replace(category="News")
    recordings = snapshot(
        tmp_path,
        search({"q": "a"}, "news", identity=other),
        search({"q": "a"}, "find", identity=Identity("find_for_seo")),
    )
    with NeighbourSimulator(recordings, max_distance=1) as simulator:
        assert found(simulator, {"q": "b"}) is None
        assert found(simulator, {"q": "b"}, Identity("search_for_seo")) == "news"


def test_errors_answer_only_where_they_are_asked_for(tmp_path: Path) -> None:
    failed = search({"q": "ab"}, "error", status=Status.NOT_FOUND)
    recordings = snapshot(tmp_path, failed, search({"q": "ax"}, "fine"))
    assert found(NeighbourSimulator(recordings), {"q": "abc"}) is None  # two edits of three
    assert found(NeighbourSimulator(recordings, failures=True), {"q": "abc"}) == "error"
    assert found(NeighbourSimulator(recordings, max_distance=0.7), {"q": "abc"}) == "fine"


def test_the_first_answer_that_may_answer_is_served(tmp_path: Path) -> None:
    recordings = snapshot(
        tmp_path,
        search({"q": "ab"}, "left out", recording="1"),
        search({"q": "ab"}, "failed", recording="2", status=Status.API_ERROR),
        search({"q": "ab"}, "served", recording="3"),
    )
    assert found(NeighbourSimulator(recordings, without=["1"]), {"q": "ac"}) == "served"
    assert found(NeighbourSimulator(recordings, without=["1", "3"]), {"q": "ac"}) is None


def test_a_change_is_never_answered_and_state_is_kept_apart(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    with NeighbourSimulator(store, max_distance=1) as simulator:
        for record in (
            *recorded(ADD, ['{"error":"","response":1}'], arguments='{"item":"tea"}'),
            *recorded(SHOW, ['{"error":"","response":{"tea":1}}'], arguments='{"x":1}'),
        ):
            store.add(record)
        changed = recorded(SHOW, ['{"error":"","response":{"late":1}}'], arguments='{"x":3}')[0]
        store.add(changed._replace(changes="ab" * 16))
        session = opened(simulator)
        assert ask(session, ADD, {"item": "tee"}) is None
        assert '"tea"' in text(ask(session, SHOW, {"x": 3}))  # not what was seen after a change


def test_what_is_no_object_has_no_neighbours(tmp_path: Path) -> None:
    recordings = snapshot(tmp_path, *recorded(SHOW, ["{}"], arguments="[1]"))
    with NeighbourSimulator(recordings, max_distance=1) as simulator:
        assert ask(opened(simulator), SHOW, "[1, 2]") is None
        assert ask(opened(simulator), SHOW, {"x": 1}) is None


def test_texts_that_are_no_unicode_are_compared_too(tmp_path: Path) -> None:
    with Store(tmp_path / "store") as store, NeighbourSimulator(store) as simulator:
        store.add(search({"q": "abc\ud800"}, "lone"))
        assert found(simulator, {"q": "abc"}) == "lone"


def test_memory_is_bounded_by_the_apis_asked_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toolenv.simulators.recorded_calls._IN_MEMORY", 25)
    records = [
        search({"q": f"{number:03}"}, f"{api}-{number}", identity=Identity(f"f{api}"))
        for api in range(6)
        for number in range(10)
    ]
    with NeighbourSimulator(snapshot(tmp_path, *records), max_distance=1) as simulator:
        for turn in (*range(6), *range(6)):
            answer = found(simulator, {"q": "003x"}, Identity(f"f{turn}"))
            assert answer == f"{turn}-3"
            assert len(simulator._calls._loaded) <= 2


def test_it_is_named_in_text(tmp_path: Path) -> None:
    snapshot(tmp_path, search({"q": "ab"}, "one")).close()
    with Store(tmp_path / "store") as store:
        store.add(search({"q": "ab"}, "two"))
    for place, answer in (("recorded.snap", "one"), ("store", "two")):
        simulator = open_simulator(f"neighbour:{tmp_path / place}?max_distance=0.5")
        assert isinstance(simulator, NeighbourSimulator)
        assert found(simulator, {"q": "ac"}) == answer
        simulator.close()
    with pytest.raises(ConfigurationError, match="from 0"):
        open_simulator(f"neighbour:{tmp_path / 'recorded.snap'}?max_distance=2")
    with pytest.raises(ConfigurationError, match="no number"):
        open_simulator(f"neighbour:{tmp_path / 'recorded.snap'}?max_distance=near")


def test_the_fingerprint_says_what_counts_as_near(tmp_path: Path) -> None:
    recordings = snapshot(tmp_path, search({"q": "ab"}, "one"))
    prints = {
        NeighbourSimulator(recordings).fingerprint,
        NeighbourSimulator(recordings, max_distance=0.1).fingerprint,
        NeighbourSimulator(recordings, failures=True).fingerprint,
        NeighbourSimulator(recordings, without=["1"]).fingerprint,
    }
    assert len(prints) == 4
