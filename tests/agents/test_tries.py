"""ReACT@N, best-of-N and self-consistency."""

from __future__ import annotations

import pytest

from tests.agents.scripted import TASK, InTurn, answering, environment, saying
from toolenv.agents import (
    DFSDT,
    BestOfN,
    PolicyScorer,
    RandomPolicy,
    ReACT,
    ReACTAtN,
    SelfConsistency,
)
from toolenv.agents.tries import normal_answer
from toolenv.checks import outcome_of
from toolenv.env import ToolEnv
from toolenv.episodes import Branch, Episode
from toolenv.errors import ConfigurationError
from toolenv.limits import Budget
from toolenv.mini import KeywordPolicy, mini_tasks

MINI = [task.id for task in mini_tasks()]


def answers_of(episode: Episode) -> list[str | None]:
    return [branch.answer for branch in episode.branches()]


def test_the_first_try_is_reacts_of_the_same_seed() -> None:
    env = ToolEnv(max_steps=6)
    for task in MINI:
        alone = ReACT(RandomPolicy()).run(env, task, seed=5)
        several = ReACTAtN(RandomPolicy(), tries=3).run(env, task, seed=5)
        assert several.steps[: len(alone.steps)] == alone.steps
        assert len(several.branches()) == 3


@pytest.mark.parametrize("task", MINI[::5])
def test_react_at_n_costs_what_it_is_matched_with(task: str) -> None:
    env = ToolEnv(max_steps=6)
    search = DFSDT(KeywordPolicy(), breadth=2, budget=Budget(policy_calls=40)).run(env, task)
    cost = search.cost.policy_calls
    matched = ReACTAtN(KeywordPolicy(), policy_calls={(task, 0): cost}).run(env, task)
    assert matched.cost.policy_calls == cost


def test_a_smaller_budget_goes_before_the_cost_to_be_matched() -> None:
    agent = ReACTAtN(RandomPolicy(), policy_calls={(TASK.id, 0): 50}, budget=Budget(policy_calls=7))
    assert agent.run(environment(max_steps=4), TASK).cost.policy_calls == 7


def test_it_settles_on_the_first_answer_and_goes_on() -> None:
    policy = InTurn(saying("a"), answering("one"), answering("two"), answering("three"))
    episode = ReACTAtN(policy, tries=3).run(environment(), TASK)
    assert (episode.answer, answers_of(episode)) == ("one", ["one", "two", "three"])


def test_any_of_n_is_told_apart_from_the_one_selected() -> None:
    task = mini_tasks()[0]
    env = ToolEnv()
    episode = BestOfN(RandomPolicy(), tries=8).run(env, task.id, seed=1)
    ends = [outcome_of(branch) for branch in episode.branches()]
    assert len(ends) == 8 and episode.outcome in ends


def test_the_most_frequent_answer_wins_however_it_is_written() -> None:
    said = ["Rome", "It is  1,500.0 EUR.", "rome!", "it is 1500 eur"]
    episode = SelfConsistency(
        InTurn(*(answering(text) for text in [*said, "IT IS 1500 EUR"])), tries=5
    ).run(environment(), TASK)
    assert episode.answer == said[1]


def test_of_equally_frequent_answers_the_earliest_wins() -> None:
    policy = InTurn(answering("b"), answering("a"), answering("a"), answering("b"))
    assert SelfConsistency(policy, tries=4).run(environment(), TASK).answer == "b"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("3.0", "3"),
        ("Ｐａｒｉｓ", "paris"),
        ("1,234,567", "1234567"),
        ("yes.", "Yes"),
    ],
)
def test_equal_answers_have_one_normal_form(one: str, other: str) -> None:
    assert normal_answer(one) == normal_answer(other)


@pytest.mark.parametrize(
    ("one", "other"), [("3.5", "35"), ("1,2", "12"), ("a b", "ab"), ("-", "0")]
)
def test_other_answers_do_not(one: str, other: str) -> None:
    assert normal_answer(one) != normal_answer(other)


class Longest:
    """Scores by the length of the answer."""

    fingerprint = "scorer-longest"

    async def __call__(self, env: ToolEnv) -> float:
        return len(env.branch.answer or "")


def test_a_scorer_selects() -> None:
    policy = InTurn(answering("a"), answering("the longest"), answering("longer"))
    episode = BestOfN(policy, tries=3, scorer=Longest()).run(environment(), TASK)
    assert episode.answer == "the longest"


def test_what_a_scorer_asks_is_paid_from_the_budget() -> None:
    judge = InTurn("3", "I would say 8", "5")
    policy = InTurn(answering("a"), answering("b"), answering("c"))
    agent = BestOfN(policy, tries=3, scorer=PolicyScorer(judge), budget=Budget(policy_calls=20))
    episode = agent.run(environment(), TASK)
    assert (episode.answer, episode.cost.policy_calls) == ("b", 3 + 3)


def test_no_rating_is_asked_for_when_the_budget_is_spent() -> None:
    policy = InTurn(answering("a"), answering("b"))
    agent = BestOfN(
        policy, tries=2, scorer=PolicyScorer(InTurn("9")), budget=Budget(policy_calls=2)
    )
    episode = agent.run(environment(), TASK)
    assert (episode.answer, episode.cost.policy_calls) == ("a", 2)


@pytest.mark.parametrize("tries", [0, -1, 1.5, "2", True])
def test_tries_are_counted_in_whole_numbers(tries: object) -> None:
    with pytest.raises(ConfigurationError, match="tries"):
        ReACTAtN(RandomPolicy(), tries=tries)  # type: ignore[arg-type]


def test_tries_without_a_number_end_with_the_budget_even_when_it_counts_nothing() -> None:
    agent = ReACTAtN(InTurn(answering("a")), budget=Budget(tokens=10))
    assert len(agent.run(environment(), TASK).branches()) == 1_000


def test_a_branch_of_another_try_is_no_part_of_the_selected_one() -> None:
    policy = InTurn(saying("a"), answering("one"), saying("b"), answering("two"))
    episode = BestOfN(policy, tries=2, scorer=Longest()).run(environment(), TASK)
    chosen: Branch = episode.branch
    assert chosen.path()[0].calls[0].arguments == {"text": "a"}
