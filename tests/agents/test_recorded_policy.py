"""Completions are recorded once and replayed: the whole run again, without asking anyone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

import pytest

from tests.agents.scripted import TASK, InTurn, Noting, answering, environment, saying
from toolenv.agents import DFSDT, Policy, RandomPolicy, ReACT, RecordedPolicy
from toolenv.env import ToolEnv
from toolenv.episodes import FunctionCall, Message, Usage
from toolenv.errors import PolicyError
from toolenv.jsontext import JsonValue
from toolenv.mini import mini_tasks
from toolenv.snapshots import Snapshot, Store, freeze
from toolenv.tasks import Task
from toolenv.testing import PolicySuite


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "completions") as store:
        yield store


class Moody:
    """Samples anew each time, whatever the seed: as remote servers do."""

    def __init__(self, fingerprint: str = "moody") -> None:
        self.name = "moody"
        self.fingerprint = fingerprint
        self._numbers = count()

    async def __call__(
        self,
        messages: Sequence[dict[str, JsonValue]],
        functions: Sequence[dict[str, JsonValue]],
        *,
        seed: int,
    ) -> Message:
        number = next(self._numbers)
        call = FunctionCall("nowhere", f'{{"n":{number}}}', f"id-{number}")
        return Message(f"é\ud800 {number}", (call,), "thought", "", Usage(10, number), "fence")


class TestRecordedPolicy(PolicySuite):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def make_policy(self) -> Policy:
        return RecordedPolicy(Moody(), Store(self.folder / "suite"))

    def make_task(self) -> Task:
        return mini_tasks()[0]


def test_a_run_is_replayed_from_a_snapshot_without_asking(store: Store, tmp_path: Path) -> None:
    agent = DFSDT(RecordedPolicy(Moody(), store), breadth=2)
    env = ToolEnv(max_steps=3)
    recorded = agent.run(env, 0, seed=4)
    freeze(store.records(), tmp_path / "completions.snap")
    asked = Noting(Moody())
    with Snapshot(tmp_path / "completions.snap") as snapshot:
        replayed = DFSDT(RecordedPolicy(asked, snapshot), breadth=2).run(env, 0, seed=4)
    assert replayed == recorded and not asked.heard
    assert replayed.cost.output_tokens > 0


def test_a_wider_search_begins_with_the_recorded_react_run(store: Store) -> None:
    env = ToolEnv(max_steps=4)
    policy = RecordedPolicy(Moody(), store)
    alone = ReACT(policy).run(env, 0, seed=4)
    wider = DFSDT(policy, breadth=2).run(env, 0, seed=4)
    assert wider.steps[: len(alone.steps)] == alone.steps


def test_other_seeds_functions_and_policies_are_other_requests(store: Store) -> None:
    messages: list[dict[str, JsonValue]] = [{"role": "user", "content": "hi"}]

    async def said(policy: Policy, functions: list[dict[str, JsonValue]], seed: int) -> str:
        return (await policy(messages, functions, seed=seed)).calls[0].arguments

    async def all_said() -> list[str]:
        policy = RecordedPolicy(Moody(), store)
        return [
            await said(policy, [], 1),
            await said(policy, [], 2**62 + 1),
            await said(policy, [], 2**62),  # these two seeds are equal as floats
            await said(policy, [{"type": "function"}], 1),
            await said(RecordedPolicy(Moody("at another temperature"), store), [], 1),
            await said(policy, [], 1),
        ]

    first, *others, again = asyncio.run(all_said())
    assert again == first
    assert others == ['{"n":1}', '{"n":2}', '{"n":3}', '{"n":0}']


def test_a_store_that_is_only_replayed_is_neither_asked_beyond_nor_written_to(store: Store) -> None:
    policy = RecordedPolicy(InTurn(saying("a"), answering("b")), store)
    policy.replay_only = True
    episode = ReACT(policy).run(environment(), TASK)
    assert episode.ended.startswith("error:policy: ") and list(store.records()) == []


def test_what_a_snapshot_lacks_is_an_error_and_no_wrong_answer(
    store: Store, tmp_path: Path
) -> None:
    freeze(store.records(), tmp_path / "empty.snap")
    with Snapshot(tmp_path / "empty.snap") as snapshot:
        policy = RecordedPolicy(InTurn(saying("a"), answering("b")), snapshot)
        episode = ReACT(policy).run(environment(), TASK)
    assert episode.ended.startswith("error:policy: ") and "No completion is recorded" in episode.ended
    assert episode.outcome == "infrastructure_error"


def test_a_failure_is_not_recorded(store: Store) -> None:
    class Failing:
        name = fingerprint = "failing"

        async def __call__(self, messages, functions, *, seed):  # type: ignore[no-untyped-def]
            raise PolicyError("The server is down.")

    ReACT(RecordedPolicy(Failing(), store)).run(environment(), TASK)
    assert list(store.records()) == []


def test_name_and_fingerprint_are_the_policys_own(store: Store) -> None:
    inner = RandomPolicy()
    policy = RecordedPolicy(inner, store)
    policy.name = "another name"
    assert (policy.name, policy.fingerprint) == (inner.name, inner.fingerprint)
