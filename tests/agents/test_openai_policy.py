from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.agents.chat_server import TASK, said, say
from tests.chat.scripted_server import ChatServer, Reply, chat_server, completion, tool_call
from toolenv.agents import OpenAIPolicy, ReACT
from toolenv.apis import FINISH
from toolenv.conversations import opening
from toolenv.env import ToolEnv
from toolenv.episodes import FunctionCall, Message, Usage
from toolenv.errors import ConfigurationError, PolicyError
from toolenv.running.configuration import RunConfiguration
from toolenv.running.runner import run
from toolenv.tasks import Task
from toolenv.testing import PolicySuite

KEY = "sk-a-key-that-nobody-may-ever-see"
ANSWER = completion(
    None, tool_calls=[tool_call(FINISH, '{"return_type":"give_answer","final_answer":"42"}', "c1")]
)
AT_ONCE = (("Content-Type", "application/json"), ("retry-after-ms", "1"))


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def refused(reply: Reply | dict[str, Any], **options: Any) -> str:
    """Why a policy has no message where the server replies so."""
    with pytest.raises(PolicyError) as error:
        said(reply, max_retries=0, **options)
    assert "m at http://127.0.0.1:" in error.value.where
    return str(error.value)


# --- the contract -------------------------------------------------------------------------------


class TestOpenAIPolicy(PolicySuite):
    """The conformance suite, over a real socket."""

    server: ChatServer

    @pytest.fixture(autouse=True)
    def running(self) -> Iterator[None]:
        def answer(request: dict[str, Any]) -> dict[str, Any]:
            return completion(f"seed {request['seed']} of {request['model']}")

        with chat_server(answer) as self.server:
            yield

    def make_policy(self) -> OpenAIPolicy:
        return OpenAIPolicy("m", base_url=self.server.url)

    def make_task(self) -> Task:
        return TASK


# --- what is sent -------------------------------------------------------------------------------


def test_messages_functions_and_seed_are_sent() -> None:
    with chat_server([completion("hello")]) as server:
        say(OpenAIPolicy("model-7", base_url=server.url), seed=5)
        (request,) = server.requests
    assert request == {
        "model": "model-7",
        "messages": opening(TASK.instruction),
        "tools": TASK.functions,
        "seed": 5,
        "max_tokens": 1024,
    }


def test_options_are_sent_as_given() -> None:
    with chat_server([completion("hello")]) as server:
        say(
            OpenAIPolicy(
                "m",
                base_url=server.url,
                temperature=0.0,
                max_tokens=None,
                calls="text",
                extra_body={"top_k": 5},
            )
        )
        (request,) = server.requests
    assert request["temperature"] == 0.0
    assert request["top_k"] == 5
    assert "max_tokens" not in request and "tools" not in request


@pytest.mark.parametrize("seed", [0, 2**31 - 1, 2**31, 2**63 - 1])
def test_a_seed_fits_what_servers_read(seed: int) -> None:
    with chat_server([completion("hello")]) as server:
        say(OpenAIPolicy("m", base_url=server.url), seed=seed)
        assert server.requests[0]["seed"] == seed % 2**31


def test_a_lone_surrogate_in_the_conversation_does_not_stop_it() -> None:
    with chat_server([completion("hello")]) as server:
        policy = OpenAIPolicy("m", base_url=server.url)
        message = say(policy, messages=[{"role": "user", "content": "a\ud800b 😀"}])
        assert message.content == "hello"
        assert server.requests[0]["messages"][0]["content"] == "a\ufffdb 😀"


# --- what is read -------------------------------------------------------------------------------


def test_tool_calls_are_read_in_order_and_as_written() -> None:
    message = said(
        completion(
            "thinking aloud",
            tool_calls=[
                tool_call("b", '{ "x": 1 }', "c1"),
                tool_call("a", "no JSON", "c2"),
                tool_call("b", "", "c3"),
            ],
        )
    )
    assert message.content == "thinking aloud"
    assert message.calls == (
        FunctionCall("b", '{ "x": 1 }', "c1"),
        FunctionCall("a", "no JSON", "c2"),
        FunctionCall("b", "", "c3"),
    )


@pytest.mark.parametrize(
    ("action_format", "text"),
    [
        ("json", '{"name": "f", "arguments": {"a": 1}}'),
        ("hermes", 'Well.\n<tool_call>\n{"name": "f", "arguments": {"a": 1}}\n</tool_call>'),
        ("toolllama", 'Thought: Well.\nAction: f\nAction Input: {"a": 1}'),
    ],
)
def test_text_is_read_in_the_action_format_named(action_format: str, text: str) -> None:
    for named in (action_format, "auto"):
        (call,) = said(completion(text), calls="text", action_format=named).calls
        assert (call.name, call.arguments.replace(" ", "")) == ("f", '{"a":1}')
    for other in {"json", "hermes", "toolllama"} - {action_format}:
        message = said(completion(text), calls="text", action_format=other)
        assert (message.calls, message.content) == ((), text)


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_reasoning_is_kept_apart_from_the_text(field: str) -> None:
    message = said(completion("so", **{field: "because"}))
    assert (message.content, message.reasoning) == ("so", "because")
    assert said(completion("so", **{field: {"odd": 1}})).reasoning == ""


def test_usage_is_counted_and_charged() -> None:
    assert said(completion("x")).usage == Usage(11, 7)
    with chat_server([completion("hm"), ANSWER]) as server:
        episode = ReACT(OpenAIPolicy("m", base_url=server.url)).run(ToolEnv([TASK]), TASK)
    assert (episode.cost.policy_calls, episode.cost.input_tokens) == (2, 22)
    assert episode.cost.output_tokens == 14


@pytest.mark.parametrize("usage", [None, "much", {"prompt_tokens": None}, {"prompt_tokens": -1}])
def test_what_is_not_counted_counts_as_nothing(usage: object) -> None:
    assert said({**completion("x"), "usage": usage}).usage == Usage(0, 0)


def test_an_empty_completion_is_an_empty_message() -> None:
    assert said(completion(None)) == Message(usage=Usage(11, 7))


# --- what goes wrong ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply",
    [
        {},
        {"choices": []},
        {"choices": None},
        {"choices": "text"},
        {"choices": [{}]},
        {"choices": [{"message": None}]},
        {"choices": ["text"]},
        {"error": {"message": "out of memory"}},
        Reply([1]),
        Reply(None),
        Reply("text"),
        Reply(b"<html>", headers=(("Content-Type", "text/html"),)),
    ],
    ids=str,
)
def test_a_reply_without_a_message_is_a_policy_error(reply: Reply | dict[str, Any]) -> None:
    assert "holds no message" in refused(reply)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b'{"choices": [{"message"'], ids=str)
def test_a_reply_that_is_not_json_is_a_policy_error(body: bytes) -> None:
    assert "did not give a message" in refused(Reply(body))


@pytest.mark.parametrize(
    "calls", ["text", ["text"], [{"function": None}], [{"function": {"name": 7}}]], ids=str
)
def test_tool_calls_of_another_shape_are_no_calls(calls: object) -> None:
    assert said(completion("so", tool_calls=calls)).calls == ()


def test_a_server_error_is_tried_again() -> None:
    failing = Reply({"error": {"message": "overloaded"}}, 503, AT_ONCE)
    with chat_server([failing, failing, completion("at last")]) as server:
        assert say(OpenAIPolicy("m", base_url=server.url)).content == "at last"
        assert len(server.requests) == 3


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_goes_on_failing_is_a_policy_error(status: int) -> None:
    failing = Reply({"error": {"message": "overloaded"}}, status, AT_ONCE)
    with chat_server([failing]) as server:
        with pytest.raises(PolicyError, match=f"{status}.*Check the address"):
            say(OpenAIPolicy("m", base_url=server.url, max_retries=2))
        assert len(server.requests) == 3


def test_what_would_be_refused_again_is_not_tried_again() -> None:
    with chat_server([Reply({"error": {"message": "no such model"}}, 404)]) as server:
        with pytest.raises(PolicyError, match="no such model"):
            say(OpenAIPolicy("m", base_url=server.url))
        assert len(server.requests) == 1


def test_a_connection_dropped_in_mid_body_is_a_policy_error() -> None:
    assert "Connection error" in refused(Reply(completion("hello"), cut_to=60))


def test_a_dropped_connection_is_tried_again() -> None:
    with chat_server([Reply(completion("x"), cut_to=60), completion("whole")]) as server:
        assert say(OpenAIPolicy("m", base_url=server.url, max_retries=1)).content == "whole"


def test_a_server_that_is_not_there_is_a_policy_error() -> None:
    with chat_server([{}]) as server:
        gone = server.url
    with pytest.raises(PolicyError, match="Connection error"):
        say(OpenAIPolicy("m", base_url=gone, max_retries=0))


def test_a_server_that_takes_too_long_is_given_up() -> None:
    patience = threading.Event()

    def answer(_: dict[str, Any]) -> dict[str, Any]:
        patience.wait(30)
        return completion("too late")

    with chat_server(answer) as server:
        with pytest.raises(PolicyError, match="timed out"):
            say(OpenAIPolicy("m", base_url=server.url, timeout=0.2, max_retries=0))
        patience.set()


def test_a_policy_that_fails_leaves_an_episode_with_the_steps_so_far() -> None:
    broken = Reply({"error": {"message": "gone"}}, 500, AT_ONCE)
    with chat_server([completion("first"), broken]) as server:
        episode = ReACT(OpenAIPolicy("m", base_url=server.url)).run(ToolEnv([TASK]), TASK)
    assert [step.message.content for step in episode.steps] == ["first"]
    assert episode.ended.startswith("error:policy: m at http://127.0.0.1")
    assert episode.outcome == "infrastructure_error"


# --- the key ------------------------------------------------------------------------------------


def test_the_key_is_sent_and_nowhere_else(tmp_path: Path) -> None:
    told = Reply({"error": {"message": f"Incorrect API key provided: {KEY}"}}, 401)
    with chat_server([ANSWER, told]) as server:
        policy = OpenAIPolicy("m", base_url=server.url)
        with_key = policy.fingerprint
        folder = run(
            RunConfiguration(
                policies=(f"openai:m?base_url={server.url}",), seeds=(1, 2), first=1, concurrency=1
            ),
            tmp_path / "run",
        )
        ended = [row.ended for row in folder.results()]
        assert ended[0] == "answer" and "Incorrect API key provided: …" in ended[1]
        assert {headers["authorization"] for headers in server.headers} == {f"Bearer {KEY}"}
        with pytest.raises(PolicyError) as error:
            say(policy)
    chain: BaseException | None = error.value
    while chain is not None:
        assert KEY not in f"{chain} {chain!r} {chain.args}"
        chain = chain.__cause__
    assert KEY not in repr(vars(policy))
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"journal.jsonl.zst", "manifest.json", "results.jsonl"} <= {path.name for path in written}
    for path in written:
        assert KEY.encode() not in path.read_bytes(), path.name
    assert policy.fingerprint == with_key


def test_the_fingerprint_does_not_depend_on_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    with_key = OpenAIPolicy("m").fingerprint
    monkeypatch.delenv("OPENAI_API_KEY")
    assert OpenAIPolicy("m").fingerprint == with_key


def test_a_server_that_needs_no_key_gets_a_placeholder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with chat_server([completion("hello")]) as server:
        assert say(OpenAIPolicy("m", base_url=server.url)).content == "hello"
        assert server.headers[0]["authorization"] == "Bearer none"


@pytest.mark.parametrize(
    "options",
    [
        {"base_url": "http://127.0.0.1:1/v1"},
        {"temperature": 0.5},
        {"max_tokens": 7},
        {"calls": "text"},
        {"action_format": "hermes"},
        {"extra_body": {"top_k": 1}},
        {"reasoning": "keep"},
        {"reasoning": 100},
        {"think_tags": "none"},
        {"constrained": "tools"},
        {"constrained": "schema"},
        {"logprobs": True},
        {"token_ids": True},
        {"context_length": 4096},
    ],
    ids=str,
)
def test_the_fingerprint_covers_what_completions_depend_on(options: dict[str, Any]) -> None:
    assert OpenAIPolicy("m", **options).fingerprint != OpenAIPolicy("m").fingerprint
    assert OpenAIPolicy("other").fingerprint != OpenAIPolicy("m").fingerprint
    assert OpenAIPolicy("m", timeout=1, max_retries=9).fingerprint == OpenAIPolicy("m").fingerprint


# --- callers ------------------------------------------------------------------------------------


def test_it_serves_synchronous_and_asynchronous_callers_in_any_order() -> None:
    with chat_server(lambda request: completion(f"seed {request['seed']}")) as server:
        policy = OpenAIPolicy("m", base_url=server.url)

        async def within_a_loop(seed: int) -> Message:
            return await policy(opening("?"), TASK.functions, seed=seed)

        heard = [
            say(policy, seed=1).content,
            asyncio.run(within_a_loop(2)).content,
            say(policy, seed=3).content,
            asyncio.run(within_a_loop(4)).content,
        ]
    assert heard == ["seed 1", "seed 2", "seed 3", "seed 4"]


def test_requests_of_one_loop_are_in_flight_together() -> None:
    together = threading.Barrier(8)

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        together.wait(20)  # none is answered before all have arrived
        return completion(f"seed {request['seed']}")

    with chat_server(answer) as server:
        policy = OpenAIPolicy("m", base_url=server.url, max_retries=0)

        async def ask_all() -> list[Message]:
            asked = (policy(opening("?"), TASK.functions, seed=seed) for seed in range(8))
            return list(await asyncio.gather(*asked))

        heard = asyncio.run(ask_all())
    assert [message.content for message in heard] == [f"seed {seed}" for seed in range(8)]


def test_threads_share_a_policy() -> None:
    with chat_server(lambda request: completion(f"seed {request['seed']}")) as server:
        policy = OpenAIPolicy("m", base_url=server.url)
        heard: dict[int, str] = {}

        def work(seed: int) -> None:
            heard[seed] = say(policy, seed=seed).content

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert heard == {seed: f"seed {seed}" for seed in range(6)}


def test_an_address_with_a_password_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="holds a password") as refused:
        OpenAIPolicy("any", base_url="http://user:secret@127.0.0.1:1/v1")
    assert "secret" not in str(refused.value)
