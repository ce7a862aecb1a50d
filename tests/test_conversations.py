"""A branch as a conversation in OpenAI's form."""

from __future__ import annotations

import json

from tests.simulators_by_hand import Answering, call, echo, several, task
from toolenv.conversations import SYSTEM_PROMPT, conversation, observe, opening
from toolenv.env import ToolEnv
from toolenv.episodes import ROOT, Branch, Call, FunctionCall, Message, Response


def begun() -> ToolEnv:
    env = ToolEnv([task()], Answering(echo))
    env.reset(seed=0)
    return env


def test_the_opening() -> None:
    user = {"role": "user", "content": "Find it."}
    assert opening("Find it.") == [{"role": "system", "content": SYSTEM_PROMPT}, user]
    assert opening("Find it.", "") == [user]
    assert conversation(Branch(task(), [], ROOT), "Be brief.") == [
        {"role": "system", "content": "Be brief."},
        user,
    ]


def test_every_call_is_answered_under_its_name() -> None:
    env = begun()
    named = FunctionCall("look_for_box", "{}", "mine")
    env.step(Message("Hm.", (call("look"), named)))
    env.step(several(call("put")))
    messages = env.messages[2:]
    assert [message["role"] for message in messages] == [
        "assistant",
        "tool",
        "tool",
        "assistant",
        "tool",
    ]
    answers = [(m["tool_call_id"], m["name"]) for m in messages if m["role"] == "tool"]
    assert answers == [
        ("call_0_0", "look_for_box"),
        ("mine", "look_for_box"),
        ("call_1_0", "put_for_box"),
    ]
    for message in messages:
        asked = message.get("tool_calls")
        if isinstance(asked, list):
            ids = [each["id"] for each in asked if isinstance(each, dict)]
            at = messages.index(message)
            assert [m["tool_call_id"] for m in messages[at + 1 : at + 1 + len(ids)]] == ids


def test_what_is_no_call_is_answered_by_the_user() -> None:
    env = begun()
    observation, *_ = env.step("Hm.")
    assert env.messages[2:] == [
        {"role": "assistant", "content": "Hm."},
        {"role": "user", "content": observation},
    ]


def test_arguments_are_sent_back_as_they_were_written() -> None:
    env = begun()
    env.step(FunctionCall("look_for_box", '{"x":   "é", oops'))
    sent = json.loads(json.dumps(env.messages[2]))
    assert sent["tool_calls"][0]["function"]["arguments"] == '{"x":   "é", oops'


def test_what_is_observed() -> None:
    one, other = Call("f", {}, None, "{}"), Call("g", {}, None, "{}")
    assert observe((one,), (Response("a"),)) == "a"
    assert observe((one, other), (Response("a"), Response("b\nc"))) == "f: a\ng: b\nc"
    assert observe((), ()) == ""
