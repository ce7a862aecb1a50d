from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulators.test_neighbour import SEARCH, SEO, search
from toolenv import bridge
from toolenv.apis import Identity
from toolenv.episodes import ROOT, Branch, Call, Response, Status
from toolenv.errors import ConfigurationError
from toolenv.simulators import (
    Masked,
    MaskedSimulator,
    NeighbourSimulator,
    RecordedSimulator,
    open_simulator,
)
from toolenv.simulators.masking import Agreement, agreement, measure_rung
from toolenv.snapshots import Recorded, Snapshot, freeze


@pytest.fixture
def recordings(tmp_path: Path) -> Snapshot:
    freeze([search({"n": number}, str(number // 2)) for number in range(400)], tmp_path / "r.snap")
    return Snapshot(tmp_path / "r.snap")


def shown(masked: Masked) -> set[str]:
    return {record.arguments for record in masked.records()}


def test_a_share_is_hidden_and_the_same_each_time(recordings: Snapshot) -> None:
    masked = Masked(recordings, 0.25, seed=1)
    hidden = 400 - len(shown(masked))
    assert 60 <= hidden <= 140
    assert shown(Masked(recordings, 0.25, seed=1)) == shown(masked)
    assert shown(Masked(recordings, 0.25, seed=2)) != shown(masked)
    assert shown(Masked(recordings, 0.5, seed=1)) < shown(masked)
    assert shown(Masked(recordings, 0)) == {record.arguments for record in recordings.records()}
    assert shown(Masked(recordings, 1)) == set()


def test_hidden_calls_are_misses_and_the_others_are_answered(recordings: Snapshot) -> None:
    masked = Masked(recordings, 0.5, seed=3)
    session = MaskedSimulator(recordings, 0.5, 3).open(SEO, 0)
    for record in recordings.records():
        call = Call("search_for_seo", {"n": int(record.arguments[5:-1])}, SEARCH, "")
        answer = bridge.run(session.call(call, Branch(SEO, [], ROOT)))
        assert (answer is None) == masked.hides(record.key)
        assert len(masked.lookup(SEARCH, record.key)) == (answer is not None)


def test_it_is_an_option_of_every_rung_over_recordings(recordings: Snapshot) -> None:
    plain = f"snapshot:{recordings.path}"
    prints = {
        open_simulator(f"{plain}?{options}").fingerprint
        for options in ("", "mask=0.5", "mask=0.5&mask_seed=1", "mask=0.2")
    }
    assert len(prints) == 4
    assert (
        open_simulator(f"{plain}?mask=0.5&mask_seed=1").fingerprint
        == MaskedSimulator(recordings, 0.5, 1).fingerprint
    )
    blind = open_simulator(f"neighbour:{recordings.path}?mask=1")
    call = Call("search_for_seo", {"n": 1}, SEARCH, "")
    assert bridge.run(blind.open(SEO, 0).call(call, Branch(SEO, [], ROOT))) is None
    blind.close()
    with pytest.raises(ConfigurationError, match="mask"):
        open_simulator(f"{plain}?mask=1.5")


def test_a_rung_is_measured_against_what_was_hidden(recordings: Snapshot) -> None:
    exact = measure_rung(recordings, RecordedSimulator, share=0.3, seed=1)
    assert exact.hidden > 80 and exact.answered == 0
    near = measure_rung(recordings, NeighbourSimulator, share=0.3, seed=1)
    assert near.hidden == near.answered == exact.hidden
    assert 0 < near.equal < near.hidden  # half of the numbers share their answer with the next
    assert near.same_success == near.objects == near.hidden
    assert near.key_overlap == 1
    assert measure_rung(recordings, NeighbourSimulator, share=0.3, seed=1) == near
    assert measure_rung(recordings, NeighbourSimulator, share=0.3, seed=1, limit=7).hidden == 7
    assert next(recordings.records())  # left open


def test_what_was_seen_after_a_change_is_counted_and_not_asked_for(tmp_path: Path) -> None:
    late = search({"n": 1}, "late")._replace(changes="ab" * 16)
    freeze([late, search({"n": 2}, "early")], tmp_path / "r.snap")
    with Snapshot(tmp_path / "r.snap") as recordings:
        found = measure_rung(recordings, NeighbourSimulator, share=1)
    assert (found.hidden, found.left_out) == (1, 1)


def test_agreement_counts_texts_success_and_keys() -> None:
    fine = Response('{"error":"","response":{"a":[{"b":1},{"c":2}]}}')
    alike = Response('{"error":"","response":{"a":[{"b":5}],"d":0}}')
    failed = Response('{"error":"no","response":""}', Status.NOT_FOUND)
    prose = Response("some words")
    found = agreement([(fine, fine), (fine, alike), (fine, failed), (failed, None), (prose, fine)])
    # keys of fine: error, response, a, a/[]/b, a/[]/c; of alike: the same without c, and d
    assert found[:5] == (5, 4, 1, 3, 3)
    assert found.key_overlap == pytest.approx((1 + 4 / 6 + 2 / 5) / 3)
    assert agreement([]) == Agreement(0, 0, 0, 0, 0, 0.0)


def test_what_is_hidden_is_hidden_under_its_canonical_key_too(tmp_path: Path) -> None:
    canonical = "cd" * 16
    twins = [
        Recorded(SEARCH, text, Response(answer, Status.OK, recording="1"), "", "", canonical)
        for text, answer in (('{"n":1}', "one"), ('{"n":"1"}', "text"))
    ]
    freeze(twins, tmp_path / "r.snap")
    with Snapshot(tmp_path / "r.snap") as recordings:
        key = bytes.fromhex(canonical)
        seeds = range(40)
        seen = {
            tuple(
                response.text
                for response in Masked(recordings, 0.5, seed).lookup_canonical(
                    Identity("search_for_seo"), key
                )
            )
            for seed in seeds
        }
    assert seen == {(), ("one",), ("text",), ("one", "text")}
