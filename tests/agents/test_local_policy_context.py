from __future__ import annotations

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolenv.agents.policies.context import Messages, fit_context
from toolenv.conversations import SYSTEM_PROMPT, opening
from toolenv.errors import PolicyError
from toolenv.jsontext import JsonValue


class WordCounter:
    """A token is a word."""

    def prompt(self, messages: Messages, functions: Messages) -> int:
        texts = [str(message.get("content", "")) for message in messages]
        return sum(len(text.split()) for text in [*texts, json.dumps(list(functions))])

    def characters(self, text: str, tokens: int) -> int:
        end = 0
        for word in text.split()[:tokens]:
            end = text.index(word, end) + len(word)
        return end if len(text.split()) > tokens else len(text)


def words(count: int, word: str = "word") -> str:
    return " ".join(f"{word}{number}" for number in range(count))


def turn(number: int, observed: str) -> list[dict[str, JsonValue]]:
    name = f"call_{number}_0"
    call: JsonValue = {"id": name, "function": {"name": "look", "arguments": "{}"}}
    return [
        {"role": "assistant", "content": f"thought{number}", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": name, "name": "look", "content": observed},
    ]


def conversation(*observed: str) -> list[dict[str, JsonValue]]:
    turns = [message for number, text in enumerate(observed) for message in turn(number, text)]
    return [*opening("the task"), *turns]


def function(description: str) -> dict[str, JsonValue]:
    properties: JsonValue = {"city": {"type": "string", "description": description}}
    parameters: JsonValue = {"type": "object", "properties": properties, "required": ["city"]}
    inner: JsonValue = {"name": "look", "description": description, "parameters": parameters}
    return {"type": "function", "function": inner}


def fit(
    messages: list[dict[str, JsonValue]], limit: int, functions: Messages = ()
) -> tuple[list[dict[str, JsonValue]], list[dict[str, JsonValue]]]:
    before = copy.deepcopy((messages, list(functions)))
    shown, offered = fit_context(messages, functions, limit, WordCounter())
    assert (messages, list(functions)) == before
    assert WordCounter().prompt(shown, offered) <= limit
    assert shown[0] == messages[0]
    assert str(shown[1]["content"]).startswith("the task")
    return shown, offered


def test_what_fits_is_left_as_it_is() -> None:
    messages = conversation(words(100), words(100))
    assert fit(messages, 10_000, [function("what it is")]) == (messages, [function("what it is")])


def test_the_oldest_observations_give_way_first_and_say_so() -> None:
    messages = conversation(words(500), words(500), words(500))
    shown, _ = fit(messages, 1_200)
    assert shown[3]["content"] == f"{words(32)}… [cut: 213 of 3889 characters]"
    assert [*shown[:3], *shown[4:]] == [*messages[:3], *messages[4:]]


def test_the_next_turn_begins_with_the_same_prompt() -> None:
    longer = conversation(words(500), words(500), words(200), words(200))
    shown, _ = fit(longer[:-2], 1_100)
    next_shown, _ = fit(longer, 1_100)
    assert next_shown[: len(shown)] == shown


def test_documents_give_way_before_the_newest_observation() -> None:
    messages = conversation(words(20), words(140))
    shown, offered = fit(messages, 600, [function(words(200)), function("short")])
    assert shown == messages
    assert "[cut: " in json.dumps(offered[0], ensure_ascii=False)
    assert offered[1] == function("short")
    inner = offered[0]["function"]
    assert isinstance(inner, dict) and inner["name"] == "look"


def test_a_huge_newest_observation_does_not_cost_the_documents() -> None:
    functions = [function(words(100))]
    shown, offered = fit(conversation(words(20), words(5_000)), 1_000, functions)
    assert offered == functions
    assert "[cut: " in str(shown[-1]["content"])


def test_the_newest_observation_is_cut_as_little_as_needed() -> None:
    shown, _ = fit(conversation(words(20), words(2_000)), 1_000)
    text = str(shown[-1]["content"])
    assert text.startswith(words(800))
    assert "[cut: " in text
    assert WordCounter().prompt(shown, []) == 1_000


def test_many_turns_leave_from_the_oldest_on_and_the_task_says_so() -> None:
    messages = conversation(*(words(10, f"seen{number}") for number in range(50)))
    room = len(SYSTEM_PROMPT.split()) + 150
    shown, _ = fit(messages, room)
    left_out = (len(messages) - len(shown)) // 2
    assert shown[1]["content"] == f"the task\n\n[cut: the first {left_out} of 50 turns]"
    assert shown[2:] == messages[2 + 2 * left_out :]
    assert 0 < left_out < 50


def test_what_is_shown_for_one_decision_alone_is_kept() -> None:
    siblings: dict[str, JsonValue] = {"role": "user", "content": words(100, "tried")}
    messages = [*conversation(words(500), words(500)), siblings]
    shown, _ = fit(messages, 500)
    assert shown[-1] == siblings


def test_a_task_that_does_not_fit_is_a_typed_error() -> None:
    with pytest.raises(PolicyError, match="and 10 fit"):
        fit_context(opening("the task"), [], 10, WordCounter())
    with pytest.raises(PolicyError, match="after everything that may be cut was cut"):
        fit_context(conversation(words(10), words(900)), [], 80, WordCounter())


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 300), max_size=6),
    st.integers(0, 300),
    st.integers(60, 900),
)
def test_whatever_is_cut_fits_or_is_refused(
    lengths: list[int], documented: int, limit: int
) -> None:
    messages = conversation(*map(words, lengths))
    try:
        shown, _ = fit(messages, limit, [function(words(documented))])
    except PolicyError:
        return
    assert shown[-1].keys() == messages[-1].keys()
    said = [message for message in messages if message["role"] == "assistant"]
    kept = [message for message in shown if message["role"] == "assistant"]
    assert kept == said[len(said) - len(kept) :]
