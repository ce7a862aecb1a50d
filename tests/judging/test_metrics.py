from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from pathlib import Path

import pytest
from hypothesis import given

from tests.judging.calls_by_hand import Made, episode, task
from tests.running.episodes_by_hand import episodes as any_episodes
from toolenv.episodes import ROOT, Episode, Response, Status
from toolenv.formats.toolbench.converted import read_converted
from toolenv.judging.call_metrics import CALL_METRICS
from toolenv.judging.error_taxonomy import ERROR_KINDS, count_errors, errors_of
from toolenv.judging.gold_metrics import GOLD_METRICS
from toolenv.judging.grounding import GROUNDING_METRICS
from toolenv.judging.metrics import (
    Absent,
    Measured,
    Metric,
    Unit,
    compare_metrics,
    judged_branch,
    summarise_metrics,
    tools_of,
)

ALL = (*CALL_METRICS, *GROUNDING_METRICS, *GOLD_METRICS)
BY_NAME = {metric.name: metric for metric in ALL}
ONE = Metric("one", "one", lambda episode, gold: Measured(1.0))


def of(episode: Episode, name: str) -> Measured | Absent:
    return BY_NAME[name].measure(episode, None)


PARIS = ("search_for_sky", {"city": "Paris"}, {"degrees": 21})
WRONG = ("search_for_sky", {"town": "Paris"}, {"message": "no city"})
NOWHERE = ("search_for_sky", {"city": "Nowhere"}, {"message": "not found"})
UNKNOWN = ("search_the_web", {"q": "Paris"}, "")
TO_F = ("convert_for_units", {"value": 21}, {"result": 69.8})


@pytest.mark.parametrize(
    ("name", "made", "expected"),
    [
        ("finish_rate", [PARIS], Measured(1)),
        ("answer_rate", [PARIS], Measured(1)),
        ("api_success", [PARIS, TO_F], Measured(2, 2)),
        ("api_success", [NOWHERE, PARIS, WRONG], Measured(1, 3)),
        ("api_success", [UNKNOWN], Absent("no call")),
        ("api_success", [], Absent("no call")),
        ("unknown_functions", [UNKNOWN, PARIS], Measured(1, 2)),
        ("unknown_functions", [], Absent("no call")),
        ("invalid_arguments", [WRONG, PARIS, UNKNOWN], Measured(1, 2)),
        ("repeated_calls", [PARIS, TO_F, PARIS], Measured(1, 3)),
        ("recovery", [NOWHERE, PARIS], Measured(1, 1)),
        ("recovery", [PARIS, NOWHERE, UNKNOWN], Measured(0, 2)),
        ("recovery", [PARIS], Absent("no error")),
        ("relevant_coverage", [PARIS], Measured(1, 2)),
        ("relevant_coverage", [PARIS, PARIS, TO_F], Measured(2, 2)),
        ("relevant_calls", [PARIS, UNKNOWN], Measured(1, 2)),
        ("unanswered_calls", [PARIS], Measured(0, 1)),
        ("calls", [PARIS, TO_F], Measured(2)),
        ("steps_to_answer", ["Hm.", PARIS], Measured(3)),
        ("calls_to_answer", ["Hm.", PARIS], Measured(1)),
        ("tokens_to_answer", [PARIS], Measured(200)),
    ],
    ids=str,
)
def test_metrics_of_calls(name: str, made: Sequence[Made | str], expected: object) -> None:
    assert of(episode(*made), name) == expected


def test_what_did_not_happen_is_no_zero() -> None:
    gave_up = episode(PARIS, answer=None)
    assert of(gave_up, "finish_rate") == Measured(1) and of(gave_up, "answer_rate") == Measured(0)
    assert of(gave_up, "steps_to_answer") == Absent("no answer")
    cut_off = episode(PARIS, ended="limit:steps")
    assert of(cut_off, "finish_rate") == Measured(0)
    untold = episode(PARIS, outcome="unsure")
    assert of(untold, "pass_rate") == Absent("nothing has decided")
    unknown = episode(PARIS, of=task(relevant=None))
    assert of(unknown, "relevant_coverage") == Absent("relevant APIs are not known")
    assert all(isinstance(metric.measure(episode(PARIS), None), Absent) for metric in GOLD_METRICS)


def test_what_was_cut_away_is_not_guessed() -> None:
    cut = episode(("search_for_sky", {"city": "Paris"}, "It is wa"), completeness="truncated")
    assert of(cut, "api_success") == Absent("responses are cut")
    assert of(cut, "recovery") == Absent("responses are cut")
    assert of(cut, "unanswered_calls") == Absent("responses are cut")
    assert of(cut, "repeated_calls") == Measured(0, 1)
    told = episode(("search_for_sky", {"city": "Paris"}, {"a": 1}), completeness="truncated")
    assert of(told, "api_success") == Measured(1, 1)


def test_misses_count_as_neither_success_nor_error() -> None:
    missed = episode(PARIS, Response("", Status.MISS), PARIS)
    assert of(missed, "api_success") == Measured(2, 2)
    assert of(missed, "unanswered_calls") == Measured(1, 3)


def test_an_episode_that_infrastructure_broke_tells_nothing() -> None:
    unit = Unit.of(episode(PARIS, outcome="infrastructure_error"), ALL)
    assert set(unit.values) == {Absent("infrastructure error")}


@given(any_episodes().filter(lambda one: all(len(s.calls) == len(s.responses) for s in one.steps)))
def test_any_episode_can_be_measured(one: Episode) -> None:
    for value in Unit.of(one, ALL).values:
        if isinstance(value, Measured):
            assert value.whole > 0 and value.part >= 0
        else:
            assert value.reason
    assert set(errors_of(one)) <= set(ERROR_KINDS)
    branch = judged_branch(one)
    assert branch.at != ROOT or not one.steps


def units(values: dict[str, list[tuple[float, float] | None]]) -> list[Unit]:
    return [
        Unit(name, (name[:1],), (Absent("unknown") if one is None else Measured(*one),))
        for name, found in values.items()
        for one in found
    ]


def test_macro_counts_tasks_and_micro_counts_what_is_measured() -> None:
    found = units({"a": [(1, 1), (0, 3)], "b": [(4, 4)], "c": [None]})
    (figure,) = summarise_metrics(found, [ONE], 0)
    assert figure.macro.value == pytest.approx(0.75)
    assert figure.micro.value == pytest.approx(5 / 8)
    assert (figure.episodes, figure.computable, figure.tasks) == (4, 3, 2)
    assert figure.reasons == {"unknown": 1}
    assert figure.macro.low < 0.75 < figure.macro.high
    assert summarise_metrics(found, [ONE], 0) == [figure]


def test_nothing_computable_is_no_figure() -> None:
    (figure,) = summarise_metrics(units({"a": [None]}), [ONE], 0)
    assert isnan(figure.macro.value) and isnan(figure.micro.low) and figure.computable == 0
    (figure,) = summarise_metrics([], [ONE], 0)
    assert isnan(figure.macro.value) and figure.episodes == 0


def test_ten_of_ten_is_not_certain() -> None:
    (figure,) = summarise_metrics(units({str(n): [(1, 1)] for n in range(10)}), [ONE], 0)
    assert figure.macro.value == 1 and 0.6 < figure.macro.low < 0.75 and figure.macro.high == 1


def test_seeds_of_one_task_are_no_tasks() -> None:
    alone = units({f"{n}": [(float(n % 2), 1)] for n in range(20)})
    often = units({f"{n}": [(float(n % 2), 1)] * 5 for n in range(20)})
    ones, others = summarise_metrics(alone, [ONE], 0)[0], summarise_metrics(often, [ONE], 0)[0]
    assert ones.macro == others.macro and ones.micro == pytest.approx(others.micro)


def test_tools_are_drawn_with_their_tasks() -> None:
    found = units({f"{tool}{n}": [(float(tool == "a"), 1)] for tool in "ab" for n in range(30)})
    by_task = summarise_metrics(found, [ONE], 0)[0]
    by_tool = summarise_metrics(found, [ONE], 0, clusters="tool")[0]
    assert by_task.macro.value == by_tool.macro.value == pytest.approx(0.5)
    assert by_tool.clusters == 2 and by_task.clusters == 60
    assert by_tool.macro.high - by_tool.macro.low > 3 * (by_task.macro.high - by_task.macro.low)
    assert tools_of(task()) == ("Sky", "Units")


def test_differences_are_paired() -> None:
    hard = {f"{n}": float(n % 2) for n in range(40)}
    ones = units({name: [(0.5 * value, 1)] for name, value in hard.items()})
    others = units({name: [(0.5 * value + 0.5, 1)] for name, value in hard.items()})
    (moved,) = compare_metrics(ones, others, [ONE], 0)
    assert moved.macro.value == moved.micro.value == pytest.approx(0.5)
    assert moved.macro.low > 0.3 and moved.tasks == 40 and moved.p == pytest.approx(1e-4)
    (same,) = compare_metrics(ones, ones, [ONE], 0)
    assert same.macro.value == 0 and same.macro.low < 0 < same.macro.high and same.p == 1
    with pytest.raises(ValueError, match="'0'"):
        compare_metrics(ones[1:], ones, [ONE], 0)


def test_errors_are_counted_by_kind() -> None:
    found = count_errors(
        [
            episode("Let me think.", UNKNOWN, WRONG, ("search_for_sky", "{", ""), PARIS, PARIS),
            episode(NOWHERE, answer=None),
            episode(answer="It is 25 °C."),
            episode(PARIS, answer="It is 25 °C."),
            episode(ended="limit:steps"),
        ]
    )
    assert {kind: tuple(count) for kind, count in found.items()} == {
        "no_call": (1, 1),
        "unknown_function": (1, 1),
        "unreadable_arguments": (1, 1),
        "invalid_arguments": (1, 1),
        "loop": (1, 1),
        "api_error": (1, 1),
        "gave_up": (1, 1),
        "limit": (1, 1),
        "answer_without_call": (1, 1),
        "unsupported_claims": (3, 3),
    }


def test_published_answers_say_for_how_many_each_is_computable(data: Path) -> None:
    found = [
        one
        for path in sorted((data / "toolbench" / "tooleval_results").glob("*.json"))
        for one in read_converted(path)
    ]
    figures = {
        figure.metric: figure
        for figure in summarise_metrics([Unit.of(one, ALL) for one in found], ALL, 0, samples=50)
    }
    assert len(found) == 300
    assert {figure.episodes for figure in figures.values()} == {300}
    for figure in figures.values():
        assert figure.computable + sum(figure.reasons.values()) == 300
        assert isnan(figure.macro.value) == (figure.computable == 0)
    assert figures["finish_rate"].computable == figures["unknown_functions"].computable == 300
    assert figures["api_success"].reasons["responses are cut"] > 250
    assert 0 < figures["repeated_calls"].computable < 150
    assert figures["grounded_share"].computable == figures["node_f1"].computable == 0


def test_tasks_that_share_tools_say_less_than_tasks_on_their_own() -> None:
    """Three tools, each task with two of them; one tool fails, and with it half of the tasks."""
    pairs = [("a", "b"), ("a", "c"), ("b", "c")] * 20
    shared = [
        Unit(f"task {n:02}", tools, (Measured(float("a" not in tools)), Measured(n % 7 + 1.0, 1.0)))
        for n, tools in enumerate(pairs)
    ]
    count = Metric("steps", "steps", lambda episode, gold: Measured(0.0), kind="count")
    by_task, by_tool = (
        summarise_metrics(shared, [ONE, count], 0, clusters=clusters)
        for clusters in ("task", "tool")
    )
    for one, other in zip(by_task, by_tool, strict=True):
        assert one.macro.value == other.macro.value
        assert other.macro.low <= one.macro.low and one.macro.high <= other.macro.high
    assert by_tool[0].macro.high - by_tool[0].macro.low > 0.6
    moved, _ = compare_metrics(shared, shared, [ONE, count], 0, clusters="tool")
    assert moved.macro.low < 0 < moved.macro.high and moved.macro.value == 0


def test_tools_that_all_tasks_need_are_one_tool() -> None:
    alike = [Unit(f"{n}", ("a", "b"), (Measured(float(n % 2)),)) for n in range(20)]
    (found,) = summarise_metrics(alike, [ONE], 0, clusters="tool")
    assert (found.macro.low, found.macro.high) == (0, 1)
