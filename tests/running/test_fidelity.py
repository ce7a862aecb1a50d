from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.running import pretending
from tests.running.pretending import APIS
from toolenv.errors import ConfigurationError
from toolenv.running.fidelity import evaluate_simulation
from toolenv.running.fidelity_examples import simulator_maker
from toolenv.running.fidelity_report import Condition, FidelityReport, Measure, Measured
from toolenv.running.reproduction import read_answers
from toolenv.simulators import NeighbourSimulator, SimulatorBase
from toolenv.snapshots import Snapshot, freeze, import_records

HERE = f"local:{pretending.__name__}"
SHOWN = "examples={examples}&count={count}"


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snapshot]:
    file = tmp_path_factory.mktemp("fidelity") / "real.snap"
    freeze(pretending.recorded(), file)
    with Snapshot(file) as opened:
        yield opened


def evaluated(recordings: Snapshot, simulator: Any, **more: Any) -> FidelityReport:
    return evaluate_simulation(recordings, simulator, **{"samples": 100, "apis": APIS, **more})


def whole(recordings: Snapshot, simulator: Any, **more: Any) -> Condition:
    """What becomes of all calls, each API being held out whole."""
    report = evaluated(recordings, simulator, ways=["api"], api_share=1, **more)
    assert report.example_responses == 0
    return report.conditions[-1]


def values(figures: dict[Any, Measured]) -> dict[str, float]:
    return {name: one.value for name, one in figures.items()}


def test_a_simulator_that_is_right_is_found_right(recordings: Snapshot) -> None:
    found = whole(recordings, f"{HERE}:right")
    assert (found.asked, found.answered, found.sources) == (80, 80, {"llm": 80})
    good = {
        "answered": 1,
        "keys": 1,
        "types": 1,
        "agreement": 1,
        "unclear": 0,
        "equal": 1,
        "length": 1,
    }
    fits = {"fits_document": 1, "fits_recorded": 1}
    assert values(found.figures["all"]) == {**good, **fits, "accepted": 0, "refused": 0}
    assert values(found.figures["success"]) == {**good, **fits, "refused": 0}
    no_body = ("keys", "length")  # the body of these errors is empty
    assert values(found.figures["error"]) == {
        **{name: value for name, value in good.items() if name not in no_body},
        "accepted": 0,
    }
    assert found.figures["success"]["fits_document"].calls == 20  # of the APIs that state one
    assert all(one.low == one.high == one.value for one in found.figures["all"].values())


def test_a_simulator_that_is_wrong_is_found_wrong(recordings: Snapshot) -> None:
    found = values(whole(recordings, f"{HERE}:wrong").figures["all"])
    assert (found["agreement"], found["accepted"], found["refused"]) == (0, 1, 1)
    assert (found["keys"], found["equal"], found["fits_document"]) == (0, 0, 0)


def test_a_known_confusion_is_measured_as_it_is(recordings: Snapshot) -> None:
    found = whole(recordings, f"{HERE}:confused")
    assert (found.asked, found.answered, found.unanswered, found.failed) == (80, 60, 10, 10)
    every, good, bad = (found.figures[name] for name in ("all", "success", "error"))
    assert every["answered"].value == 0.75
    assert (bad["accepted"].value, bad["accepted"].calls) == (round(1 / 3, 6), 30)
    assert (good["refused"].value, good["refused"].calls) == (round(2 / 3, 6), 30)
    assert every["agreement"].value == 0.5
    # Lisbon: of city and days with high, city alone, and one key more; as a number
    assert good["keys"].value == round((0 + 0 + 2 / 5) / 3, 6)
    assert every["fits_document"].value == 0 and every["fits_recorded"].value == 0
    assert every["agreement"].apis == 10 and every["agreement"].low == 0.5  # all APIs are alike


def test_what_is_not_answered_is_never_wrong(recordings: Snapshot) -> None:
    """What fails or has no answer shows as such, and in no other figure."""

    def answers(city: str, call: object) -> Any:
        return pretending.truth(city) if city in ("Paris", "Xyzzy") else None

    found = whole(recordings, lambda file, count: pretending.Pretending(answers))
    assert (found.answered, found.unanswered) == (20, 60)
    figures = values(found.figures["all"])
    assert (figures.pop("answered"), figures["agreement"], figures["keys"]) == (0.25, 1, 1)
    assert found.figures["all"]["agreement"].calls == 20


def test_examples_are_given_by_condition(recordings: Snapshot) -> None:
    report = evaluated(recordings, f"{HERE}:learns?{SHOWN}", examples=[5, 0, 3, 1, 3])
    by_count = {
        (way, count): report.condition(way, count).figures["all"]
        for way in ("api", "distance")
        for count in (0, 1, 3, 5)
    }
    order = [(one.way, one.who, one.examples) for one in report.conditions]
    expected = [("copying", None), *(("simulator", count) for count in (0, 1, 3, 5))]
    assert order == [(way, *one) for way in ("api", "distance") for one in expected]
    for way in ("api", "distance"):
        assert [by_count[way, count]["accepted"].value for count in (0, 1, 3, 5)] == [0, 1, 0, 0]
        assert by_count[way, 0]["unclear"].value == 1 and by_count[way, 0]["keys"].value == 0
        assert by_count[way, 3]["agreement"].value == 1
    prints = {one.fingerprint for one in report.conditions if one.who == "simulator"}
    assert prints == {f"simulator-learns-{count}" for count in (0, 1, 3, 5)}


@pytest.mark.parametrize("seed", range(3))
def test_no_simulator_can_find_what_is_held_out_among_its_examples(
    recordings: Snapshot, seed: int
) -> None:
    report = evaluated(recordings, f"{HERE}:peeks?{SHOWN}", call_share=0.5, seed=seed)
    assert report.example_responses > 0
    for one in report.conditions:
        assert (one.asked > 0 and one.answered == 0) or one.who == "copying"


def test_the_baseline_copies_the_nearest_and_the_simulator_is_compared_with_it(
    recordings: Snapshot,
) -> None:
    report = evaluated(recordings, f"{HERE}:right", call_share=0.5)
    copying = report.condition("distance", who="copying")
    assert copying.answered == copying.asked and copying.sources == {"neighbour": copying.asked}
    assert all(one.difference is None for one in copying.figures["all"].values())
    mine = report.condition("distance").figures["all"]
    theirs = copying.figures["all"]
    names: tuple[Measure, ...] = ("keys", "agreement", "accepted")
    for name in names:
        difference = mine[name].difference
        assert difference is not None and difference.calls <= mine[name].calls
    agreement = mine["agreement"].difference
    assert agreement is not None
    assert agreement.value == pytest.approx(1 - theirs["agreement"].value, abs=2e-6)
    assert agreement.low is not None and agreement.low <= agreement.value
    # of an API that is held out whole, nothing can be copied
    nothing = report.condition("api", who="copying")
    assert (nothing.answered, list(nothing.figures["all"])) == (0, ["answered"])
    assert report.condition("api").figures["all"]["keys"].difference is None


def test_copying_against_itself_differs_in_nothing(recordings: Snapshot) -> None:
    def copy(file: Path, count: int) -> SimulatorBase:
        return NeighbourSimulator(Snapshot(file), max_distance=1, failures=True)

    report = evaluated(recordings, copy, ways=["distance"], examples=[1])
    mine = report.condition("distance", 1)
    for figures in mine.figures.values():
        for one in figures.values():
            assert one.difference is not None
            assert {one.difference.value, one.difference.low, one.difference.high} == {0}


def test_a_simulator_of_the_recordings_themselves_is_told(recordings: Snapshot) -> None:
    report = evaluated(recordings, f"snapshot:{recordings.path}")
    assert report.condition("api").sources.keys() == {"snapshot"}


def test_the_report_says_what_was_held_out(recordings: Snapshot) -> None:
    told: list[tuple[int, int | None]] = []
    report = evaluated(
        recordings,
        f"{HERE}:learns?{SHOWN}",
        examples=[0, 1],
        call_share=0.5,
        limit=7,
        report=lambda done, total: told.append((done, total)),
    )
    by_api, by_distance = report.held_out["api"], report.held_out["distance"]
    assert (by_api.calls, by_distance.calls) == (7, 7)
    assert by_distance.nearest is not None and by_distance.nearest[0] >= 0.3
    assert by_api.nearest is None
    assert by_api.fit_document in (None, 1)
    assert sum(by_api.recorded.values()) == 7 and by_api.cut == 0
    assert told[-1] == (28, 28) and [done for done, _ in told] == list(range(1, 29))
    with pytest.raises(KeyError):
        report.condition("api", 5)


def test_equal_inputs_give_equal_bytes(recordings: Snapshot) -> None:
    reports = [
        evaluated(
            recordings, f"{HERE}:learns?{SHOWN}", call_share=0.5, concurrency=concurrency
        ).model_dump_json()
        for concurrency in (1, 8, 8)
    ]
    assert len(set(reports)) == 1
    assert FidelityReport.model_validate_json(reports[0]).model_dump_json() == reports[0]
    assert "/tmp" not in reports[0]


def test_settings_that_cannot_be_are_refused(recordings: Snapshot) -> None:
    for examples in ([], [-1]):
        with pytest.raises(ConfigurationError, match="numbers of examples"):
            evaluated(recordings, f"{HERE}:right", examples=examples)
    with pytest.raises(ConfigurationError, match="examples of its own"):
        evaluated(recordings, "llm:model?examples=real.snap")
    assert simulator_maker("llm:model|retry")[1]
    assert not simulator_maker(["store:a", "local:b:c"])[1]
    assert simulator_maker("neighbour:{examples}")[1]


def test_copying_is_measured_on_published_trees(data: Path, tmp_path: Path) -> None:
    trees = [data / "toolbench" / "answer", data / "stabletoolbench" / "answers"]
    freeze(import_records(trees), tmp_path / "all.snap")
    documents = [api for episode in read_answers(trees) for api in episode.task.apis]
    with Snapshot(tmp_path / "all.snap") as opened:
        report = evaluate_simulation(
            opened,
            "neighbour:{examples}?max_distance=1&failures=1",
            examples=[1],
            apis=documents,
            call_share=0.5,
            samples=100,
        )
    copying, same = report.condition("distance", who="copying"), report.condition("distance", 1)
    assert copying.asked == same.asked > 10
    # the ladder's rung is asked through a session, and does not answer for calls that may change
    assert same.answered <= copying.answered == copying.asked
    for name, one in copying.figures["all"].items():
        assert 0 <= one.value <= 1 or name == "length"
