"""The suites find what breaks a contract: each wrong implementation fails the test meant for it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.simulators.worlds import ADD, READ, SHOW, TASK, world
from toolenv.agents import Agent, Policy, ReACT
from toolenv.apis import Identity
from toolenv.env import ToolEnv
from toolenv.episodes import Branch, Call, Message, Response, Status
from toolenv.errors import PolicyError
from toolenv.limits import Budget
from toolenv.mini import mini_tasks
from toolenv.simulators import Session, Simulator, SimulatorBase
from toolenv.tasks import Task
from toolenv.testing import AgentSuite, PolicySuite, SimulatorSuite

# --- simulators ---------------------------------------------------------------------------------


class Flawed(SimulatorBase):
    """The small world, with a flaw in what it answers or in how it forks."""

    counter = itertools.count()

    def __init__(self, flaw: str) -> None:
        self.flaw = flaw
        self.inner = world()
        self.closed = False

    @property
    def fingerprint(self) -> str:
        return f"simulator-{next(self.counter) if self.flaw == 'fingerprint' else 0}"

    def open(self, task: Task, seed: int) -> Session:
        return FlawedSession(self, self.inner.open(task, seed))

    def close(self) -> None:
        if self.closed and self.flaw == "close":
            raise RuntimeError("closed twice")
        self.closed = True


class FlawedSession:
    def __init__(self, owner: Flawed, inner: Session) -> None:
        self.owner = owner
        self.inner = inner

    async def call(self, call: Call, past: Branch) -> Response | None:
        response = await self.inner.call(call, past)
        match self.owner.flaw:
            case "miss as response" if response is None:
                return Response("{}", Status.MISS, "local", "local")
            case "random":
                return Response(f"{next(self.owner.counter)}", Status.OK, "local", "local")
            case "no source" if response is not None:
                return response._replace(source="environment")
            case "no origin" if response is not None:
                return response._replace(origin="environment")
        return response

    def fork(self) -> Session:
        shared = self.owner.flaw == "shared state"
        return FlawedSession(self.owner, self.inner if shared else self.inner.fork())


class Shop(SimulatorSuite):
    def __init__(self, flaw: str) -> None:
        self.flaw = flaw

    def make_simulator(self) -> Simulator:
        return Flawed(self.flaw)

    def make_task(self) -> Task:
        return TASK

    def answered_calls(self) -> Sequence[tuple[str, dict[str, object]]]:
        return [(SHOW, {}), (READ, {})]

    def changing_calls(self) -> Sequence[tuple[str, dict[str, object]]]:
        return [(ADD, {"item": "tea"})]

    def unanswered_call(self) -> Call:
        return Call("nowhere", {}, Identity("nowhere"), "{}")


def failing(suite: object) -> set[str]:
    """The names of a suite's tests that do not pass."""
    names = [name for name in dir(suite) if name.startswith("test_")]
    assert names
    return {name for name in names if _fails(getattr(suite, name))}


def _fails(test: Callable[[], None]) -> bool:
    try:
        test()
    except Exception:
        return True
    return False


@pytest.mark.parametrize(
    ("flaw", "test"),
    [
        ("no source", "test_a_call_is_answered_with_a_typed_response"),
        ("no origin", "test_a_call_is_answered_with_a_typed_response"),
        ("miss as response", "test_what_it_does_not_know_is_left_to_the_next"),
        ("random", "test_equal_sessions_answer_alike"),
        ("shared state", "test_forks_are_independent"),
        ("fingerprint", "test_fingerprints_are_stable"),
        ("close", "test_closing_twice_is_harmless"),
    ],
)
def test_a_flawed_simulator_fails(flaw: str, test: str) -> None:
    assert test in failing(Shop(flaw))


def test_a_simulator_without_a_flaw_passes() -> None:
    assert failing(Shop("")) == set()


# --- policies -----------------------------------------------------------------------------------


class FlawedPolicy:
    name = "flawed"
    counter = itertools.count()

    def __init__(self, flaw: str) -> None:
        self.flaw = flaw
        self.used = 0

    @property
    def fingerprint(self) -> str:
        return f"policy-{self.used if self.flaw == 'fingerprint' else 0}"

    async def __call__(self, messages: Any, functions: Any, *, seed: int) -> Message:
        self.used += 1
        match self.flaw:
            case "text":
                return "hello"  # type: ignore[return-value]
            case "random":
                return Message(f"{next(self.counter)}")
            case "messages":
                messages.append({"role": "user", "content": "mine"})
            case "functions":
                functions[0]["function"]["name"] = "mine"
            case "broken":
                raise PolicyError("no message")
        return Message(f"{seed}")


class Policies(PolicySuite):
    def __init__(self, flaw: str) -> None:
        self.flaw = flaw

    def make_policy(self) -> Policy:
        return FlawedPolicy(self.flaw)

    def make_task(self) -> Task:
        return mini_tasks()[0].model_copy(deep=True)


@pytest.mark.parametrize(
    ("flaw", "test"),
    [
        ("text", "test_it_says_a_message"),
        ("broken", "test_it_says_a_message"),
        ("random", "test_equal_seeds_say_equal_messages"),
        ("random", "test_synchronous_and_asynchronous_callers_hear_the_same"),
        ("messages", "test_what_it_reads_is_not_changed"),
        ("functions", "test_what_it_reads_is_not_changed"),
        ("fingerprint", "test_fingerprints_are_stable"),
    ],
)
def test_a_flawed_policy_fails(flaw: str, test: str) -> None:
    assert test in failing(Policies(flaw))


def test_a_policy_without_a_flaw_passes() -> None:
    assert failing(Policies("")) == set()


# --- agents -------------------------------------------------------------------------------------


class FlawedAgent(ReACT):
    counter = itertools.count()

    def __init__(self, policy: Policy, budget: Budget | None, flaw: str) -> None:
        super().__init__(policy, budget=budget)
        self.flaw = flaw
        self.kept: list[int] = []

    async def explore(self, env: ToolEnv) -> Branch:
        self.kept.append(0)
        turns = next(self.counter) % 2 if self.flaw == "random" else len(self.kept)
        beginning = env.fork()
        while not env.done:
            if self.flaw in ("random", "remembers") and env.depth == turns:
                break
            try:
                await env.astep(await self.policy(env.messages, env.functions, seed=env.seed))
            except PolicyError:
                if self.flaw != "hides errors":
                    raise
                break
        if self.flaw == "overspends" or (self.flaw == "goes on" and env.ended == "answer"):
            await beginning.astep(await self.policy(env.messages, env.functions, seed=0))
        return env.branch


class Agents(AgentSuite):
    def __init__(self, flaw: str) -> None:
        self.flaw = flaw

    def make_agent(self, policy: Policy, budget: Budget | None) -> Agent:
        return FlawedAgent(policy, budget, self.flaw)


@pytest.mark.parametrize(
    ("flaw", "test"),
    [
        ("random", "test_equal_seeds_leave_equal_episodes"),
        ("remembers", "test_concurrent_attempts_equal_lone_ones"),
        ("hides errors", "test_a_policy_that_fails_is_an_infrastructure_error"),
        ("overspends", "test_it_stays_within_its_budget"),
        ("goes on", "test_an_answer_ends_the_attempt"),
    ],
)
def test_a_flawed_agent_fails(flaw: str, test: str) -> None:
    assert test in failing(Agents(flaw))


def test_an_agent_without_a_flaw_passes() -> None:
    assert failing(Agents("")) == set()
    assert failing(_Plain()) == set()


class _Plain(AgentSuite):
    def make_agent(self, policy: Policy, budget: Budget | None) -> Agent:
        return ReACT(policy, budget=budget)


def test_a_suite_says_what_must_be_made() -> None:
    with pytest.raises(TypeError, match="make_simulator"):
        SimulatorSuite()  # type: ignore[abstract]
    with pytest.raises(TypeError, match="make_policy"):
        PolicySuite()  # type: ignore[abstract]
    with pytest.raises(TypeError, match="make_agent"):
        AgentSuite()  # type: ignore[abstract]
