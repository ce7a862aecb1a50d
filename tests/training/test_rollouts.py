"""Attempts as tokens: what is trained on, what is not, and what the members of a group share."""

from __future__ import annotations

from typing import Any

import pytest
import transformers

from tests.agents.scripted import TASK, answering, environment, saying, tool
from tests.training.data import Made
from tests.training.scripted import Scripted, written
from tests.training.tiny import MARKED_TEMPLATE
from toolenv.agents.policies.prompting import with_objects
from toolenv.env import ToolEnv
from toolenv.episodes import Branch, Call, Response, Status
from toolenv.errors import ConfigurationError
from toolenv.judging.rewards import WeightedReward, call_cost
from toolenv.simulators import FaultPlan, LocalSimulator, SimulatorBase, inject_faults
from toolenv.training.rollouts import Attempt, Rollouts, TrainedPolicy
from toolenv.training.task_prompts import check_prompts

REWARD = WeightedReward(((1.0, call_cost),))


def turn_of(prompt: str) -> int:
    return prompt.count("<|begin|>assistant\n") - 1


def attempts(policy: TrainedPolicy, env: ToolEnv, count: int = 1, **options: Any) -> list[Attempt]:
    given = {"most": 4000, "seed": 1, **options}
    rollouts = Rollouts(env, policy, REWARD, **given)
    return rollouts.attempt_all([env.tasks[0].id] * count, round=0)


def two_calls(prompt: str, seed: int) -> str:
    turn = turn_of(prompt)
    return written(saying(f"turn {turn}") if turn < 2 else answering("done"))


def test_what_the_policy_said_is_trained_on_and_what_came_back_is_not(made: Made) -> None:
    policy = Scripted(made.model, two_calls)
    env = environment()
    (attempt,) = attempts(policy, env)
    tokenizer = policy.load().tokenizer

    sampled = [t for t, kept in zip(attempt.completion, attempt.mask, strict=True) if kept]
    said = [written(saying("turn 0")), written(saying("turn 1")), written(answering("done"))]
    assert tokenizer.decode(sampled) == "".join(f"{text}<|end|>" for text in said)
    assert len(attempt.completion) == len(attempt.mask)
    assert (attempt.ended, attempt.reward, attempt.rewritten) == ("answer", 2.0, 0)


def test_the_tokens_are_those_of_the_conversation_as_imitation_trains_on_it(made: Made) -> None:
    policy = Scripted(made.model, two_calls)
    env = environment()
    (attempt,) = attempts(policy, env)
    env.reset(seed=0, options={"task": 0})
    for turn in range(2):
        env.step(saying(f"turn {turn}"))
    env.step(answering("done"))
    tokenizer = policy.load().tokenizer
    messages = [with_objects(message) for message in env.messages]
    while messages[-1]["role"] != "assistant":
        messages.pop()

    whole = tokenizer.apply_chat_template(messages, tools=env.functions, tokenize=False)

    assert tokenizer.decode(attempt.prompt + attempt.completion) == whole


def test_finish_ends_the_attempt(made: Made) -> None:
    policy = Scripted(made.model, lambda prompt, seed: written(answering("at once")))

    (attempt,) = attempts(policy, environment())

    assert policy.asked == 1 and attempt.ended == "answer"
    assert attempt.completion[-1] == policy.load().tokenizer.eos_token_id


def test_turns_that_the_template_writes_in_another_way_are_masked_and_counted(made: Made) -> None:
    def script(prompt: str, seed: int) -> str:
        return saying("compact") if turn_of(prompt) == 0 else written(answering("done"))

    policy = Scripted(made.model, script)
    (attempt,) = attempts(policy, environment())
    tokenizer = policy.load().tokenizer

    sampled = [t for t, kept in zip(attempt.completion, attempt.mask, strict=True) if kept]
    assert attempt.rewritten == 1
    assert tokenizer.decode(sampled) == written(answering("done")) + "<|end|>"


def test_an_attempt_that_grows_too_long_ends_before_the_turn_that_does_not_fit(made: Made) -> None:
    policy = Scripted(made.model, lambda prompt, seed: written(saying(f"{turn_of(prompt)}")))

    (attempt,) = attempts(policy, environment(max_steps=50), most=400)

    assert attempt.ended == "limit:tokens" and 0 < len(attempt.completion) <= 400


class Silent(SimulatorBase):
    """Has no answer to anything, or fails."""

    def __init__(self, fails: bool) -> None:
        self.fails = fails
        self.fingerprint = "silent"

    def open(self, task: Any, seed: int) -> Any:
        return _SilentSession(self.fails)


class _SilentSession:
    def __init__(self, fails: bool) -> None:
        self.fails = fails

    async def call(self, call: Call, past: Branch) -> Response | None:
        return Response("", Status.SIMULATOR_FAILED) if self.fails else None

    def fork(self) -> _SilentSession:
        return self


@pytest.mark.parametrize("fails", [True, False])
def test_misses_and_failures_of_the_infrastructure_are_masked_and_not_rewarded(
    made: Made, fails: bool
) -> None:
    policy = Scripted(made.model, two_calls)

    (attempt,) = attempts(policy, ToolEnv([TASK], Silent(fails)))

    assert attempt.reward is None
    assert set(attempt.mask) == {0}
    assert attempt.calls["missed"] == (0 if fails else 2)


def test_the_members_of_a_group_meet_the_same_faults_and_other_rounds_meet_others(
    made: Made,
) -> None:
    plan = FaultPlan(rates={"timeout": 0.5})
    heard: list[str] = []

    def script(prompt: str, seed: int) -> str:
        if turn_of(prompt) == 1:
            heard.append("timeout" if "did not answer in time" in prompt else "fine")
            return written(answering("done"))
        return written(saying("hello"))

    policy = Scripted(made.model, script)
    simulator = inject_faults(LocalSimulator([tool], version="1"), plan)
    env = ToolEnv([TASK], simulator)
    rollouts = Rollouts(env, policy, REWARD, most=4000, seed=1)
    by_round = []
    for number in range(12):
        heard.clear()
        rollouts.attempt_all(["t"] * 4, round=number)
        by_round.append(set(heard))

    assert all(len(kinds) == 1 for kinds in by_round)
    assert {"timeout", "fine"} == set().union(*by_round)


def test_members_draw_their_own_tokens(made: Made) -> None:
    seeds: list[int] = []

    def script(prompt: str, seed: int) -> str:
        seeds.append(seed)
        return written(answering("done"))

    attempts(Scripted(made.model, script), environment(), count=4)

    assert len(set(seeds)) == 4


def test_prompts_of_a_run_are_those_of_training_or_the_template_is_refused(
    made: Made,
) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(made.model)
    check_prompts(TrainedPolicy(made.model), tokenizer, ToolEnv(split="I1-inst"), "here")
    greeted = "{{ greeting }}" + MARKED_TEMPLATE
    tokenizer.chat_template = greeted
    policy = TrainedPolicy(
        made.model, chat_template=greeted, template_options={"greeting": "Good morning."}
    )

    with pytest.raises(ConfigurationError, match=r"has other tokens in a run than in training"):
        check_prompts(policy, tokenizer, ToolEnv(split="I1-inst"), "here")
