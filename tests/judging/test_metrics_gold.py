from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.judging.calls_by_hand import Made, episode, task
from toolenv.errors import ConfigurationError, FormatError
from toolenv.formats.gold import Checkpoint, Gold, GoldCall, read_gold
from toolenv.judging.gold_metrics import GOLD_METRICS, checkpoints_met, equal_form
from toolenv.judging.grounding import GROUNDING_METRICS, claims_of, ground
from toolenv.judging.metrics import Absent, Measured, Metric, Unit, judged_branch

GOLD = {metric.name: metric for metric in (*GOLD_METRICS, *GROUNDING_METRICS)}

PARIS = ("search_for_sky", {"city": "Paris"}, {"degrees": 21})
ROME = ("search_for_sky", {"city": "Rome"}, {"degrees": 25})
TO_F = ("convert_for_units", {"value": "21"}, {"result": 69.8})
WEB = ("search_the_web", {"q": "Paris"}, "")
SOLUTION = Gold(
    calls=(
        GoldCall(function="search_for_sky", arguments={"city": "Paris"}, after=()),
        GoldCall(function="convert_for_units", arguments={"value": 21}, after=(0,)),
    ),
    checkpoints=(
        Checkpoint(function="search_for_sky", arguments={"city": "paris"}),
        Checkpoint(observed="69.8"),
    ),
)


@pytest.mark.parametrize(
    ("name", "made", "expected"),
    [
        ("node_f1", [PARIS, TO_F], Measured(4, 4)),
        ("node_f1", [PARIS, ROME, TO_F], Measured(4, 5)),
        ("node_f1", [WEB], Measured(0, 3)),
        ("edge_f1", [PARIS, TO_F], Measured(2, 2)),
        ("edge_f1", [TO_F, PARIS], Measured(0, 1)),
        ("edge_f1", [ROME, TO_F], Measured(0, 1)),
        ("parameter_f1", [PARIS, TO_F], Measured(4, 4)),
        ("parameter_f1", [ROME, TO_F], Measured(2, 4)),
        ("ast_accuracy", [TO_F, PARIS], Measured(2, 2)),
        ("ast_accuracy", [PARIS, PARIS], Measured(1, 2)),
        ("hallucination", [PARIS, WEB], Measured(1, 2)),
        ("hallucination", [], Absent("no call")),
        ("checkpoints", [PARIS, TO_F], Measured(2, 2)),
        ("checkpoints", [TO_F, PARIS], Measured(1, 2)),
        ("checkpoints", [ROME, TO_F], Measured(0, 2)),
    ],
    ids=str,
)
def test_metrics_against_a_known_solution(
    name: str, made: list[Made], expected: Measured | Absent
) -> None:
    one = episode(*made, of=task(instruction="How warm is it?"))
    assert GOLD[name].measure(one, SOLUTION) == expected


def test_what_gold_does_not_say_cannot_be_computed() -> None:
    one = episode(PARIS)
    vague = Gold(calls=(GoldCall(function="search_for_sky"),))
    assert GOLD["edge_f1"].measure(one, vague) == Absent("gold edges are not known")
    assert GOLD["checkpoints"].measure(one, vague) == Absent("checkpoints are not known")
    assert GOLD["node_f1"].measure(one, Gold()) == Absent("gold calls are not known")
    assert GOLD["ast_accuracy"].measure(one, Gold(calls=())) == Absent("no call is needed")
    cut = episode(("search_for_sky", {"city": "Rome"}, "It is"), completeness="truncated")
    assert GOLD["edge_f1"].measure(cut, SOLUTION) == Absent("calls or responses are cut")
    assert GOLD["checkpoints"].measure(cut, SOLUTION) == Absent("calls or responses are cut")


def test_a_value_of_the_instruction_shows_no_edge() -> None:
    told = episode(PARIS, TO_F, of=task(instruction="Is 21 warm?"))
    assert GOLD["edge_f1"].measure(told, SOLUTION) == Measured(0, 1)


def test_several_checkpoints_may_be_reached_at_once_and_failures_reach_none() -> None:
    both = (Checkpoint(function="search_for_sky"), Checkpoint(observed="21"))
    assert checkpoints_met(judged_branch(episode(PARIS)).calls(), both) == 2
    failed = episode(("search_for_sky", {"city": "Paris"}, {"message": "not found"}))
    assert checkpoints_met(judged_branch(failed).calls(), both) == 0


def test_tasks_may_carry_gold() -> None:
    carried = task(gold=SOLUTION.model_dump(mode="json"))
    assert Gold.of(carried) == SOLUTION and Gold.of(task()) is None
    metrics: list[Metric] = [GOLD["node_f1"]]
    assert Unit.of(episode(PARIS, TO_F, of=carried), metrics).values == (Measured(4, 4),)
    with pytest.raises(FormatError, match="task 1: gold"):
        Gold.of(task(gold={"calls": 7}))


def test_gold_files(tmp_path: Path) -> None:
    path = tmp_path / "gold.jsonl"
    path.write_text(f'\n{{"task":7,{SOLUTION.model_dump_json()[1:]}\n', encoding="utf-8")
    assert read_gold(path) == {"7": SOLUTION}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nonsense", "gold.jsonl:1: Is not JSON"),
        ('{"calls":[]}', "Names no task"),
        ('{"task":"1"}\n{"task":1}', "Task 1 is there twice"),
        ('{"task":"1","calls":[{"function":"f","after":[0]}]}', "earlier calls"),
        ('{"task":"1","checkpoints":[{}]}', "names a function"),
        ('{"task":"1","gold":[]}', "Extra inputs"),
    ],
)
def test_bad_gold_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "gold.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FormatError, match=said):
        read_gold(path)
    path.write_text("\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="Holds no gold"):
        read_gold(path)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@given(json_values)
def test_any_value_equals_itself(value: object) -> None:
    assert equal_form(value) == equal_form(value)  # type: ignore[arg-type]


# --- what an answer claims -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("It costs $1,234.50.", ["1234.5"]),
        ("1. Rome\n2. Paris", []),
        ("-7 °C, 25%, 3e8 m", ["-7.0", "25.0", "300000000.0"]),
        ("On 12 March 2024 and 2024-03-13", ["2024-03-12", "2024-03-13"]),
        ("May 29th, 2009", ["2009-05-29"]),
        ("31 February 2024", ["31.0", "2024.0"]),
        ('The film "The  Big Sleep" (“Noir”)', ["the big sleep", "noir"]),
        ("Order `42` of v1.2.3 and ab12", ["42.0"]),
        ("It rained.", []),
    ],
)
def test_claims_are_numbers_dates_and_quoted_names(text: str, claims: list[str]) -> None:
    assert [claim.value for claim in claims_of(text)] == claims


@given(st.text(alphabet='0123456789.,-"e ay\n', max_size=60))
def test_any_answer_can_be_read(text: str) -> None:
    assert len({(claim.kind, claim.value) for claim in claims_of(text)}) == len(claims_of(text))


SEEN = (
    "search_for_sky",
    {"city": "Paris"},
    {"at": "2024-03-12T10:00:00Z", "degrees": 21.37, "share": 0.25, "days": [1.5, 2.5, 9.5, 4.5]},
)


@pytest.mark.parametrize(
    ("answer", "unsupported"),
    [
        ("21 °C on March 12, 2024", []),
        ("21.4 °C, 25 % of 4 days", []),
        ("22 °C", ["22.0"]),
        ("21.3 °C", ["21.3"]),
        ("21 °C on 13 March 2024", ["2024-03-13"]),
        ('In "Paris" near "Lyon"', ["lyon"]),
    ],
)
def test_claims_are_looked_for_in_observations(answer: str, unsupported: list[str]) -> None:
    found = ground(episode(SEEN, answer=answer).branch)
    assert found is not None and [claim.value for claim in found.unsupported] == unsupported


def test_grounded_pass_needs_a_relevant_success_and_no_unsupported_claim() -> None:
    metric = GOLD["grounded_pass"]
    assert metric.measure(episode(SEEN, answer="21 °C"), None) == Measured(1)
    assert metric.measure(episode(SEEN, answer="99 °C"), None) == Measured(0)
    assert metric.measure(episode(answer="Warm."), None) == Measured(0)
    assert metric.measure(episode(SEEN, answer="21", outcome="failed"), None) == Measured(0)
    unsure = episode(SEEN, answer="21", outcome="unsure")
    assert metric.measure(unsure, None) == Absent("nothing has decided")
    other = episode(SEEN, answer="21", of=task(relevant=(("Units", "convert"),)))
    assert metric.measure(other, None) == Measured(0)


def test_a_claim_that_a_cut_response_may_hold_is_not_unsupported() -> None:
    cut = episode(
        ("search_for_sky", {"city": "P"}, {"a": 1}), answer="99", completeness="truncated"
    )
    assert GOLD["grounded_share"].measure(cut, None) == Absent("responses are cut")
    assert GOLD["grounded_share"].measure(episode(SEEN, answer="Warm."), None) == Absent(
        "the answer claims nothing"
    )
    claims = episode(SEEN, answer="21 °C, or 99 °C")
    assert GOLD["supported_claims"].measure(claims, None) == Measured(1, 2)
