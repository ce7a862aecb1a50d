"""The environment: Gymnasium's contract, what a step answers, what ends a branch."""

from __future__ import annotations

import asyncio
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers import RecordEpisodeStatistics

import toolenv
from tests.simulators_by_hand import (
    Answering,
    Counter,
    api,
    call,
    echo,
    finish,
    saying,
    several,
    task,
)
from toolenv import bridge, write_tasks
from toolenv.apis import API
from toolenv.checks import check_reward, outcome_of
from toolenv.env import ToolEnv
from toolenv.episodes import Branch, Call, FunctionCall, Message, Outcome, Response, Status, Usage
from toolenv.errors import CheckError, ConfigurationError, EpisodeError, SimulatorError
from toolenv.mini import mini_simulator, mini_solution, mini_tasks
from toolenv.observations import REMINDER
from toolenv.prices import Price
from toolenv.tasks import Check, Task

IDS = ["toolenv/ToolBench-v0", "toolenv/MiniToolBench-v0"]

BOX = task()

INFO = {
    "task": str,
    "status": int,
    "source": str,
    "origin": str,
    "calls": int,
    "ended": str,
    "outcome": str,
}


def unwrapped(env: gymnasium.Env[Any, Any]) -> ToolEnv:
    assert isinstance(env.unwrapped, ToolEnv)
    return env.unwrapped


def begun(simulator: Any = None, *, task: Task = BOX, **options: Any) -> ToolEnv:
    env = ToolEnv([task], simulator or Answering(echo), **options)
    env.reset(seed=0, options={"task": 0})
    return env


# --- making one -----------------------------------------------------------------------------------


@pytest.mark.parametrize("id", IDS)
def test_without_arguments_each_id_gives_the_embedded_world(id: str) -> None:
    env = gymnasium.make(id)
    assert unwrapped(env).tasks == tuple(mini_tasks())
    instruction, info = env.reset(seed=7)
    assert instruction in {task.instruction for task in mini_tasks()}
    assert info["task"] in {task.id for task in mini_tasks()}


@pytest.mark.parametrize("id", IDS)
def test_every_option_can_be_written_as_configuration(
    id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tasks(mini_tasks("I1-inst"), tmp_path / "tasks.jsonl")
    (tmp_path / "rewards_by_hand.py").write_text("def steps(branch): return len(branch.path())")
    monkeypatch.syspath_prepend(str(tmp_path))
    options: dict[str, Any] = {
        "tasks": str(tmp_path / "tasks.jsonl"),
        "simulator": ["local:toolenv.mini:mini_simulator"],
        "split": "I1-inst",
        "reward": "rewards_by_hand:steps",
        "max_steps": 3,
        "budget": {"policy_calls": 2},
        "observation_limit": 5,
        "action_format": "json",
        "system_prompt": "",
        "reminder": "Go on.",
        "render_mode": "ansi",
    }
    env = gymnasium.make(id, **options)
    assert [task.id for task in unwrapped(env).tasks] == [t.id for t in mini_tasks("I1-inst")]
    env.reset(seed=0, options={"task": "I1-inst-1"})
    assert len(unwrapped(env).messages) == 1
    observation, reward, *_ = env.step("Action: f\nAction Input: {}")
    assert (observation, reward) == ("Go on.", 1)
    observation, reward, terminated, truncated, info = env.step('{"name": "f"}')
    assert observation == '{"err… [cut: 5 of 53 characters]'
    assert (reward, terminated, truncated, info["ended"]) == (2, False, True, "limit:policy_calls")
    assert env.spec is not None
    again = gymnasium.make(EnvSpec.from_json(env.spec.to_json()))
    assert unwrapped(again).fingerprint == unwrapped(env).fingerprint


def test_tasks_may_be_named_by_a_function() -> None:
    env = gymnasium.make(IDS[0], tasks="toolenv.mini:mini_tasks", split="I2-cat")
    assert {task.split for task in unwrapped(env).tasks} == {"I2-cat"}


@pytest.mark.parametrize("id", IDS)
def test_the_specification_is_json(id: str) -> None:
    env = gymnasium.make(id, split="I1-inst", render_mode="ansi")
    assert env.spec is not None
    written = json.loads(env.spec.to_json())
    assert (written["id"], written["kwargs"]) == (
        id,
        {"split": "I1-inst", "render_mode": "ansi"},
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"split": "I9"}, "no split 'I9'.*I1-cat, I1-inst"),
        ({"tasks": []}, "no tasks"),
        ({"tasks": "toolenv.mini:no_tasks"}, "toolenv.mini:no_tasks.*module:name"),
        ({"simulator": "magic:x"}, "'magic:x'.*kinds are .*local, .*snapshot, .*store"),
        ({"simulator": []}, "No simulator"),
        ({"reward": "nowhere:f"}, "reward: 'nowhere:f'"),
        ({"max_steps": 0}, "max_steps: It is 0"),
        ({"observation_limit": 0}, "observation_limit: It is 0"),
        ({"budget": {"patience": 1}}, "budget: .*patience"),
        ({"action_format": "xml"}, "'xml'.*auto, json, toolllama, hermes"),
        ({"compatibility": "toolbenhc"}, "'toolbenhc'.*'stabletoolbench'"),
        ({"render_mode": "human"}, "'human'.*'ansi'"),
    ],
)
def test_an_option_that_cannot_be_used_is_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        ToolEnv(**options)


# --- Gymnasium's contract -------------------------------------------------------------------------


@pytest.fixture
def warnings_are_errors() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # The small world by hand has been followed by a generated one of the same name.
        warnings.filterwarnings("ignore", message=".*MiniToolBench-v0 is out of date")
        yield


@pytest.mark.usefixtures("warnings_are_errors")
@pytest.mark.parametrize("options", [{}, {"compatibility": "toolbench"}, {"render_mode": "ansi"}])
@pytest.mark.parametrize("id", IDS)
def test_gymnasiums_checker_finds_nothing(id: str, options: dict[str, Any]) -> None:
    check_env(gymnasium.make(id, **options).unwrapped)


@pytest.mark.usefixtures("warnings_are_errors")
@pytest.mark.parametrize("id", IDS)
def test_gymnasiums_checker_finds_nothing_in_what_make_returns(id: str) -> None:
    # It warns of every wrapped environment, and make always wraps: that is not about ours.
    warnings.filterwarnings("ignore", message=".*is different from the unwrapped version.*")
    check_env(gymnasium.make(id))


@pytest.mark.usefixtures("warnings_are_errors")
def test_the_checker_accepts_an_environment_in_the_middle_of_an_episode() -> None:
    env = ToolEnv()
    env.reset(seed=3)
    env.step(env.action_space.sample())
    check_env(env, skip_render_check=True)


def test_gymnasiums_wrappers_work() -> None:
    env = RecordEpisodeStatistics(gymnasium.make(IDS[0]))
    env.reset(seed=1)
    *_, info = env.step(finish(None))
    assert info["episode"]["l"] == 1


@pytest.mark.parametrize("seed", range(4))
def test_a_random_agent_plays_without_an_exception(seed: int) -> None:
    env = gymnasium.make(IDS[1], max_steps=6)
    env.action_space.seed(seed)
    ends = set()
    for episode in range(50):
        observation, info = env.reset(seed=1000 * seed + episode)
        terminated = truncated = False
        while not (terminated or truncated):
            observation, reward, terminated, truncated, info = env.step(env.action_space.sample())
            assert observation in env.observation_space
            assert {key: type(value) for key, value in info.items()} == INFO
            assert info["status"] != Status.NO_SUCH_FUNCTION
        assert type(terminated) is type(truncated) is bool
        assert isinstance(reward, float)
        ends.add(info["ended"])
    assert ends == {"answer", "gave_up", "limit:steps"}


def test_info_has_the_same_keys_and_types_at_every_step() -> None:
    env = begun(saying("x"), max_steps=3)
    infos = [env.reset(seed=0)[1]]
    infos += [env.step(action)[4] for action in ("hello", several(call("look"), call("put")))]
    infos += [env.step(finish())[4]]
    for info in infos:
        assert {key: type(value) for key, value in info.items()} == INFO
    assert [info["calls"] for info in infos] == [0, 0, 2, 1]
    assert [info["source"] for info in infos] == [
        "environment",
        "environment",
        "local",
        "environment",
    ]


def test_a_step_before_the_first_reset_says_what_to_do() -> None:
    with pytest.raises(EpisodeError, match="Call reset first"):
        ToolEnv().step("hello")


def test_a_step_after_the_end_says_why_there_is_none() -> None:
    env = begun()
    env.step(finish())
    with pytest.raises(EpisodeError, match=r"has ended \(answer\).*reset"):
        env.step("more")
    env.reset()
    env.step("again")


@pytest.mark.parametrize("wanted", ["I1-inst-2", 1, mini_tasks()[1]], ids=["id", "index", "task"])
def test_a_task_is_chosen_by_id_index_or_itself(wanted: Any) -> None:
    env = ToolEnv()
    instruction, info = env.reset(seed=0, options={"task": wanted})
    assert (info["task"], instruction) == ("I1-inst-2", mini_tasks()[1].instruction)
    assert env.task.id == "I1-inst-2"


@pytest.mark.parametrize("wanted", ["I1-inst-200", 10_000, 1.5])
def test_a_task_that_does_not_exist_is_refused(wanted: Any) -> None:
    with pytest.raises(ConfigurationError, match="There is no task"):
        ToolEnv().reset(options={"task": wanted})


def test_a_near_miss_of_a_task_is_suggested() -> None:
    with pytest.raises(ConfigurationError, match="Did you mean I1-inst-2"):
        ToolEnv().reset(options={"task": "I1-inst2"})


@pytest.mark.parametrize("id", IDS)
def test_rendering_as_text(id: str) -> None:
    env = gymnasium.make(id, render_mode="ansi")
    env.reset(seed=0, options={"task": "I1-inst-1"})
    env.step({"role": "assistant", "content": "Hm.", "tool_calls": []})
    env.step('{"name": "nonsense", "arguments": {"a": 1}}')
    assert env.render() == (
        f"task I1-inst-1: {mini_tasks()[0].instruction}\n"
        "0 says: Hm.\n"
        f"0 observes: {REMINDER}\n"
        '1 calls: nonsense({"a":1})\n'
        '1 observes: {"error": "No such function name: nonsense", "response": ""}'
    )


def test_without_a_render_mode_nothing_is_rendered() -> None:
    assert begun().render() is None


def test_closing_twice_closes_only_what_the_environment_made() -> None:
    given = Answering(echo)
    env = begun(given)
    env.close()
    env.close()
    assert given.closed == 0
    within = Answering(echo)
    made = begun([within])
    made.fork().close()
    made.fresh().close()
    assert within.closed == 0
    made.close()
    assert within.closed == 1


# --- actions --------------------------------------------------------------------------------------

LOOK = '{"x": "é"}'


@pytest.mark.parametrize(
    "action",
    [
        Message("Let me look.", (FunctionCall("look_for_box", LOOK),)),
        FunctionCall("look_for_box", LOOK),
        {"tool_calls": [{"function": {"name": "look_for_box", "arguments": LOOK}}]},
        {"function_call": {"name": "look_for_box", "arguments": LOOK}},
        {"name": "look_for_box", "arguments": {"x": "é"}},
        '{"name": "look_for_box", "arguments": {"x": "é"}}',
        f"Thought: Let me look.\nAction: look_for_box\nAction Input: {LOOK}",
        '<tool_call>{"name": "look_for_box", "arguments": {"x": "é"}}</tool_call>',
        '{"name": "look_for_box", "arguments": {"x": "é"}}'.encode(),
    ],
    ids=["message", "call", "tools", "functions", "bare", "json", "toolllama", "hermes", "bytes"],
)
def test_a_call_is_answered_however_it_is_written(action: Any) -> None:
    env = begun()
    observation, reward, terminated, truncated, info = env.step(action)
    assert observation == '{"error":"","response":["look_for_box",{"x":"é"}]}'
    assert (reward, terminated, truncated) == (0.0, False, False)
    assert (info["status"], info["calls"], info["source"]) == (0, 1, "local")
    (step,) = env.branch.path()
    assert (step.calls[0].function, step.calls[0].arguments) == ("look_for_box", {"x": "é"})


def test_synchronous_and_asynchronous_steps_are_the_same() -> None:
    actions: list[Any] = [call("look"), several(call("look"), call("put")), "hm", finish("it")]
    env, other = begun(), begun()

    async def play() -> list[Any]:
        return [await other.astep(action) for action in actions]

    assert [env.step(action) for action in actions] == asyncio.run(play())
    assert env.branch.path() == other.branch.path()


def test_a_message_without_a_call_is_reminded() -> None:
    observation, _, _, _, info = begun().step("I think it is raining.")
    assert (observation, info["status"], info["calls"]) == (REMINDER, Status.BAD_INPUT, 0)


def test_an_unknown_function_is_answered_to_the_letter() -> None:
    observation, _, terminated, _, info = begun().step(FunctionCall("lookup", "{}"))
    assert observation == '{"error": "No such function name: lookup", "response": ""}'
    assert (info["status"], terminated) == (Status.NO_SUCH_FUNCTION, False)


def test_an_endless_function_name_is_cut_like_any_observation() -> None:
    observation, *_ = begun(observation_limit=100).step(FunctionCall("x" * 10_000_000))
    assert len(observation) < 200
    assert observation.endswith("… [cut: 100 of 10000052 characters]")


async def unanswered(call: Call, past: Branch) -> Response | None:
    return None


def test_a_miss_is_a_typed_observation() -> None:
    observation, _, _, truncated, info = begun(Answering(unanswered)).step(call("look"))
    assert json.loads(observation)["error"].startswith("No recorded response: look_for_box")
    assert (info["status"], info["source"], truncated) == (Status.MISS, "environment", False)


def test_wrong_arguments_that_nothing_answers_are_bad_input() -> None:
    observation, *_, info = begun(Answering(unanswered)).step(call("look", {"y": 1}))
    assert "'y' was unexpected" in json.loads(observation)["error"]
    assert info["status"] == Status.BAD_INPUT


def test_a_recording_of_wrong_arguments_is_served_all_the_same() -> None:
    observation, *_, info = begun(saying("recorded")).step(call("look", {"y": 1}))
    assert (observation, info["status"]) == ("recorded", Status.OK)


def test_a_solution_is_rewarded() -> None:
    env = gymnasium.make(IDS[1])
    for solved in mini_tasks():
        solution = mini_solution(solved.id)
        env.reset(seed=0, options={"task": solved})
        for name, arguments in solution.calls:
            *_, terminated, truncated, info = env.step({"name": name, "arguments": arguments})
            assert not terminated and not truncated
        _, reward, terminated, truncated, info = env.step(finish(solution.answer))
        assert (reward, terminated, truncated, info["outcome"]) == (1.0, True, False, "passed")


# --- several calls in one action ------------------------------------------------------------------


def test_responses_come_in_the_order_of_the_calls() -> None:
    env = begun()
    calls = [call("look", {"x": letter}) for letter in "cab"]
    observation, *_, info = env.step(several(*calls))
    assert observation.split("\n") == [
        f'look_for_box: {{"error":"","response":["look_for_box",{{"x":"{letter}"}}]}}'
        for letter in "cab"
    ]
    assert info["calls"] == 3
    (step,) = env.branch.path()
    assert [response.body for response in step.responses] == [
        ["look_for_box", {"x": letter}] for letter in "cab"
    ]
    assert [r.text for r in step.responses] == [m["content"] for m in env.messages[-3:]]


class Meeting:
    """Answers no call before all of them have been made."""

    def __init__(self, parties: int) -> None:
        self.parties = parties
        self.waiting = 0
        self.all_here: asyncio.Event | None = None

    async def answer(self, call: Call, past: Branch) -> Response | None:
        await bridge.wait(self._meet)
        return await echo(call, past)

    async def _meet(self) -> None:
        self.all_here = self.all_here or asyncio.Event()
        self.waiting += 1
        if self.waiting == self.parties:
            self.all_here.set()
        await asyncio.wait_for(self.all_here.wait(), timeout=20)


def test_calls_that_change_nothing_run_concurrently() -> None:
    env = begun(Answering(Meeting(3).answer))
    *_, info = env.step(several(*(call("look", {"x": str(n)}) for n in range(3))))
    assert info["status"] == Status.OK


def test_calls_run_concurrently_within_a_loop_too() -> None:
    env = begun(Answering(Meeting(2).answer))
    *_, info = asyncio.run(env.astep(several(call("look"), call("look"))))
    assert info["status"] == Status.OK


class Busy:
    """Counts how many calls are under way at once, and in which order they began."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self.order: list[str] = []

    async def answer(self, call: Call, past: Branch) -> Response | None:
        self.now += 1
        self.most = max(self.most, self.now)
        self.order.append(call.text)
        await bridge.wait(lambda: asyncio.sleep(0))
        self.now -= 1
        return await echo(call, past)


@pytest.mark.parametrize(
    "changing",
    [api("put", changes_state=True), API(category="Things", tool="Box", name="put", method="POST")],
    ids=["declared", "by its method"],
)
def test_calls_run_in_order_when_one_changes_state(changing: API) -> None:
    busy = Busy()
    both = Task(id="t", instruction="Do.", apis=(api("look"), changing))
    env = begun(Answering(busy.answer), task=both)
    calls = [*(call("look", {"x": str(n)}) for n in range(5)), FunctionCall("put_for_box", "{}")]
    env.step(several(*calls))
    assert busy.most == 1
    assert busy.order == [written.arguments for written in calls]


def test_a_change_shows_in_the_calls_after_it() -> None:
    env = begun(Counter())
    env.step(several(call("look"), call("put"), call("look"), call("put"), call("look")))
    (step,) = env.branch.path()
    assert [response.body for response in step.responses] == [0, 1, 1, 2, 2]


def test_calls_after_finish_are_not_made() -> None:
    made: list[Call] = []

    async def answer(call: Call, past: Branch) -> Response | None:
        made.append(call)
        return await echo(call, past)

    env = begun(Answering(answer))
    *_, terminated, _, info = env.step(
        several(call("look"), finish("it"), call("look"), finish(None))
    )
    assert (terminated, info["ended"], info["calls"]) == (True, "answer", 4)
    assert len(made) == 1
    (step,) = env.branch.path()
    assert [response.status for response in step.responses] == [
        Status.OK,
        Status.ANSWERED,
        Status.BAD_INPUT,
        Status.BAD_INPUT,
    ]
    assert step.responses[2].error == "Not called: Finish came before it."
    assert env.branch.answer == "it"


def test_an_invalid_finish_before_a_valid_one_gives_no_answer_of_its_own() -> None:
    env = begun()
    wrong = FunctionCall("Finish", '{"return_type": "answer", "final_answer": "wrong"}')
    env.step(several(wrong, finish("right")))
    assert env.branch.answer == "right"


def test_more_calls_than_an_action_carries_are_refused() -> None:
    made: list[Call] = []

    async def answer(call: Call, past: Branch) -> Response | None:
        made.append(call)
        return await echo(call, past)

    env = begun(Answering(answer))
    *_, info = env.step(several(*[call("look")] * 70))
    assert (len(made), info["calls"]) == (64, 70)
    statuses = [response.status for response in env.branch.path()[0].responses]
    assert statuses == [Status.OK] * 64 + [Status.BAD_INPUT] * 6
    assert env.meter.api_calls == 64


def test_a_finish_beyond_them_ends_nothing() -> None:
    env = begun()
    *_, terminated, truncated, info = env.step(
        several(*[call("look")] * 64, finish(), call("look"))
    )
    assert (terminated, truncated, info["ended"]) == (False, False, "")


# --- ends -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "observation", "ended", "status"),
    [
        (finish("it"), '{"response":"successfully giving the final answer."}', "answer", 3),
        (finish(None), '{"response":"chose to give up and restart"}', "gave_up", 4),
    ],
)
def test_finish_terminates(action: Any, observation: str, ended: str, status: int) -> None:
    env = begun()
    assert env.done is False
    seen, _, terminated, truncated, info = env.step(action)
    assert (seen, info["ended"], info["status"]) == (observation, ended, status)
    assert terminated is True and truncated is False
    assert (env.done, env.ended) == (True, ended)
    assert env.meter.api_calls == 0


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ("{}", "return_type must be give_answer or give_up_and_restart"),
        ('{"return_type": "give_answer"}', "give_answer needs a final_answer"),
        ("[1]", "arguments are not a JSON object"),
    ],
)
def test_a_finish_that_does_not_fit_goes_on(arguments: str, problem: str) -> None:
    env = begun()
    observation, _, terminated, truncated, info = env.step(FunctionCall("Finish", arguments))
    assert json.loads(observation) == {
        "error": f"Finish was called wrongly: {problem}",
        "response": "",
    }
    assert (terminated, truncated, info["status"], info["ended"]) == (False, False, 2, "")


@pytest.mark.parametrize(
    ("answer", "text"), [("", ""), (7, "7"), (["a", 1.5], '["a",1.5]'), ("\ud800", "\ud800")]
)
def test_an_answer_is_text_whatever_was_given(answer: object, text: str) -> None:
    env = begun()
    env.step(finish(answer))
    assert env.branch.answer == text


def test_the_limit_of_steps_truncates() -> None:
    env = begun(max_steps=2)
    assert env.step("one")[2:4] == (False, False)
    _, reward, terminated, truncated, info = env.step("two")
    assert (terminated, truncated, info["ended"]) == (False, True, "limit:steps")
    assert type(terminated) is type(truncated) is bool
    assert (reward, info["outcome"]) == (0.0, "unsure")


def test_finish_at_the_limit_terminates() -> None:
    *_, terminated, truncated, info = begun(max_steps=1).step(finish())
    assert (terminated, truncated, info["ended"]) == (True, False, "answer")


@pytest.mark.parametrize(
    ("budget", "steps"),
    [
        ({"policy_calls": 2}, 2),
        ({"tokens": 25}, 3),
        ({"api_calls": 5}, 3),
        ({"seconds": 0}, 1),
        ({"seconds": 0.0}, 1),
        ({"policy_calls": 4, "api_calls": 2}, 1),
    ],
)
def test_a_budget_truncates_by_its_name(budget: dict[str, float], steps: int) -> None:
    env = begun(budget=budget)
    spending = Message(calls=(call("look"), call("look")), usage=Usage(8, 2))
    for number in range(steps):
        *_, truncated, info = env.step(spending)
        assert truncated is (number == steps - 1)
    assert info["ended"] == f"limit:{list(budget)[-1]}"
    assert env.done


def test_money_truncates_by_its_name() -> None:
    env = begun(budget={"money": 1.0})
    assert env.step(call("look"))[3] is False
    env.meter.price = Price(input=1.0, output=1.0)
    env.meter.charge_policy(Usage(1_000_000, 0))
    *_, truncated, info = env.step(call("look"))
    assert (truncated, info["ended"]) == (True, "limit:money")


def test_a_budget_is_of_the_episode_and_not_of_a_branch() -> None:
    env = begun(budget={"policy_calls": 3})
    twin = env.fork()
    env.step("one")
    twin.step("two")
    *_, truncated, info = env.step("three")
    assert info["ended"] == "limit:policy_calls"
    assert truncated and twin.done and not twin.ended
    env.reset()
    assert not env.done


async def failing(call: Call, past: Branch) -> Response | None:
    raise SimulatorError("The line is dead.", fix="Try later.")


@pytest.mark.parametrize("action", [call("look"), several(call("look"), call("look"), finish())])
def test_a_simulator_that_fails_is_no_wrong_answer(action: Any) -> None:
    env = begun(Answering(failing), task=task(check=Check(kind="exact", value="done")))
    observation, reward, terminated, truncated, info = env.step(action)
    assert '{"error": "The line is dead. Try later.", "response": ""}' in observation
    assert (terminated, truncated, reward) == (False, True, 0.0)
    assert info["ended"] == "error:simulator"
    assert info["outcome"] == "infrastructure_error"
    assert info["status"] == Status.SIMULATOR_FAILED
    assert env.episode(env.branch).outcome == "infrastructure_error"
    with pytest.raises(EpisodeError, match="error:simulator"):
        env.step(call("look"))


# --- reward and outcome ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "reward", "outcome"),
    [("Done.", 1.0, "passed"), ("no", 0.0, "failed"), (None, 0.0, "failed")],
)
def test_the_check_decides_reward_and_outcome(
    answer: str | None, reward: float, outcome: str
) -> None:
    env = begun(task=task(check=Check(kind="exact", value="done")))
    assert env.step(call("look"))[1] == 0.0
    _, rewarded, _, _, info = env.step(finish(answer))
    assert (rewarded, info["outcome"]) == (reward, outcome)
    assert type(rewarded) is float


def test_giving_up_is_right_where_nothing_can_be_done() -> None:
    env = begun(task=task(check=Check(kind="gives_up")))
    _, reward, _, _, info = env.step(finish(None))
    assert (reward, info["outcome"]) == (1.0, "passed")


def test_without_a_check_nothing_is_rewarded_and_nothing_is_sure() -> None:
    _, reward, _, _, info = begun().step(finish())
    assert (reward, info["outcome"]) == (0.0, "unsure")


def test_a_reward_of_ones_own_sees_every_step() -> None:
    def length_of_the_last_call(branch: Branch) -> float:
        last = branch.last
        assert last is not None
        return len(last.calls) + len(branch.path()) / 10

    env = begun(reward=length_of_the_last_call)
    rewards = [env.step(a)[1] for a in ("hm", several(call("look"), call("look")), finish())]
    assert rewards == [0.1, 2.2, 1.3]
    assert [step.reward for step in env.branch.path()] == rewards
    assert env.episode(env.branch).reward == pytest.approx(3.6)


def test_a_reward_may_be_named() -> None:
    env = begun(reward="toolenv.checks:check_reward", task=task(check=Check(kind="gives_up")))
    assert env.step(finish(None))[1] == check_reward(env.branch) == 1.0


def test_a_check_that_cannot_be_applied_is_an_error_of_the_task() -> None:
    env = begun(task=task(check=Check(kind="resembles", value="x")))
    kinds = r".*contains, .*exact, .*gives_up, .*number, .*set"
    with pytest.raises(CheckError, match=f"'resembles'{kinds}"):
        env.step(finish())


# --- seeds and the record -------------------------------------------------------------------------


def play(seed: int | None) -> list[Any]:
    env = ToolEnv(max_steps=5)
    seen: list[Any] = [env.reset(seed=seed)]
    env.action_space.seed(seed)
    while not env.done:
        seen += [env.seed, env.step(env.action_space.sample())]
    return [*seen, env.episode(env.branch), env.messages]


def test_equal_seeds_give_equal_everything() -> None:
    assert play(11) == play(11)


def test_other_seeds_give_other_episodes() -> None:
    episodes = [play(seed) for seed in range(10)]
    assert len({str(episode[0]) for episode in episodes}) > 3
    assert len({episode[1] for episode in episodes}) == 10


def test_a_seed_of_numpy_is_the_same_seed() -> None:
    env, other = ToolEnv(), ToolEnv()
    assert env.reset(seed=7) == other.reset(seed=np.int64(7))  # type: ignore[arg-type]
    assert env.seed == other.seed
    assert env.reset() == other.reset()


@pytest.mark.parametrize("seed", [-1, 1.5, "7"])
def test_what_is_no_seed_is_refused(seed: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"seed: It is .* Give an integer from 0"):
        ToolEnv().reset(seed=seed, options={"task": 0})


def test_resets_without_a_seed_follow_the_last_one() -> None:
    def tasks() -> list[tuple[str, int]]:
        env = ToolEnv()
        env.reset(seed=4)
        return [(env.reset()[1]["task"], env.seed) for _ in range(10)]

    assert tasks() == tasks()
    assert len(set(tasks())) == 10


def test_the_seed_of_a_decision_depends_on_seed_task_and_place() -> None:
    env = ToolEnv()

    def seeds(seed: int, task: int) -> list[int]:
        env.reset(seed=seed, options={"task": task})
        first = env.seed
        env.step("hm")
        return [first, env.seed]

    drawn = [number for place in ((0, 0), (0, 1), (1, 0)) for number in seeds(*place)]
    assert len(set(drawn)) == 6
    assert seeds(0, 0) == drawn[:2]


def test_the_episode_as_a_record() -> None:
    env = begun(task=task(check=Check(kind="exact", value="done")))
    env.step(Message(calls=(call("look"),), usage=Usage(5, 2)))
    env.step(finish())
    episode = env.episode(env.branch, agent="mine", policy="hand", seed=3, agent_fingerprint="a-1")
    assert (episode.ended, episode.outcome, episode.reward) == ("answer", "passed", 1.0)
    assert (episode.answer, episode.chosen) == ("done", 1)
    assert episode.cost == (2, 5, 2, 1, 0.0)
    assert episode.fingerprints == {"environment": env.fingerprint, "agent": "a-1"}


def test_an_episode_without_an_answer_says_so() -> None:
    env = begun()
    env.step("hm")
    assert (env.episode().ended, env.episode().chosen, env.episode().outcome) == (
        "no_answer",
        -1,
        "unsure",
    )
    assert env.episode(failed="error:policy").outcome == "infrastructure_error"


def test_an_observer_is_told_of_every_step_in_all_branches() -> None:
    env = begun()
    seen: list[Any] = []
    env.attach(observer=seen.append)
    twin = env.fork()
    env.step("one")
    twin.step("two")
    assert seen == env.branch.steps


@pytest.mark.parametrize(
    "options",
    [
        {"tasks": mini_tasks()[1:]},
        {"simulator": "local:toolenv.simulators:first_of"},
        {"max_steps": 15},
        {"observation_limit": 100},
        {"action_format": "json"},
        {"compatibility": "toolbench"},
        {"system_prompt": ""},
        {"reminder": ""},
    ],
    ids=lambda options: next(iter(options)),
)
def test_the_fingerprint_tells_what_observations_depend_on(options: dict[str, Any]) -> None:
    assert ToolEnv().fingerprint == ToolEnv(simulator=mini_simulator()).fingerprint
    assert ToolEnv(**options).fingerprint != ToolEnv().fingerprint


def test_what_is_said_at_the_start_can_be_left_out() -> None:
    env = begun(system_prompt="", reminder="")
    assert [message["role"] for message in env.messages] == ["user"]
    assert env.step("hm")[0] == ""
    assert [message["role"] for message in env.messages] == ["user", "assistant"]


# --- observations ---------------------------------------------------------------------------------


def test_long_responses_are_cut_and_say_so() -> None:
    env = begun(saying("é" * 50), observation_limit=10)
    observation, *_ = env.step(call("look"))
    assert observation == "é" * 10 + "… [cut: 10 of 50 characters]"
    assert env.branch.path()[0].responses[0].completeness == "truncated"


async def cut_text(call: Call, past: Branch) -> Response | None:
    return Response("x" * 1024 + "...", Status.OK, "snapshot", "live", "truncated")


@pytest.mark.parametrize("compatibility", ["", "toolbench", "stabletoolbench"])
def test_recorded_texts_that_were_cut_are_served_unchanged(compatibility: Any) -> None:
    env = begun(Answering(cut_text), observation_limit=10, compatibility=compatibility)
    assert env.step(call("look"))[0] == "x" * 1024 + "..."


@pytest.mark.parametrize("compatibility", ["toolbench", "stabletoolbench"])
def test_the_compatibility_modes_render_as_toolbench_does(compatibility: Any) -> None:
    env = begun(compatibility=compatibility)
    observation, *_ = env.step(call("look", {"x": "搜索"}))
    assert observation == r'{"error": "", "response": ["look_for_box", {"x": "\u641c\u7d22"}]}'
    observation, *_ = env.step(call("look", {"x": "搜" * 500}))
    assert len(observation) == 1027
    assert observation.endswith("\\u641c\\u641c\\u...")


@pytest.mark.parametrize("compatibility", ["toolbench", "stabletoolbench"])
def test_the_compatibility_modes_match_and_show_as_toolbench_does(compatibility: Any) -> None:
    env = begun(compatibility=compatibility, task=task("deep look", "look"))
    for name in ("deep_look_for_box", "look_for_box", "for_box", ""):
        assert json.loads(env.step(FunctionCall(name))[0])["response"][0] == "deep_look_for_box"
    assert env.step(FunctionCall("inish"))[4]["status"] == Status.NO_SUCH_FUNCTION
    schema: Any = env.functions[0]
    if compatibility == "stabletoolbench":
        schema = schema["function"]
        assert schema["parameters"]["required"] == schema["parameters"]["optional"] == [""]
    assert schema["parameters"]["properties"] == {}
    assert schema["name"] == "deep_look_for_box"


def test_ours_matches_exactly() -> None:
    env = begun(task=task("deep look", "look"))
    assert json.loads(env.step(FunctionCall("look_for_box"))[0])["response"][0] == "look_for_box"
    assert env.step(FunctionCall("for_box"))[4]["status"] == Status.NO_SUCH_FUNCTION


def test_the_package_says_what_it_offers() -> None:
    assert toolenv.ToolEnv is ToolEnv


def test_a_reward_that_fails_leaves_the_branch_as_it_was() -> None:
    def broken(branch: Branch) -> float:
        raise ZeroDivisionError

    env = begun(reward=broken)
    with pytest.raises(ZeroDivisionError):
        env.step(call("look"))
    assert env.branch.path() == []
    assert env.depth == 0 and not env.ended


def test_a_list_of_calls_is_read_as_its_json_is() -> None:
    written: list[dict[str, object]] = [{"name": "look", "arguments": {}}] * 2
    assert begun().step(written)[0] == begun().step(json.dumps(written))[0]


def test_true_is_no_index_of_a_task() -> None:
    with pytest.raises(ConfigurationError, match="no task True"):
        begun().reset(options={"task": True})


def test_what_tasks_offer_is_not_mixed_up_however_many_there_are() -> None:
    """Schemas are kept for the latest tasks; equal ids and returning tasks get their own."""
    offers = mini_tasks()
    tasks = [
        offers[number % len(offers)].model_copy(update={"id": f"{number % 7}"})
        for number in range(600)
    ]
    env = ToolEnv(tasks, mini_simulator())
    for number in (*range(600), 3, 0, 599):
        env.reset(seed=0, options={"task": number})
        assert env.functions == tasks[number].functions
        name, api = next(iter(tasks[number].named_apis.items()))
        env.step({"name": name, "arguments": {"nonsense": 1}})
        (call,) = env.branch.path()[0].calls
        assert call.api == api.identity and call.invalid


def test_a_check_is_applied_once_to_an_ended_branch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its reward, its info and the episode's outcome say the same; reading an answer costs."""
    applied = []

    def counted(branch: Branch) -> Outcome:
        applied.append(branch.at)
        return outcome_of(branch)

    monkeypatch.setattr("toolenv.env_state.outcome_of", counted)
    task = next(one for one in mini_tasks() if mini_solution(one.id).answer is not None)
    env = ToolEnv([task], mini_simulator())
    env.reset(seed=0)
    answer = {"return_type": "give_answer", "final_answer": mini_solution(task.id).answer}
    *_, info = env.step({"name": "Finish", "arguments": answer})
    episode = env.episode(env.branch)
    assert info["outcome"] == episode.outcome and applied == [0]


def test_tasks_may_be_made_by_a_function_with_options() -> None:
    env = ToolEnv("toolenv.mini.benchmark:train_tasks?seed=3&count=2", mini_simulator())
    assert [task.id for task in env.tasks] == ["train-3-0", "train-3-1"]
    with pytest.raises(ConfigurationError, match="gives no tasks"):
        ToolEnv("toolenv.mini.benchmark:train_tasks?sed=3", mini_simulator())
