"""Reasoning: told apart from what is said, shown to the model again or not, and billed."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.agents.chat_server import TASK, no_proxy, said
from tests.chat.scripted_server import ChatServer, chat_server, completion, tool_call
from toolenv.agents import OpenAIPolicy, ReACT
from toolenv.agents.policies.reasoning import ThinkTags, show_reasoning, split_thinking
from toolenv.apis import FINISH
from toolenv.env import ToolEnv
from toolenv.episodes import Episode, Message
from toolenv.errors import ConfigurationError

__all__ = ["no_proxy"]

ANSWER = tool_call(FINISH, '{"return_type":"give_answer","final_answer":"42"}', "c1")
THOUGHT = "First it rains, " * 20


def attempt(server: ChatServer, **options: Any) -> Episode:
    return ReACT(OpenAIPolicy("m", base_url=server.url, **options)).run(ToolEnv([TASK]), TASK)


# --- what is reasoning ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reasoning", "rest"),
    [
        ("<think>It rains.</think>\n\nTake one.", "It rains.", "Take one."),
        ("\n <think>\nIt rains.\n</think>Take one.", "It rains.", "Take one."),
        ("<think></think>Take one.", "", "Take one."),
        ("<think>It rains, so", "It rains, so", ""),
        ("It rains.</think>Take one.", "", "It rains.</think>Take one."),
        ("Write <think>x</think> so.", "", "Write <think>x</think> so."),
        ("<thinking>It rains.</thinking>", "", "<thinking>It rains.</thinking>"),
    ],
)
def test_text_begins_with_reasoning_where_it_says_so(text: str, reasoning: str, rest: str) -> None:
    message = said(completion(text))
    assert (message.reasoning, message.content) == (reasoning, rest)
    plain = said(completion(text), think_tags="none")
    assert (plain.reasoning, plain.content) == ("", text)


def test_a_tag_that_the_prompt_opened_is_closed_in_the_text() -> None:
    message = said(completion("It rains.</think>Take one."), think_tags="closing")
    assert (message.reasoning, message.content) == ("It rains.", "Take one.")
    assert said(completion("Take one."), think_tags="closing").content == "Take one."


def test_a_call_is_read_after_the_reasoning() -> None:
    text = '<think>{"name": "no"}</think>{"name": "f", "arguments": {}}'
    message = said(completion(text))
    assert [call.name for call in message.calls] == ["f"]
    assert message.reasoning == '{"name": "no"}'


untagged = st.text().filter(lambda text: "think>" not in text)


@given(untagged, untagged)
def test_any_text_is_split_at_its_tags_alone(thought: str, rest: str) -> None:
    tagged = f"<think>{thought}</think>{rest}"
    assert split_thinking(tagged) == (thought.strip(), rest.lstrip())
    assert split_thinking(f"<think>{thought}") == (thought.strip(), "")
    for tags in get_args(ThinkTags):
        assert split_thinking(rest, tags) == ("", rest)


# --- what later turns show ------------------------------------------------------------------------


def shown_later(reasoning: Any, /, **first: Any) -> dict[str, Any]:
    """The first assistant message as the second request has it."""
    replies = [completion("hm", **first), completion(None, tool_calls=[ANSWER])]
    with chat_server(replies) as server:
        attempt(server, reasoning=reasoning)
        (message,) = [m for m in server.requests[1]["messages"] if m["role"] == "assistant"]
    return dict(message)


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_it_is_kept_stripped_or_cut(field: str) -> None:
    plain = {"role": "assistant", "content": "hm"}
    given = {field: THOUGHT}
    assert shown_later("strip", **given) == shown_later(0, **given) == plain
    assert shown_later("keep", **given) == {**plain, "reasoning_content": THOUGHT}
    cut = shown_later(50, **given)["reasoning_content"]
    assert cut.startswith(THOUGHT[:40]) and len(cut) < len(THOUGHT) and str(len(THOUGHT)) in cut
    assert shown_later(50, **{field: "short"})["reasoning_content"] == "short"


def test_reasoning_that_was_tagged_is_shown_in_the_servers_field() -> None:
    replies = [completion("<think>It rains.</think>hm"), completion(None, tool_calls=[ANSWER])]
    with chat_server(replies) as server:
        episode = attempt(server, reasoning="keep")
        message = server.requests[1]["messages"][2]
    assert (message["reasoning_content"], message["content"]) == ("It rains.", "hm")
    assert episode.steps[0].message.reasoning == "It rains."


def test_the_conversation_itself_is_left_alone() -> None:
    messages: list[dict[str, Any]] = [{"role": "assistant", "reasoning_content": THOUGHT}]
    assert show_reasoning(messages, 10) != messages
    assert messages == [{"role": "assistant", "reasoning_content": THOUGHT}]


@pytest.mark.parametrize(
    "options", [{"reasoning": "some"}, {"reasoning": -1}, {"reasoning": True}, {"think_tags": "x"}]
)
def test_what_is_no_way_to_treat_it_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        OpenAIPolicy("m", **options)


# --- what it costs --------------------------------------------------------------------------------


def test_it_is_billed_once_as_part_of_the_completion() -> None:
    reply = completion(None, tool_calls=[ANSWER], reasoning_content=THOUGHT)
    reply["usage"] = {
        "prompt_tokens": 100,
        "completion_tokens": 80,
        "completion_tokens_details": {"reasoning_tokens": 64},
    }
    for reasoning in ("strip", "keep"):
        with chat_server([reply]) as server:
            cost = attempt(server, reasoning=reasoning).cost
        assert (cost.input_tokens, cost.output_tokens) == (100, 80)


def test_a_message_of_nothing_but_reasoning_is_empty() -> None:
    message = said(completion("", reasoning_content="It rains"))
    assert message == Message(reasoning="It rains", usage=message.usage)
