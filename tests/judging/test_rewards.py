from __future__ import annotations

import random
from dataclasses import replace

import pytest

from tests.judging.calls_by_hand import episode, task
from toolenv import ToolEnv
from toolenv.apis import FINISH
from toolenv.episodes import ROOT, Branch, FunctionCall
from toolenv.formats.gold import Gold
from toolenv.jsontext import render
from toolenv.judging.controls import order_controls
from toolenv.judging.rewards import (
    CheckpointScore,
    VerdictScore,
    WeightedReward,
    call_cost,
    check_score,
    checkpoint_score,
    grounded_score,
    rewards_of,
    step_cost,
    token_cost,
)
from toolenv.mini import mini_simulator, mini_solution, mini_tasks

TASK = mini_tasks("I3-inst")[0]
SOLUTION = mini_solution(TASK.id)
CALLS = [{"function": name, "arguments": given} for name, given in SOLUTION.calls]
GOLD = Gold.model_validate({"calls": CALLS, "checkpoints": CALLS})
PARTS = (
    (1.0, check_score),
    (0.5, CheckpointScore({TASK.id: GOLD})),
    (0.25, VerdictScore(lambda branch: "unsure")),
    (-0.01, call_cost),
)


def solved(reward: WeightedReward) -> tuple[ToolEnv, list[float]]:
    env = ToolEnv([TASK], mini_simulator(), reward=reward)
    env.reset(seed=0)
    paid = [float(env.step(FunctionCall(name, render(given)))[1]) for name, given in SOLUTION.calls]
    finish = {"return_type": "give_answer", "final_answer": SOLUTION.answer}
    return env, [*paid, float(env.step(FunctionCall(FINISH, render(finish)))[1])]


def test_at_the_end_the_whole_score_is_paid_at_once() -> None:
    _, paid = solved(WeightedReward(PARTS))
    assert paid == pytest.approx([0, 0, 1 + 0.5 + 0.125 - 0.02])


def test_by_step_each_step_is_paid_what_it_changed() -> None:
    _, paid = solved(WeightedReward(PARTS, when="step"))
    assert paid == pytest.approx([0.25 - 0.01, 0.25 - 0.01, 1.125])


@pytest.mark.parametrize("when", ["end", "step"])
def test_the_record_gives_the_same_rewards_again(when: str) -> None:
    reward = WeightedReward(PARTS, when="step" if when == "step" else "end")
    env, paid = solved(reward)
    recorded = env.episode(env.branch)
    assert rewards_of(recorded, reward) == tuple(step.reward for step in recorded.steps)
    assert list(rewards_of(recorded, reward)) == paid == list(rewards_of(recorded, reward))
    forgotten = replace(
        recorded, steps=tuple(step._replace(reward=0.0) for step in recorded.steps), reward=0.0
    )
    assert rewards_of(forgotten, reward) == tuple(paid)


def test_scores_of_a_branch() -> None:
    one = episode(("search_for_sky", {"city": "Paris"}, {"degrees": 21}), answer="21 °C")
    empty = Branch(one.task, one.steps, ROOT)
    assert (step_cost(one.branch), call_cost(one.branch), token_cost(one.branch)) == (2, 1, 0.2)
    assert [score(empty) for score in (step_cost, call_cost, token_cost, check_score)] == [0] * 4
    assert grounded_score(one.branch) == 1 and grounded_score(empty) == 0
    assert VerdictScore(lambda branch: 0.7)(one.branch) == 0.7
    assert VerdictScore(lambda branch: None)(one.branch) == 0
    assert VerdictScore(lambda branch: "passed")(empty) == 0
    assert checkpoint_score(one.branch) == 0
    carried = task(gold={"checkpoints": [{"observed": "21"}, {"observed": "70"}]})
    assert checkpoint_score(one.branch._replace(task=carried)) == 0.5


def test_a_reward_needs_scores_with_finite_weights() -> None:
    for scores in ((), ((float("nan"), step_cost),)):
        with pytest.raises(ValueError, match="finite"):
            WeightedReward(scores)
    with pytest.raises(ValueError, match="never"):
        WeightedReward(((1.0, step_cost),), when="never")  # type: ignore[arg-type]


# --- controls --------------------------------------------------------------------------------


def scores(**rates: float) -> dict[str, dict[str, float]]:
    draw = random.Random(3)
    levels = [draw.random() for _ in range(80)]
    return {
        name.replace("_", " "): {
            str(number): float(level < rate) for number, level in enumerate(levels)
        }
        for name, rate in rates.items()
    }


def test_controls_come_in_their_order() -> None:
    found = order_controls(scores(oracle=1.0, noisy_oracle=0.6, random=0.1, nothing=0.0))
    assert found.verdict == "ordered" and found.tasks == 80
    assert found.statement == (
        "The controls come in their order: oracle > noisy oracle > random > nothing."
    )
    assert found.rates["oracle"].low > 0.9
    assert all(gap.difference.low > 0 for gap in found.gaps)


def test_random_calls_that_pass_nothing_are_as_they_should_be() -> None:
    found = order_controls(scores(oracle=1.0, noisy_oracle=0.6, random=0.0, nothing=0.0))
    assert found.verdict == "ordered"


def test_a_broken_benchmark_is_called_broken() -> None:
    found = order_controls(scores(oracle=0.5, noisy_oracle=0.8, random=0.1, nothing=0.0))
    assert found.verdict == "broken" and "oracle is -" in found.statement
    assert "broken" in found.statement and "noisy oracle" in found.statement
    alike = order_controls(scores(oracle=0.5, noisy_oracle=0.5, random=0.1, nothing=0.0))
    assert alike.verdict == "broken"


def test_few_tasks_show_no_order() -> None:
    few = {name: {"1": one, "2": two} for name, one, two in (("oracle", 1, 1), ("random", 0, 1))}
    found = order_controls(few)
    assert found.verdict == "not shown" and "2 tasks" in found.statement


def test_controls_do_the_same_tasks() -> None:
    with pytest.raises(ValueError, match="same tasks"):
        order_controls({"oracle": {"1": 1.0}, "random": {"2": 0.0}})
    with pytest.raises(ValueError, match="two of"):
        order_controls({"oracle": {"1": 1.0}})
