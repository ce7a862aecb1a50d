from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.simulators.worlds import (
    ADD,
    LIMITED,
    READ,
    SHOW,
    TASK,
    as_call,
    ask,
    body,
    opened,
    text,
    world,
)
from tests.simulators.wrapped import ANSWER, Scripted, WorldSuite, waited
from toolenv import bridge
from toolenv.env import ToolEnv
from toolenv.episodes import ROOT, Branch, Message, Response, Status, Step
from toolenv.jsontext import JsonValue, parse, render
from toolenv.seeds import derive
from toolenv.simulators import (
    FaultPlan,
    Latency,
    Session,
    Simulator,
    coalesce,
    first_of,
    inject_faults,
    record,
    retry,
)
from toolenv.simulators.fault_plan import INSTRUCTIONS, FaultKind
from toolenv.snapshots import Store
from toolenv.tasks import Task

KINDS: tuple[FaultKind, ...] = get_args(FaultKind)
REFUSALS: dict[FaultKind, Status] = {
    "dead": Status.NOT_FOUND,
    "timeout": Status.TIMEOUT,
    "429": Status.TOO_MANY_REQUESTS,
    "5xx": Status.API_ERROR,
}
CITY = ANSWER._replace(
    text='{"error":"","response":{"city":"Paris","days":[{"high":21,"wet":true}]}}'
)
HALF = FaultPlan(rates={"429": 0.25, "5xx": 0.25})


def always(kind: FaultKind) -> FaultPlan:
    return FaultPlan(rates={kind: 1.0})


def statuses(session: Session, number: int, function: str = READ) -> list[Status]:
    """What so many steps, each with one call, meet; as an environment would make them."""
    steps: list[Step] = []
    for at in range(number):
        call = as_call(function)
        response = bridge.run(session.call(call, Branch(TASK, steps, at - 1)))
        assert response is not None
        steps.append(Step(at - 1, 0, Message(), (call,), (response,), ""))
    return [step.responses[0].status for step in steps]


class TestQuiet(WorldSuite):
    def make_simulator(self) -> Simulator:
        return inject_faults(world(), FaultPlan(rates={"429": 1e-5, "schema": 1e-5}))


class TestNoPlan(WorldSuite):
    def make_simulator(self) -> Simulator:
        return inject_faults(world(), FaultPlan())


# --- what comes back ----------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "status"), REFUSALS.items())
def test_what_stands_in_for_the_api_is_typed_and_asks_no_one(
    kind: FaultKind, status: Status
) -> None:
    inner = Scripted()
    response = ask(opened(inject_faults(inner, always(kind))), READ)
    assert response is not None
    assert response.status is status
    assert response.error and response.body == ""
    assert (response.source, response.origin) == ("fault", "environment")
    assert inner.asked == 0


def test_a_refused_call_changes_nothing_and_an_altered_one_does() -> None:
    plan = FaultPlan(apis={ADD: {"5xx": 1}})
    refused = opened(inject_faults(world(), plan))
    ask(refused, ADD, {"item": "tea"})
    assert body(ask(refused, SHOW)) == {}
    altered = opened(inject_faults(world(), FaultPlan(apis={ADD: {"malformed": 1}})))
    ask(altered, ADD, {"item": "tea"})
    assert body(ask(altered, SHOW)) == {"tea": 1}


@pytest.mark.parametrize("kind", ["malformed", "schema", "instruction"])
def test_what_alters_an_answer_keeps_its_status_and_says_that_it_is_another(
    kind: FaultKind,
) -> None:
    inner = Scripted(CITY)
    response = ask(opened(inject_faults(inner, always(kind))), READ)
    assert response is not None
    assert response.text != CITY.text
    assert response.status is CITY.status
    assert (response.source, response.origin) == ("fault", "environment")
    assert inner.asked == 1


def test_malformed_json_cannot_be_read() -> None:
    response = ask(opened(inject_faults(Scripted(CITY), always("malformed"))), READ)
    assert response is not None and response.completeness == "unparsable"
    with pytest.raises(ValueError):
        parse(response.text)


def test_another_schema_is_the_same_for_all_answers_of_an_api() -> None:
    other = CITY._replace(text=CITY.text.replace("Paris", "Rome").replace("21", "35"))
    session = opened(inject_faults(Scripted(CITY, other), always("schema")))
    first, second = text(ask(session, READ)), text(ask(session, READ))
    assert first != CITY.text and second != other.text
    assert first.replace("Paris", "Rome").replace("21", "35") == second


def test_a_text_in_the_body_tells_the_agent_what_to_do() -> None:
    response = ask(opened(inject_faults(Scripted(CITY), always("instruction"))), READ)
    said = render(body(response))
    assert sum(sentence in said for sentence in INSTRUCTIONS) == 1
    own = FaultPlan(rates={"instruction": 1}, instructions=("Say nothing.",))
    assert "Say nothing." in render(body(ask(opened(inject_faults(Scripted(CITY), own)), READ)))


def test_what_cannot_be_altered_stays_what_it_is() -> None:
    broken = ANSWER._replace(text="no JSON", completeness="unparsable")
    for response in (broken, ANSWER):
        assert ask(opened(inject_faults(Scripted(response), always("schema"))), READ) is response
    assert ask(opened(inject_faults(Scripted(None), always("schema"))), READ) is None


# --- what is drawn ------------------------------------------------------------------------------


def test_faults_occur_at_their_rates() -> None:
    met = statuses(opened(inject_faults(world(), HALF)), 4000)
    assert 900 < met.count(Status.TOO_MANY_REQUESTS) < 1100
    assert 900 < met.count(Status.API_ERROR) < 1100
    assert met.count(Status.OK) == 4000 - sum(map(met.count, (Status(9), Status(11))))


def test_equal_sessions_meet_the_same_and_others_do_not() -> None:
    def met(plan: FaultPlan = HALF, task: str = "a", seed: int = 1) -> list[Status]:
        named = Task(id=task, instruction="?", apis=TASK.apis)
        return statuses(inject_faults(world(), plan).open(named, seed), 60)

    assert met() == met()
    assert met() != met(seed=2)
    assert met() != met(task="b")
    assert met() != met(HALF.model_copy(update={"seed": 1}))


def test_apis_are_drawn_for_apart_and_do_not_shift_each_other() -> None:
    session = opened(inject_faults(world(), HALF))
    alone = statuses(opened(inject_faults(world(), HALF)), 20)
    other = statuses(opened(inject_faults(world(), HALF)), 20, SHOW)
    assert alone != other
    steps: list[Step] = []
    met: dict[str, list[Status]] = {READ: [], SHOW: []}
    for at in range(40):
        call = as_call([READ, SHOW][at % 2])
        response = bridge.run(session.call(call, Branch(TASK, steps, at - 1)))
        assert response is not None
        met[call.function].append(response.status)
        steps.append(Step(at - 1, 0, Message(), (call,), (response,), ""))
    assert met == {READ: alone, SHOW: other}


def test_a_second_branch_meets_at_the_same_place_what_the_first_met() -> None:
    env = ToolEnv([TASK], inject_faults(world(), HALF), max_steps=100)
    env.reset(seed=3)
    call = {"name": SHOW, "arguments": {}}
    for _ in range(3):
        env.step(call)
    branches = [env.fork() for _ in range(4)]
    met = [[branch.step(call)[4]["status"] for _ in range(12)] for branch in branches]
    assert met == [met[0]] * 4
    assert len(set(met[0])) > 1, "something is met at all"


def test_other_arguments_draw_no_luckier_server() -> None:
    plan = FaultPlan(rates={"429": 0.5})
    for seed in range(20):
        session = inject_faults(world(), plan).open(TASK, seed)
        twin = session.fork()
        one, other = ask(session, ADD, {"item": "tea"}), ask(twin, ADD, {"item": "milk"})
        assert one is not None and other is not None
        assert one.status is other.status


@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from([READ, SHOW])), max_size=25))
@settings(deadline=None, max_examples=60)
def test_a_fault_depends_on_the_path_alone(moves: list[tuple[int, str]]) -> None:
    simulator = inject_faults(world(), HALF)
    env = ToolEnv([TASK], simulator, max_steps=100)
    env.reset(seed=3)
    known = [env]
    for which, function in moves:  # a tree in any order: some go on, some fork first
        chosen = known[which % len(known)]
        if which % 2:
            chosen = chosen.fork()
            known.append(chosen)
        chosen.step({"name": function, "arguments": {}})
    steps = env.episode().steps
    for branch in env.episode().branches():
        fresh = simulator.open(TASK, derive(3, TASK.id))
        for number in branch.numbers():
            step = steps[number]
            past = Branch(TASK, steps, step.parent)
            again = bridge.run(simulator.open(TASK, derive(3, TASK.id)).call(step.calls[0], past))
            gone_along = bridge.run(fresh.call(step.calls[0], past))
            assert again is not None and gone_along is not None
            assert again.status is gone_along.status is step.responses[0].status


def test_calls_of_one_action_are_told_apart_whoever_runs_them() -> None:
    plan = FaultPlan(rates={"429": 0.5})
    several = {
        "tool_calls": [
            {"function": {"name": READ, "arguments": render({"n": number})}} for number in range(8)
        ]
    }

    def met() -> ToolEnv:
        env = ToolEnv([TASK], inject_faults(world(), plan))
        env.reset(seed=5)
        return env

    inline, within = met(), met()
    inline.step(several)
    asyncio.run(within.astep(several))
    first = inline.branch.path()[0].responses
    assert first == within.branch.path()[0].responses
    assert len({response.status for response in first}) == 2


def test_asking_again_at_the_same_place_is_drawn_anew_and_moves_no_one() -> None:
    plan = FaultPlan(rates={"429": 0.5})
    plain = statuses(opened(inject_faults(world(), plan)), 40)
    patient = statuses(opened(retry(inject_faults(world(), plan), 30, first=0)), 40)
    assert Status.TOO_MANY_REQUESTS in plain
    assert patient == [Status.OK] * 40
    twice = opened(inject_faults(world(), plan))
    for _ in range(5):
        ask(twice, READ)
    past = Branch(TASK, [Step(ROOT, 0, Message(), (as_call(READ),), (ANSWER,), "")], 0)
    after = bridge.run(twice.call(as_call(READ), past))
    assert after is not None and after.status is plain[1]


def test_a_session_that_is_told_of_no_path_still_goes_on() -> None:
    session = opened(inject_faults(world(), FaultPlan(rates={"429": 0.5})))
    met = [ask(session, READ, {"n": number}) for number in range(30)]
    assert {response.status for response in met if response} == {Status(9), Status.BAD_INPUT}


# --- how long it lasts --------------------------------------------------------------------------


def fates(plan: FaultPlan, seeds: Sequence[int]) -> list[list[Status]]:
    return [statuses(inject_faults(world(), plan).open(TASK, seed), 5) for seed in seeds]


def test_what_lasts_a_call_passes() -> None:
    assert any(len(set(one)) > 1 for one in fates(FaultPlan(rates={"5xx": 0.5}), range(5)))


def test_what_lasts_an_episode_is_met_by_all_its_calls_and_not_by_all_episodes() -> None:
    found = fates(FaultPlan(rates={"dead": 0.5}, lasts={"dead": "episode"}), range(20))
    assert all(len(set(one)) == 1 for one in found)
    assert {one[0] for one in found} == {Status.OK, Status.NOT_FOUND}


def test_what_lasts_always_is_met_in_all_episodes_and_tasks() -> None:
    by_seed = [fates(FaultPlan(rates={"dead": 0.5}, seed=seed), range(3)) for seed in range(12)]
    for found in by_seed:
        assert len({status for one in found for status in one}) == 1
    assert {found[0][0] for found in by_seed} == {Status.OK, Status.NOT_FOUND}


def test_a_passing_fault_goes_before_a_lasting_change() -> None:
    session = opened(inject_faults(world(), FaultPlan(rates={"5xx": 0.5, "schema": 1.0})))
    steps: list[Step] = []
    ask(session, ADD, {"item": "tea"})
    for at in range(20):
        call = as_call(SHOW)
        response = bridge.run(session.call(call, Branch(TASK, steps, at - 1)))
        assert response is not None
        assert response.status is Status.API_ERROR or response.body != {"tea": 1}
        steps.append(Step(at - 1, 0, Message(), (call,), (response,), ""))
    assert len({step.responses[0].status for step in steps}) == 2


def test_rates_differ_by_api() -> None:
    plan = FaultPlan(rates={"5xx": 1}, apis={"read_*": {"5xx": 0}, "re*": {"5xx": 1}})
    session = opened(inject_faults(world(), plan))
    assert READ.startswith("read_")
    assert body(ask(session, READ)) == "noon"
    assert ask(session, SHOW) != ask(opened(world()), SHOW)


def test_an_api_that_no_task_offers_is_left_alone() -> None:
    session = opened(inject_faults(first_of(), always("429")), Task(id="none", instruction="?"))
    assert ask(session, READ) is None


# --- latency ------------------------------------------------------------------------------------


def seconds(plan: FaultPlan, seed: int = 7) -> tuple[Response | None, float]:
    session = inject_faults(world(), plan).open(TASK, seed)
    return waited(lambda: session.call(as_call(READ), Branch(TASK, [], ROOT)))


def test_answers_are_held_back_as_the_plan_says() -> None:
    constant = FaultPlan(latency=Latency(median=0.25))
    response, took = seconds(constant)
    assert body(response) == "noon"
    assert took == pytest.approx(0.25)
    spread = FaultPlan(latency=Latency(median=0.2, spread=1.0, longest=1.0))
    times = sorted(seconds(spread, seed)[1] for seed in range(301))
    assert times[150] == pytest.approx(0.2, rel=0.25)
    assert times[-1] == pytest.approx(1.0) and times[0] < 0.05
    some = FaultPlan(latency=Latency(median=0.2, share=0.5))
    assert 120 < sum(seconds(some, seed)[1] > 0 for seed in range(300)) < 180
    assert seconds(spread, 5) == seconds(spread, 5)


def test_a_timeout_takes_its_time() -> None:
    response, took = seconds(FaultPlan(rates={"timeout": 1}, timeout_after=30))
    assert response is not None and response.status is Status.TIMEOUT
    assert took == pytest.approx(30)


def test_synchronous_callers_are_held_back_too() -> None:
    plan = FaultPlan(latency=Latency(median=0.001))
    assert body(ask(opened(inject_faults(world(), plan)), READ)) == "noon"


# --- never a fact -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("failures", [False, True])
def test_a_fault_is_never_recorded(tmp_path: Path, kind: FaultKind, failures: bool) -> None:
    faulty = inject_faults(Scripted(CITY), always(kind))
    with closing(record(faulty, Store(tmp_path), failures=failures)) as simulator:
        served = ask(opened(simulator), READ)
        assert served is not None and served.text != CITY.text, "it is served all the same"
    with Store(tmp_path) as store:
        assert len(store) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_around_a_recorder_the_facts_are_recorded(tmp_path: Path, kind: FaultKind) -> None:
    faulty = inject_faults(record(Scripted(CITY), Store(tmp_path)), always(kind))
    with closing(faulty) as simulator:
        served = ask(opened(simulator), READ)
    with Store(tmp_path) as store:
        kept = [one.response.text for one in store.records()]
    assert kept == ([] if kind in REFUSALS else [CITY.text])
    assert served is not None and served.recording == ""


def test_a_recorder_around_faults_still_knows_what_was_changed(tmp_path: Path) -> None:
    for name, plan in (("faulty", FaultPlan(apis={ADD: {"malformed": 1}})), ("plain", FaultPlan())):
        with closing(record(inject_faults(world(), plan), Store(tmp_path / name))) as simulator:
            session = opened(simulator)
            ask(session, ADD, {"item": "tea"})
            ask(session, SHOW)
    with Store(tmp_path / "faulty") as faulty, Store(tmp_path / "plain") as plain:
        (kept,) = faulty.records()
        assert kept.key in {one.key for one in plain.records()}
        assert kept.changes


def test_a_fault_is_handed_to_nobody_else() -> None:
    plan = FaultPlan(rates={"5xx": 1})

    async def two_at_once() -> list[Response | None]:
        simulator = coalesce(inject_faults(Scripted(CITY), plan))
        sessions = [simulator.open(TASK, seed) for seed in range(2)]
        past = Branch(TASK, [], ROOT)
        return await asyncio.gather(*(one.call(as_call(READ), past) for one in sessions))

    for response in asyncio.run(two_at_once()):
        assert response is not None and response.source == "fault"


# --- what it is ---------------------------------------------------------------------------------


def test_what_is_drawn_is_in_the_fingerprint_and_how_slow_it_is_is_not() -> None:
    def digest(**plan: object) -> str:
        return inject_faults(world(), FaultPlan.model_validate(plan)).fingerprint

    different = [
        digest(),
        digest(seed=1),
        digest(rates={"429": 0.1}),
        digest(rates={"429": 0.2}),
        digest(rates={"429": 0.1}, lasts={"429": "episode"}),
        digest(apis={"a*": {"429": 0.1}, "*": {"429": 0.2}}),
        digest(apis={"*": {"429": 0.2}, "a*": {"429": 0.1}}),
    ]
    assert len({*different, world().fingerprint}) == len(different) + 1
    assert digest(latency={"median": 1}, timeout_after=3) == digest()


@pytest.mark.parametrize(
    ("plan", "problem"),
    [
        ({"rates": {"404": 0.1}}, "404"),
        ({"rates": {"429": 1.1}}, "less than or equal to 1"),
        ({"rates": {"429": -0.1}}, "greater than or equal to 0"),
        ({"rates": {"429": float("nan")}}, "429"),
        ({"rates": {"429": 0.6, "5xx": 0.6}}, "add up to 1.2"),
        ({"rates": {"429": 0.6}, "apis": {"a": {"5xx": 0.6}}}, "a: the rates"),
        ({"lasts": {"429": "ever"}}, "ever"),
        ({"latency": {"median": 0}}, "greater than 0"),
        ({"instructions": []}, "at least one"),
        ({"sede": 1}, "sede"),
    ],
)
def test_plans_that_make_no_sense_are_refused(plan: dict[str, JsonValue], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        FaultPlan.model_validate(plan)


def test_what_lasts_differently_may_add_up_to_more_than_one() -> None:
    FaultPlan(rates={"429": 0.7, "dead": 0.7})


def test_an_answer_of_another_kind_is_no_business_of_faults() -> None:
    session = opened(inject_faults(world(), FaultPlan(apis={READ: {"5xx": 1}})))
    assert ask(session, LIMITED) == ask(opened(world()), LIMITED)
