"""Conversations longer than the context: cut before they are sent, or once the server says so."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.agents.chat_server import TASK, no_proxy, say
from tests.chat.scripted_server import Reply, chat_server, completion, tool_call
from toolenv.agents import OpenAIPolicy, ReACT
from toolenv.agents.policies.context_errors import TooLong, read_too_long
from toolenv.agents.policies.token_counting import BYTES_PER_TOKEN, TextCounter, read_tokenizer
from toolenv.apis import FINISH
from toolenv.env import ToolEnv
from toolenv.errors import ConfigurationError, PolicyError
from toolenv.jsontext import JsonValue

__all__ = ["no_proxy"]

SYSTEM = "You are careful. " * 5
QUESTION = "How warm is it in Lisbon? " * 5
LONG = "21 degrees and a breeze. " * 400
ANSWER = tool_call(FINISH, '{"return_type":"give_answer","final_answer":"42"}', "c1")


def turns(number: int, observation: str = LONG) -> list[dict[str, JsonValue]]:
    messages: list[dict[str, JsonValue]] = [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": QUESTION},
    ]
    for turn in range(number):
        call: JsonValue = {
            "id": f"c{turn}",
            "type": "function",
            "function": {"name": "f", "arguments": "{}"},
        }
        messages.append({"role": "assistant", "content": f"turn {turn}", "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": f"c{turn}", "content": observation})
    return messages


def sent(**options: Any) -> dict[str, Any]:
    """The request for five long turns."""
    with chat_server([completion("hm")]) as server:
        say(OpenAIPolicy("m", base_url=server.url, **options), turns(5))
        (request,) = server.requests
    return request


# --- before it is sent ----------------------------------------------------------------------------


def test_what_fits_is_sent_as_it_is() -> None:
    assert sent(context_length=200_000)["messages"] == turns(5) == sent()["messages"]


def test_observations_are_cut_and_what_was_cut_is_said() -> None:
    request = sent(context_length=9_000, max_tokens=1_000)
    messages = request["messages"]
    assert TextCounter().prompt(messages, TASK.functions) <= 8_000
    assert messages[:2] == turns(0) and messages[-1] == turns(5)[-1]
    assert request["tools"] == TASK.functions
    oldest = messages[3]["content"]
    assert oldest.startswith("21 degrees") and len(oldest) < 200 and str(len(LONG)) in oldest


def test_the_system_message_the_task_and_the_newest_turn_outlive_the_rest() -> None:
    request = sent(context_length=2_000, max_tokens=100)
    first, task, *_, newest, observation = request["messages"]
    assert TextCounter().prompt(request["messages"], request["tools"]) <= 1_900
    assert first == {"role": "system", "content": SYSTEM}
    assert task["content"].startswith(QUESTION)
    assert newest == turns(5)[-2]
    assert observation["content"].startswith("21 degrees")
    names = [one["function"]["name"] for one in request["tools"]]
    assert names == [one["function"]["name"] for one in TASK.functions]  # type: ignore[index,call-overload]


def test_what_cannot_be_cut_enough_is_a_policy_error() -> None:
    with chat_server([completion("hm")]) as server:
        with pytest.raises(PolicyError, match="fewer functions") as refused:
            say(OpenAIPolicy("m", base_url=server.url, context_length=120, max_tokens=20), turns(5))
        assert "m at http" in refused.value.where and not server.requests


@pytest.mark.parametrize(
    "options",
    [
        {"context_length": 0},
        {"context_length": "long"},
        {"context_length": 1024},
        {"tokenizer": "/nowhere/tokenizer.json"},
        {"tokenizer": __file__},
    ],
    ids=str,
)
def test_a_context_or_tokenizer_that_is_none_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        OpenAIPolicy("m", **options)


def test_texts_sent_as_text_are_cut_without_functions() -> None:
    request = sent(context_length=4_000, max_tokens=1_000, calls="text")
    assert "tools" not in request
    assert TextCounter().prompt(request["messages"], ()) <= 3_000


# --- counting -------------------------------------------------------------------------------------


def words_tokenizer(folder: Path) -> Path:
    """A tokenizer for which each word is a token."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    made = Tokenizer(models.WordLevel({"[UNK]": 0, "degrees": 1}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.save(str(folder / "tokenizer.json"))
    return folder


def test_tokens_are_those_of_the_policys_tokenizer(tmp_path: Path) -> None:
    counter = TextCounter(read_tokenizer(words_tokenizer(tmp_path)))
    one = counter.prompt([{"role": "user", "content": "a b c d"}], ())
    assert counter.prompt([{"role": "user", "content": "a b c d e"}], ()) == one + 1
    assert counter.characters("one two three", 2) == len("one two ")
    assert counter.characters("one two three", 3) == len("one two three")
    assert counter.characters("é\ud800 b", 1) == 3
    request = sent(context_length=3_000, max_tokens=500, tokenizer=str(tmp_path))
    count = counter.prompt(request["messages"], request["tools"])
    assert count <= 2_500 < counter.prompt(turns(5), TASK.functions)


def test_without_a_tokenizer_tokens_are_estimated_by_length() -> None:
    counter = TextCounter()
    empty = counter.prompt([{"role": "user", "content": ""}], ())
    for text in ("x" * 300, "日" * 100, "é" * 150):
        assert counter.prompt([{"role": "user", "content": text}], ()) == empty + 100
        assert counter.characters(text, 50) == len(text) // 2
        assert counter.characters(text, 100) == len(text)
    assert BYTES_PER_TOKEN == 3


def test_the_tokenizer_counts_in_the_fingerprint_and_not_its_place(tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
        words_tokenizer(folder)
    first, second = (
        OpenAIPolicy("m", context_length=9_000, tokenizer=folder).fingerprint for folder in folders
    )
    assert first == second != OpenAIPolicy("m", context_length=9_000).fingerprint


# --- once the server says so ----------------------------------------------------------------------


def limited(length: int, per_token: int = 4, says: str = "{length} {prompt}") -> Any:
    """A server with so long a context, which counts so many bytes a token."""

    def answer(request: dict[str, Any]) -> Reply | dict[str, Any]:
        texts = [str(m["content"]) for m in request["messages"]]
        prompt = sum(len(text.encode()) for text in texts) // per_token
        if prompt + request["max_tokens"] <= length:
            return completion("hm")
        told = says.format(length=length, prompt=prompt)
        error = {"message": told, "type": "BadRequestError", "code": 400}
        return Reply({"error": error}, 400)

    return answer


VLLM = (
    "This model's maximum context length is {length} tokens. However, you requested more "
    "({prompt} in the messages, 1024 in the completion)."
)


@pytest.mark.parametrize(
    ("says", "per_token"),
    [
        (VLLM, 4),
        (VLLM, 1),
        (VLLM, 9),
        ("The input ({prompt} tokens) is longer than the model's context length ({length}).", 2),
        ("Requested tokens exceed context window of {length}", 4),
        ("context_length_exceeded", 4),
    ],
)
def test_it_is_cut_once_and_asked_again(says: str, per_token: int) -> None:
    with chat_server(limited(32_000 // per_token, per_token, says)) as server:
        message = say(OpenAIPolicy("m", base_url=server.url, max_retries=0), turns(5))
        first, second = server.requests
    assert message.content == "hm"
    assert first["messages"] == turns(5)
    assert second["messages"][:2] == turns(0) and second["tools"] == TASK.functions
    assert len(json.dumps(second["messages"])) < len(json.dumps(first["messages"]))


def test_a_server_that_still_finds_it_too_long_is_a_policy_error() -> None:
    refusal = Reply({"error": {"message": "context_length_exceeded"}}, 400)
    with chat_server([refusal]) as server:
        with pytest.raises(PolicyError, match="context_length_exceeded"):
            say(OpenAIPolicy("m", base_url=server.url, max_retries=0), turns(5))
        assert len(server.requests) == 2


def test_a_context_shorter_than_the_completion_is_a_policy_error() -> None:
    with chat_server(limited(900, says=VLLM)) as server:
        with pytest.raises(PolicyError, match="smaller max_tokens"):
            say(OpenAIPolicy("m", base_url=server.url, max_retries=0), turns(5))
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("maximum context length is 10 tokens, however 12 in the messages", TooLong(10, 12)),
        ("maximum context length is 10 tokens … at least 11 input tokens", TooLong(10)),
        ("request (50 tokens) exceeds the available context size (40 tokens)", TooLong(40, 50)),
        ("exceed_context_size_error', 'n_prompt_tokens': 50, 'n_ctx': 40", TooLong(40, 50)),
        ("prompt is too long: 21 tokens > 20 maximum", TooLong(20, 21)),
        ("Prompt contains 50 tokens, too large for model with 40 maximum", TooLong(40, 50)),
        ("context_length_exceeded", TooLong()),
        ("The model m does not exist.", None),
        ("Rate limit reached: 10000 tokens a minute.", None),
    ],
)
def test_what_servers_say_is_understood(said: str, found: TooLong | None) -> None:
    assert read_too_long(said) == found


# --- prompts that begin alike ---------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"reasoning": "keep"}, {"reasoning": 10}], ids=str)
def test_requests_of_an_episode_begin_with_the_bytes_of_the_earlier_ones(options: Any) -> None:
    replies = [
        completion("a ' \" \\ é", reasoning_content="It rains, so much is clear."),
        completion("one", tool_calls=[tool_call("nowhere", '{ "x" : 1.0 }', "c7")]),
        completion("<think>Hm.</think>two", tool_calls=[tool_call("nowhere", "no JSON")]),
        completion(None, tool_calls=[ANSWER]),
    ]
    with chat_server(replies) as server:
        policy = OpenAIPolicy("m", base_url=server.url, **options)
        assert ReACT(policy).run(ToolEnv([TASK]), TASK).answer == "42"
        bodies = server.bodies
    conversations, rests = zip(*(body.split(b'],"tools":', 1) for body in bodies), strict=True)
    assert len(conversations) == 4
    for earlier, later in pairwise(conversations):
        assert later.startswith(earlier + b",")
    assert len({rest.split(b',"seed":')[0] for rest in rests}) == 1  # the same functions in order
