"""Hostile actions: whatever is done to the environment, it answers, and goes on."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolenv.env import ToolEnv
from toolenv.episodes import FunctionCall, Message
from toolenv.mini import mini_simulator, mini_snapshot, mini_tasks

ACTIONS = 10_000
SIMULATOR = mini_simulator()


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


DEEP = nested(100_000)

ODD_TEXTS = [
    "",
    "\0",
    "\ud800",
    "\udfff\ud800",
    "\u202e\u0000\ufeff",
    "é" * 1000,
    "🎵\u200d🎵\ufe0f",
    "../../etc/passwd",
    "'; DROP TABLE responses; --",
    "{{7*7}} ${7*7} %s %n",
    "__class__",
    "</s><tool_call>",
    "NaN",
    "null",
]
ODD_VALUES: list[Any] = [
    None,
    True,
    -1,
    0,
    10**30,
    -(10**400),
    float("nan"),
    float("inf"),
    -0.0,
    1e308,
    [],
    {},
    [[]],
    {"": {"": ""}},
    {"$ref": "#"},
    *ODD_TEXTS,
]
UNPRINTABLE = 10**5000


class Hostile:
    """Draws actions from a seed: half of them begin as a call that fits."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.kinds: list[Callable[[ToolEnv], Any]] = [
            self.fitting,
            self.truncated,
            self.garbled,
            self.near_miss,
            self.unknown,
            self.odd_arguments,
            self.odd_text_arguments,
            self.duplicate_keys,
            self.huge_integer,
            self.deep,
            self.text,
            self.bytes,
            self.object,
            self.openai,
            self.toolllama,
            self.hermes,
            self.several,
            self.finish,
        ]

    def draw(self, env: ToolEnv) -> tuple[str, Any]:
        kind = self.random.choice(self.kinds)
        return kind.__name__, kind(env)

    def name(self, env: ToolEnv) -> str:
        names = [*env.task.named_apis, "Finish"]
        return self.random.choice(names)

    def value(self) -> Any:
        return self.random.choice([*ODD_VALUES, UNPRINTABLE])

    def word(self) -> str:
        if self.random.random() < 0.5:
            return self.random.choice(ODD_TEXTS)
        return "".join(
            chr(self.random.randrange(0x110000)) for _ in range(self.random.randrange(9))
        )

    def fitting(self, env: ToolEnv) -> Any:
        return env.action_space.sample()

    def truncated(self, env: ToolEnv) -> Any:
        text = env.action_space.sample()
        return text[: self.random.randrange(len(text))]

    def garbled(self, env: ToolEnv) -> Any:
        letters = list(env.action_space.sample())
        for _ in range(self.random.randrange(1, 5)):
            letters[self.random.randrange(len(letters))] = self.word()
        return "".join(letters)

    def near_miss(self, env: ToolEnv) -> Any:
        name = self.name(env)
        at = self.random.randrange(len(name))
        near = [
            name.upper(),
            name + " ",
            name[:at] + name[at + 1 :],
            f"functions.{name}",
            name[at:],
        ]
        return FunctionCall(self.random.choice(near), "{}")

    def unknown(self, env: ToolEnv) -> Any:
        return FunctionCall(self.word(), self.word())

    def odd_arguments(self, env: ToolEnv) -> Any:
        keys = [
            key for call in [env.action_space.sample()] for key in json.loads(call)["arguments"]
        ]
        arguments = {key: self.value() for key in [*keys, self.word()]}
        return {"name": self.name(env), "arguments": arguments}

    def odd_text_arguments(self, env: ToolEnv) -> Any:
        return FunctionCall(self.name(env), self.word(), self.word())

    def duplicate_keys(self, env: ToolEnv) -> Any:
        return f'{{"name": "{self.name(env)}", "name": "x", "arguments": {{"a": 1, "a": {{}}}}}}'

    def huge_integer(self, env: ToolEnv) -> Any:
        digits = "9" * self.random.choice([20, 400, 4300, 4301, 50_000])
        return f'{{"name": "{self.name(env)}", "arguments": {{"n": {digits}, "x": -1e{digits}}}}}'

    def deep(self, env: ToolEnv) -> Any:
        depth = self.random.choice([50, 127, 128, 199, 200, 201, 999, 100_000])
        text = "[" * depth + "]" * self.random.choice([0, depth])
        return self.random.choice(
            [
                text,
                f'{{"name": "{self.name(env)}", "arguments": {{"a": {text}}}}}',
                FunctionCall(self.name(env), f'{{"a": {text}}}'),
                {"name": self.name(env), "arguments": {"a": DEEP}},
                DEEP,
            ]
        )

    def text(self, env: ToolEnv) -> Any:
        return self.word() * self.random.choice([1, 1, 1, 5000])

    def bytes(self, env: ToolEnv) -> Any:
        sample = env.action_space.sample().encode()
        return self.random.choice([self.random.randbytes(20), sample[:-1] + b"\xff}", sample])

    def object(self, env: ToolEnv) -> Any:
        return self.random.choice([self.value(), object(), {1: 2}, {"role": self.value()}, ()])

    def openai(self, env: ToolEnv) -> Any:
        function = {"name": self.name(env), "arguments": self.value()}
        return {
            "role": "assistant",
            "content": self.value(),
            "tool_calls": self.random.choice([None, [], [function], [{"function": function}], 7]),
            "function_call": self.random.choice([None, function, []]),
        }

    def toolllama(self, env: ToolEnv) -> Any:
        return f"Thought: {self.word()}\nAction: {self.name(env)}\nAction Input: {self.word()}"

    def hermes(self, env: ToolEnv) -> Any:
        return f"{self.word()}<tool_call>{env.action_space.sample()}{self.word()}</tool_call>" * 3

    def several(self, env: ToolEnv) -> Any:
        count = self.random.choice([2, 3, 65])
        return Message(calls=tuple(FunctionCall(self.name(env), self.word()) for _ in range(count)))

    def finish(self, env: ToolEnv) -> Any:
        kind = self.random.choice(["give_answer", "give_up_and_restart", self.value()])
        return {"name": "Finish", "arguments": {"return_type": kind, "final_answer": self.value()}}


def usable(env: ToolEnv) -> bool:
    """Whether a valid call at this point is answered as in an environment of its own."""
    fresh = env.fresh()
    for each in (env, fresh):
        each.reset(seed=1, options={"task": "I1-inst-1"})
    name = next(iter(env.task.named_apis))
    actions: list[Any] = [{"name": name, "arguments": {}}, "hm", {"name": "Finish"}]
    return [env.step(a) for a in actions] == [fresh.step(a) for a in actions]


@pytest.mark.parametrize("compatibility", ["", "toolbench"])
def test_ten_thousand_hostile_actions_raise_nothing(compatibility: Any) -> None:
    env = ToolEnv(max_steps=40, compatibility=compatibility)
    env.action_space.seed(0)
    hostile = Hostile(seed=20260301)
    env.reset(seed=0)
    kinds: Counter[str] = Counter()
    for number in range(ACTIONS):
        if env.done:
            env.reset(seed=number)
        kind, action = hostile.draw(env)
        kinds[kind] += 1
        observation, reward, terminated, truncated, info = env.step(action)
        assert observation in env.observation_space, kind
        assert type(terminated) is type(truncated) is bool
        assert reward in (0.0, 1.0)
        assert info["status"] >= 0
        if number % 500 == 0:
            assert json.loads(json.dumps(env.messages)) == env.messages
            assert usable(env.fresh())
    assert min(kinds.values()) > ACTIONS / len(kinds) / 2
    assert usable(env)


def test_hostile_actions_are_answered_alike_each_time() -> None:
    def play() -> list[Any]:
        env = ToolEnv(max_steps=300)
        env.action_space.seed(0)
        env.reset(seed=0)
        hostile = Hostile(seed=5)
        seen: list[Any] = []
        while not env.done:
            _, action = hostile.draw(env)
            seen.append(env.step(action)[:1] if not isinstance(action, Message) else None)
        return seen

    # What repr says of a foreign object, its address, is in the record and in no observation.
    assert play() == play()


def test_the_snapshot_meets_them_too() -> None:
    env = ToolEnv(simulator=[mini_snapshot()], max_steps=40)
    env.action_space.seed(0)
    hostile = Hostile(seed=7)
    env.reset(seed=0)
    for number in range(2_000):
        if env.done:
            env.reset(seed=number)
        observation, *_ = env.step(hostile.draw(env)[1])
        assert observation in env.observation_space
    env.close()


NAMES = sorted({name for task in mini_tasks() for name in task.named_apis})
WORDS = st.sampled_from(ODD_TEXTS) | st.text(st.characters(exclude_categories=()), max_size=20)
VALUES = st.recursive(
    st.sampled_from(ODD_VALUES) | WORDS | st.integers() | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)
CALLS = st.builds(
    FunctionCall, st.sampled_from([*NAMES, "Finish"]) | WORDS, WORDS | st.just("{}"), WORDS
)
MAPPINGS = st.dictionaries(
    st.sampled_from(["name", "arguments", "role", "content", "tool_calls", "function_call"]),
    VALUES | st.sampled_from([*NAMES, "Finish"]),
)


@given(
    st.lists(
        WORDS
        | st.binary(max_size=30)
        | VALUES
        | CALLS
        | MAPPINGS
        | st.builds(Message, WORDS, st.lists(CALLS, max_size=4).map(tuple)),
        max_size=6,
    )
)
@settings(max_examples=300, deadline=None)
def test_no_action_raises(actions: list[Any]) -> None:
    env = ToolEnv(simulator=SIMULATOR, max_steps=10)
    env.reset(seed=0)
    for action in actions:
        if not env.done:
            observation, *_ = env.step(action)
            assert observation in env.observation_space
    assert usable(env)
