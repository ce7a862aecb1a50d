from __future__ import annotations

import asyncio
import json
import sys

import pytest

from tests.agents.scripted import (
    GIVE_UP,
    SAY,
    TASK,
    ByPath,
    Noting,
    answering,
    environment,
    gives_up_below,
    saying,
)
from toolenv.agents import (
    DFSDT,
    Agent,
    Policy,
    Progress,
    RandomPolicy,
    ReACT,
    ScriptPolicy,
    TreeOfThoughtsBFS,
)
from toolenv.conversations import conversation
from toolenv.env import ToolEnv
from toolenv.episodes import ROOT, Branch, Episode, Step
from toolenv.errors import ConfigurationError, PolicyError
from toolenv.limits import Budget
from toolenv.mini import KeywordPolicy, mini_tasks

ALL_MINI = [task.id for task in mini_tasks()]


def what_was_asked(agent: type[Agent], policy: Policy, task: str, **options: object) -> Noting:
    noting = Noting(policy)
    agent(noting, **options).run(ToolEnv(max_steps=6), task, seed=11)  # type: ignore[arg-type]
    return noting


# --- DFSDT with one branch is ReACT -------------------------------------------------------------


@pytest.mark.parametrize("policy", [RandomPolicy(), KeywordPolicy()], ids=lambda p: str(p.name))
def test_with_one_branch_it_makes_reacts_policy_calls_to_the_byte(policy: Policy) -> None:
    for task in ALL_MINI:
        react = what_was_asked(ReACT, policy, task)
        dfsdt = what_was_asked(DFSDT, policy, task, breadth=1)
        assert dfsdt.heard == react.heard and react.heard


@pytest.mark.parametrize("policy", [RandomPolicy(), KeywordPolicy()], ids=lambda p: str(p.name))
def test_with_one_branch_it_leaves_reacts_episode(policy: Policy) -> None:
    env = ToolEnv(max_steps=6)
    for task in ALL_MINI:
        react = ReACT(policy).run(env, task, seed=11)
        dfsdt = DFSDT(policy, breadth=1).run(env, task, seed=11)
        assert dfsdt.steps == react.steps
        assert (dfsdt.chosen, dfsdt.ended, dfsdt.outcome, dfsdt.reward, dfsdt.cost) == (
            react.chosen,
            react.ended,
            react.outcome,
            react.reward,
            react.cost,
        )


@pytest.mark.parametrize("breadth", [2, 3])
@pytest.mark.parametrize("policy", [RandomPolicy(), KeywordPolicy()], ids=lambda p: str(p.name))
def test_the_first_branch_of_a_wider_search_is_reacts_of_the_same_seed(
    policy: Policy, breadth: int
) -> None:
    for task in ALL_MINI:
        react = what_was_asked(ReACT, policy, task).heard
        noting = Noting(policy)
        agent = DFSDT(noting, breadth=breadth, budget=Budget(policy_calls=30))
        wider = agent.run(ToolEnv(max_steps=6), task, seed=11)
        assert noting.heard[: len(react)] == react
        alone = ReACT(policy).run(ToolEnv(max_steps=6), task, seed=11)
        assert wider.steps[: len(alone.steps)] == alone.steps
        if alone.answer is not None:
            assert wider.answer == alone.answer


def test_other_seeds_lead_elsewhere() -> None:
    env = ToolEnv()
    assert ReACT(RandomPolicy()).run(env, 0, seed=1).steps != (
        ReACT(RandomPolicy()).run(env, 0, seed=2).steps
    )


# --- the search ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("breadth", "depth", "answered_by", "calls"),
    [
        # the whole tree: every inner node has `breadth` children, down to the leaves that give up
        (1, 0, None, 1),
        (2, 0, None, 2),
        (3, 0, None, 3),
        (1, 3, None, 4),
        (2, 1, None, 2 + 4),
        (2, 2, None, 2 + 4 + 8),
        (2, 3, None, 2 + 4 + 8 + 16),
        (3, 2, None, 3 + 9 + 27),
        # an answer ends it: a first branch of depth + 1, then leaf by leaf
        (2, 3, 1, 4),
        (2, 3, 2, 5),
        (2, 3, 3, 7),  # back one level: a new inner node and its first leaf
        (2, 3, 4, 8),
        (2, 3, 5, 11),  # back two levels: two new inner nodes and a leaf
        (2, 3, 16, 30),
        (3, 2, 2, 4),
        (3, 2, 4, 7),
    ],
)
def test_it_asks_exactly_as_often_as_arithmetic_says(
    breadth: int, depth: int, answered_by: int | None, calls: int
) -> None:
    policy = Noting(gives_up_below(depth, answered_by))
    episode = DFSDT(policy, breadth=breadth).run(environment(), TASK)
    assert len(policy.heard) == calls
    assert episode.cost.policy_calls == calls == len(episode.steps)
    assert episode.answer == (None if answered_by is None else "found")
    assert episode.ended == ("gave_up" if answered_by is None else "answer")


def test_react_gives_up_where_the_search_goes_on() -> None:
    react = ReACT(gives_up_below(3, answered_by=2)).run(environment(), TASK)
    assert (react.ended, react.answer, react.cost.policy_calls) == ("gave_up", None, 4)
    dfsdt = DFSDT(gives_up_below(3, answered_by=2)).run(environment(), TASK)
    assert (dfsdt.ended, dfsdt.answer, dfsdt.cost.policy_calls) == ("answer", "found", 5)


def test_it_expands_depth_first_and_steps_are_numbered_in_that_order() -> None:
    episode = DFSDT(gives_up_below(2), breadth=2).run(environment(), TASK)
    assert [(step.parent, step.rank) for step in episode.steps] == [
        (ROOT, 0), (0, 0), (1, 0), (1, 1), (0, 1), (4, 0), (4, 1),
        (ROOT, 1), (7, 0), (8, 0), (8, 1), (7, 1), (11, 0), (11, 1),
    ]  # fmt: skip
    assert len(episode.branches()) == 8


def test_it_chooses_the_last_branch_where_none_answers() -> None:
    episode = DFSDT(gives_up_below(1), breadth=2).run(environment(), TASK)
    assert episode.chosen == len(episode.steps) - 1
    assert (episode.ended, episode.outcome) == ("gave_up", "unsure")


def test_a_branch_that_is_cut_off_is_left_like_one_that_gives_up() -> None:
    policy = Noting(ByPath(lambda path, sibling: saying(f"{len(path)}/{sibling}")))
    episode = DFSDT(policy, breadth=2).run(environment(max_steps=3), TASK)
    assert len(policy.heard) == 2 + 4 + 8
    assert {branch.ended for branch in episode.branches()} == {"limit:steps"}
    assert episode.ended == "limit:steps"


def test_the_search_stops_within_its_budget_and_says_so() -> None:
    for limit in range(1, 14):
        policy = Noting(gives_up_below(2))
        episode = DFSDT(policy, budget=Budget(policy_calls=limit)).run(environment(), TASK)
        assert len(policy.heard) == limit
        assert episode.chosen == _taken_last(episode)
        assert episode.ended == ("gave_up" if _gave_up(episode) else "limit:policy_calls")


def _taken_last(episode: Episode) -> int:
    return len(episode.steps) - 1


def _gave_up(episode: Episode) -> bool:
    return episode.steps[-1].ended == "gave_up"


@pytest.mark.parametrize(
    ("budget", "limit"),
    [
        (Budget(api_calls=3), "limit:api_calls"),
        (Budget(policy_calls=3), "limit:policy_calls"),
        (Budget(seconds=0.0), "limit:seconds"),
    ],
    ids=str,
)
@pytest.mark.parametrize("agent", [ReACT, DFSDT])
def test_every_limit_stops_and_is_named(
    agent: type[ReACT] | type[DFSDT], budget: Budget, limit: str
) -> None:
    policy = ByPath(lambda path, sibling: saying("on and on"))
    episode = agent(policy, budget=budget).run(environment(max_steps=100), TASK)
    assert episode.ended == limit
    assert episode.cost.api_calls <= 3


@pytest.mark.parametrize("breadth", [0, -1, 1.5, "2", True, None])
def test_a_breadth_that_is_none_is_refused(breadth: object) -> None:
    with pytest.raises(ConfigurationError, match="breadth"):
        DFSDT(RandomPolicy(), breadth=breadth)  # type: ignore[arg-type]


def test_a_policy_that_fails_in_mid_search_leaves_the_tree_so_far() -> None:
    def script(path: list[str], sibling: int) -> str:
        if sibling:
            raise PolicyError("The server is gone.")
        return GIVE_UP if len(path) == 2 else saying("on")

    episode = DFSDT(ByPath(script)).run(environment(), TASK)
    assert len(episode.steps) == 3
    assert episode.chosen == ROOT
    assert episode.ended == "error:policy: The server is gone."
    assert episode.outcome == "infrastructure_error"


# --- diversity ----------------------------------------------------------------------------------


def diversity_of(episode: Episode) -> list[str]:
    return [step.message.diversity for step in episode.steps]


def test_from_the_second_child_on_the_earlier_ones_are_shown() -> None:
    policy = Noting(ByPath(lambda path, sibling: saying(f"no. {sibling}") if not path else GIVE_UP))
    episode = DFSDT(policy, breadth=3).run(environment(), TASK)
    top = [step for step in episode.steps if step.parent == ROOT]
    assert [bool(step.message.diversity) for step in top] == [False, True, True]
    asked = [json.loads(one.messages) for one in policy.heard]
    shown = [messages[-1] for messages in asked if messages[-1]["role"] == "user"]
    tops = [one for one in shown if one["content"] in {s.message.diversity for s in top}]
    assert [one["content"] for one in tops] == [step.message.diversity for step in top[1:]]
    assert "no. 0" in top[1].message.diversity and "no. 1" not in top[1].message.diversity
    assert "no. 0" in top[2].message.diversity and "no. 1" in top[2].message.diversity
    for step in top[1:]:
        tried = [
            json.loads(line) for line in step.message.diversity.splitlines() if line[:1] == "{"
        ]
        assert all(one["name"] == SAY and "no. " in one["observation"] for one in tried)


def test_what_was_shown_is_not_part_of_the_conversation_below() -> None:
    policy = Noting(gives_up_below(2))
    episode = DFSDT(policy, breadth=2).run(environment(), TASK)
    requests = {text for text in diversity_of(episode) if text}
    assert requests
    for one in policy.heard:
        *above, last = json.loads(one.messages)
        assert all(message["content"] not in requests for message in above)
        assert last["content"] not in requests or last["role"] == "user"
    for branch in episode.branches():
        said = [message["content"] for message in conversation(branch)]
        assert not requests & set(map(str, said))


def test_a_message_without_a_call_is_shown_to_its_siblings_too() -> None:
    policy = ByPath(lambda path, sibling: "I do not know.")
    agent = DFSDT(policy, breadth=2, budget=Budget(policy_calls=4))
    episode = agent.run(environment(max_steps=2), TASK)
    (shown,) = {text for text in diversity_of(episode) if text}
    assert "I do not know." in shown


# --- deep trees ---------------------------------------------------------------------------------

DEEP = 2_000


@pytest.mark.parametrize("agent", [ReACT, DFSDT])
def test_a_deep_branch_does_not_recurse(agent: type[ReACT] | type[DFSDT]) -> None:
    assert sys.getrecursionlimit() <= DEEP
    turn = 0

    def script(*_: object) -> str:
        nonlocal turn
        turn += 1
        return saying("on") if turn < DEEP else answering("there")

    episode = agent(ScriptPolicy(script)).run(environment(max_steps=DEEP), TASK)
    assert len(episode.steps) == DEEP
    assert episode.answer == "there"
    assert len(episode.branch.path()) == DEEP
    assert len(episode.branches()) == 1


# --- the machinery of agents --------------------------------------------------------------------


def test_a_strategy_is_explore_alone() -> None:
    class TwoTries(Agent):
        """Two independent attempts; the first that answers."""

        async def explore(self, env: ToolEnv) -> Branch | None:
            for rank in range(2):
                attempt = env.fork(rank=rank)
                while not attempt.done:
                    message = await self.policy(
                        attempt.messages, attempt.functions, seed=attempt.seed
                    )
                    await attempt.astep(message)
                if attempt.ended == "answer":
                    return attempt.branch
            return None

    episode = TwoTries(gives_up_below(2, answered_by=2)).run(environment(), TASK)
    assert (episode.agent, episode.answer, len(episode.branches())) == ("TwoTries", "found", 2)
    lost = TwoTries(gives_up_below(2)).run(environment(), TASK)
    assert (lost.chosen, lost.answer, lost.ended) == (ROOT, None, "no_answer")


def test_the_observer_sees_every_step_as_it_is_taken() -> None:
    seen: list[Step] = []
    agent = DFSDT(gives_up_below(2), breadth=2)
    episode = asyncio.run(agent.arun(environment(), TASK, observer=seen.append))
    assert tuple(seen) == episode.steps, "depth first is pre-order"


def test_an_attempt_leaves_the_environments_own_episode_alone() -> None:
    env = environment()
    env.reset(seed=1, options={"task": TASK})
    env.step(saying("mine"))
    before = env.branch
    ReACT(gives_up_below(1)).run(env, TASK)
    assert env.branch == before and len(env.branch.steps) == 1


def test_the_fingerprint_covers_strategy_settings_policy_and_budget() -> None:
    agents: list[Agent] = [
        ReACT(RandomPolicy()),
        ReACT(KeywordPolicy()),
        ReACT(RandomPolicy(), budget=Budget(policy_calls=3)),
        DFSDT(RandomPolicy(), breadth=1),
        DFSDT(RandomPolicy(), breadth=2),
        DFSDT(RandomPolicy(), breadth=2, budget=Budget(tokens=3)),
    ]
    assert len({agent.fingerprint for agent in agents}) == len(agents)
    assert DFSDT(RandomPolicy()).fingerprint == DFSDT(RandomPolicy()).fingerprint


# --- siblings that are not shown ----------------------------------------------------------------


def test_a_search_can_hide_what_was_tried() -> None:
    hidden = DFSDT(gives_up_below(1), breadth=3, siblings="hidden").run(environment(), TASK)
    shown = DFSDT(gives_up_below(1), breadth=3).run(environment(), TASK)
    assert len(hidden.steps) == len(shown.steps) > 3
    assert any(step.message.diversity for step in shown.steps)
    assert not any(step.message.diversity for step in hidden.steps)
    assert hidden.fingerprints["agent"] != shown.fingerprints["agent"]


@pytest.mark.parametrize("agent", [DFSDT, TreeOfThoughtsBFS])
def test_siblings_are_shown_or_hidden(agent: type[DFSDT | TreeOfThoughtsBFS]) -> None:
    with pytest.raises(ConfigurationError, match="shown or hidden"):
        agent(RandomPolicy(), siblings="both")  # type: ignore[arg-type]


# --- speculation --------------------------------------------------------------------------------


def test_siblings_are_asked_for_at_once_and_what_is_thrown_away_is_charged() -> None:
    def script(path: list[str], sibling: int) -> str:
        return answering("found") if len(path) == 2 else saying(str(len(path)))

    episode = DFSDT(ByPath(script), breadth=3, speculative=True).run(environment(), TASK)
    assert episode.answer == "found" and len(episode.steps) == 3
    assert episode.cost.policy_calls == 3 * 3  # three nodes, three children asked for at each


@pytest.mark.parametrize("limit", [1, 2, 5, 7, 12])
def test_speculation_stays_within_the_budget(limit: int) -> None:
    agent = DFSDT(gives_up_below(2), breadth=3, speculative=True, budget=Budget(policy_calls=limit))
    episode = agent.run(environment(), TASK)
    assert episode.cost.policy_calls == limit


@pytest.mark.parametrize("policy", [RandomPolicy(), KeywordPolicy()], ids=lambda p: str(p.name))
def test_the_first_branch_of_a_speculative_search_is_reacts_of_the_same_seed(
    policy: Policy,
) -> None:
    env = ToolEnv(max_steps=6)
    for task in ALL_MINI:
        alone = ReACT(policy).run(env, task, seed=11)
        wider = DFSDT(policy, breadth=2, speculative=True).run(env, task, seed=11)
        assert wider.steps[: len(alone.steps)] == alone.steps


def test_speculation_and_a_scorer_exclude_each_other() -> None:
    with pytest.raises(ConfigurationError, match="speculative"):
        DFSDT(RandomPolicy(), speculative=True, scorer=Progress())
