"""Tree of thoughts: levels, scores, thresholds, and the calls that arithmetic predicts."""

from __future__ import annotations

import asyncio

import pytest

from tests.agents.scripted import GIVE_UP, TASK, ByPath, InTurn, answering, environment, saying
from toolenv.agents import (
    DFSDT,
    Agent,
    RandomPolicy,
    ReACT,
    ReACTAtN,
    TreeOfThoughtsBFS,
    TreeOfThoughtsDFS,
)
from toolenv.env import ToolEnv
from toolenv.errors import ConfigurationError
from toolenv.limits import Budget
from toolenv.mini import mini_tasks


def going_on(path: list[str], sibling: int) -> str:
    return saying(f"{len(path)}/{sibling}")


class Late:
    """Scores the last text said: later siblings are better."""

    fingerprint = "scorer-late"

    async def __call__(self, env: ToolEnv) -> float:
        last = env.branch.last
        assert last is not None and last.calls[0].arguments is not None
        return float(str(last.calls[0].arguments["text"]).split("/")[1])


def said(agent: Agent, depth: int = 3) -> list[str]:
    episode = agent.run(environment(max_steps=depth), TASK)
    return [str((step.calls[0].arguments or {}).get("text")) for step in episode.steps]


@pytest.mark.parametrize(
    ("breadth", "keep", "depth", "calls"),
    [(2, 1, 3, 2 * 3), (2, 2, 3, 2 + 4 + 4), (3, 2, 2, 3 + 6), (1, 5, 4, 4), (2, 9, 3, 2 + 4 + 8)],
)
def test_breadth_first_asks_for_breadth_times_kept_states_a_level(
    breadth: int, keep: int, depth: int, calls: int
) -> None:
    agent = TreeOfThoughtsBFS(ByPath(going_on), breadth=breadth, keep=keep)
    assert agent.run(environment(max_steps=depth), TASK).cost.policy_calls == calls


def test_breadth_first_keeps_the_states_with_the_highest_scores() -> None:
    agent = TreeOfThoughtsBFS(ByPath(going_on), breadth=3, keep=1, scorer=Late())
    episode = agent.run(environment(max_steps=2), TASK)
    parents = {episode.steps[step.parent].rank for step in episode.steps if step.parent >= 0}
    assert parents == {2}


def test_depth_first_goes_into_the_best_child_first() -> None:
    agent = TreeOfThoughtsDFS(
        ByPath(going_on), breadth=2, scorer=Late(), budget=Budget(policy_calls=4)
    )
    episode = agent.run(environment(max_steps=3), TASK)
    assert [step.rank for step in episode.steps if step.parent >= 0] == [0, 1]
    assert {episode.steps[step.parent].rank for step in episode.steps if step.parent >= 0} == {1}


@pytest.mark.parametrize(("threshold", "calls"), [(None, 2 + 4 + 8), (1, 2 * 3), (2, 2)])
def test_depth_first_leaves_what_scores_below_the_threshold(
    threshold: float | None, calls: int
) -> None:
    agent = TreeOfThoughtsDFS(ByPath(going_on), breadth=2, threshold=threshold, scorer=Late())
    assert agent.run(environment(max_steps=3), TASK).cost.policy_calls == calls


def test_the_first_child_is_reacts_of_the_same_seed() -> None:
    env = ToolEnv(max_steps=5)
    for task in mini_tasks()[::6]:
        alone = ReACT(RandomPolicy()).run(env, task.id, seed=3)
        for agent in (TreeOfThoughtsBFS(RandomPolicy()), TreeOfThoughtsDFS(RandomPolicy())):
            assert agent.run(env, task.id, seed=3).steps[0] == alone.steps[0]


def test_hidden_siblings_are_asked_for_at_the_same_time_and_see_nothing_of_each_other() -> None:
    waiting = asyncio.Event()
    asked: list[str] = []

    class Meeting:
        """Says something once three ask at the same time."""

        name = fingerprint = "meeting"

        async def __call__(self, messages, functions, *, seed):  # type: ignore[no-untyped-def]
            asked.append(str(messages[-1]["content"]))
            if len(asked) == 3:
                waiting.set()
            await waiting.wait()
            from toolenv.actions import read_action

            return read_action(saying(str(seed)))

    agent = TreeOfThoughtsBFS(Meeting(), breadth=3, siblings="hidden")

    async def attempt() -> list[str]:
        episode = await agent.arun(environment(max_steps=1), TASK)
        return [step.calls[0].text for step in episode.steps]

    texts = asyncio.run(attempt())
    assert len(set(texts)) == 3 and len(set(asked)) == 1


def test_hidden_siblings_stay_within_the_budget() -> None:
    agent = TreeOfThoughtsDFS(
        ByPath(going_on), breadth=4, siblings="hidden", budget=Budget(policy_calls=6)
    )
    assert agent.run(environment(), TASK).cost.policy_calls == 6


def test_children_whose_calls_were_made_before_are_not_gone_into() -> None:
    def repeating(path: list[str], sibling: int) -> str:
        return saying("the same") if sibling == 0 else saying(f"{len(path)} other")

    plain = DFSDT(ByPath(repeating), breadth=2).run(environment(max_steps=3), TASK)
    pruned = DFSDT(ByPath(repeating), breadth=2, prune_repeats=True).run(
        environment(max_steps=3), TASK
    )
    assert plain.cost.policy_calls == 2 + 4 + 8
    # below "the same" every first child repeats it; below "0 other" it is new once
    assert pruned.cost.policy_calls < plain.cost.policy_calls
    for branch in pruned.branches():
        texts = [step.calls[0].text for step in branch.path()]
        assert len(set(texts[:-1])) == len(texts[:-1])


def test_ranked_search_makes_all_children_first_and_goes_into_the_best() -> None:
    agent = DFSDT(ByPath(going_on), breadth=2, scorer=Late(), budget=Budget(policy_calls=4))
    episode = agent.run(environment(max_steps=3), TASK)
    assert {episode.steps[step.parent].rank for step in episode.steps if step.parent >= 0} == {1}


@pytest.mark.parametrize("options", [{"breadth": 0}, {"keep": 0}, {"siblings": "seen"}])
def test_options_that_make_no_search_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        TreeOfThoughtsBFS(RandomPolicy(), **options)  # type: ignore[arg-type]


# --- a policy that fails on its first branch in a known share of tasks ----------------------------


def failing_first(answers_at_once: bool) -> ByPath:
    """Gives up where nothing was tried before, unless it answers at once; answers afterwards."""

    def script(path: list[str], sibling: int) -> str:
        return answering("found") if answers_at_once or sibling else GIVE_UP

    return ByPath(script)


@pytest.mark.parametrize(
    ("make", "passes", "calls"),
    [
        (lambda policy: ReACT(policy), 7, 10),
        (lambda policy: DFSDT(policy, breadth=2), 10, 7 + 3 * 2),
        (lambda policy: DFSDT(policy, breadth=1), 7, 10),
        (lambda policy: TreeOfThoughtsBFS(policy, breadth=2), 10, 7 + 3 * 2),
        (lambda policy: TreeOfThoughtsDFS(policy, breadth=2), 10, 7 + 3 * 2),
    ],
)
def test_pass_rate_and_calls_are_what_arithmetic_predicts(make, passes, calls) -> None:  # type: ignore[no-untyped-def]
    env = environment()
    episodes = [make(failing_first(number < 7)).run(env, TASK) for number in range(10)]
    assert sum(episode.answer == "found" for episode in episodes) == passes
    assert sum(episode.cost.policy_calls for episode in episodes) == calls


def test_tries_pass_where_the_second_try_answers() -> None:
    scripts = [[answering("found")] * 2] * 7 + [[GIVE_UP, answering("found")]] * 3
    episodes = [ReACTAtN(InTurn(*script), tries=2).run(environment(), TASK) for script in scripts]
    assert sum(episode.answer == "found" for episode in episodes) == 10
    assert sum(episode.cost.policy_calls for episode in episodes) == 20
