from __future__ import annotations

import asyncio
import gzip
import json
import os
import subprocess
import sys
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chat.scripted_server import DROPPED, ChatServer, Reply, chat_server, completion
from toolenv import bridge
from toolenv.chat import LARGEST_REPLY, ChatClient, ChatError, ChatReply, ChatRequest, read_reply
from toolenv.episodes import Usage
from toolenv.errors import ConfigurationError

KEY = "sk-a-key-that-nobody-may-ever-see"
HELLO = ChatRequest([{"role": "user", "content": "hello"}])
AT_ONCE = (("Content-Type", "application/json"), ("retry-after-ms", "1"))


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


def ask(client: ChatClient, request: ChatRequest = HELLO) -> ChatReply:
    return bridge.run(client.complete(request))


def heard(reply: Reply | dict[str, Any]) -> ChatReply:
    with chat_server([reply]) as server:
        return ask(ChatClient("m", base_url=server.url))


def failure(reply: Reply | dict[str, Any], **options: Any) -> ChatError:
    """Why there is no completion where the server replies so."""
    with chat_server([reply]) as server, pytest.raises(ChatError) as caught:
        ask(ChatClient("m", base_url=server.url, **{"max_retries": 0, **options}))
    assert KEY not in f"{caught.value} {caught.value!r}"
    assert caught.value.__cause__ is caught.value.__context__ is None
    return caught.value


# --- what is sent and read ------------------------------------------------------------------------


def test_a_request_is_sent_as_it_is_written() -> None:
    with chat_server([completion("hello")]) as server:
        request = ChatRequest(
            [{"role": "user", "content": "Zürich 😀"}],
            functions=[{"type": "function", "function": {"name": "f"}}],
            seed=2**31 + 5,
            temperature=0.5,
            max_tokens=7,
            extra={"top_k": 3},
        )
        ask(ChatClient("model-7", base_url=server.url), request)
        assert server.requests == [
            {
                "model": "model-7",
                "messages": [{"role": "user", "content": "Zürich 😀"}],
                "tools": [{"type": "function", "function": {"name": "f"}}],
                "seed": 5,
                "temperature": 0.5,
                "max_tokens": 7,
                "top_k": 3,
            }
        ]
        assert server.headers[0]["content-type"] == "application/json"


def test_what_is_not_said_is_not_sent() -> None:
    assert json.loads(HELLO.body("m")) == {"model": "m", "messages": list(HELLO.messages)}


@given(
    st.lists(
        st.dictionaries(st.text(), st.text() | st.integers() | st.none() | st.lists(st.text()))
    )
)
def test_any_conversation_has_one_body_that_is_json_in_utf_8(messages: list[Any]) -> None:
    body = ChatRequest(messages).body("m")
    assert body == ChatRequest(messages).body("m")
    assert len(json.loads(body.decode())["messages"]) == len(messages)


def test_lone_surrogates_and_long_integers_can_be_sent() -> None:
    body = ChatRequest([{"a\ud800": ["\udc00", 2**70]}]).body("m")
    assert json.loads(body)["messages"] == [{"a\ufffd": ["\ufffd", 2**70]}]


def test_a_whole_reply_is_read() -> None:
    reply = completion(
        "so",
        reasoning_content="because",
        refusal="not that",
        tool_calls=[{"odd": 1}],
        finish_reason="length",
    )
    assert heard({**reply, "system_fingerprint": "fp_1"}) == ChatReply(
        "so", [{"odd": 1}], "because", "not that", Usage(11, 7), "length", "m", "fp_1"
    )


def test_text_may_come_in_parts() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert heard(completion(parts)).text == "ab"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["choices", "message", "content", "usage"]), inner)
        ),
    )
)
def test_any_json_is_read_or_refused(value: object) -> None:
    try:
        reply = read_reply(json.dumps(value))
    except ValueError:
        return
    assert isinstance(reply.text, str) and min(reply.usage) >= 0


# --- what goes wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "problem", "said"),
    [
        (Reply({"error": {"message": "slow down"}}, 429), "rate_limited", "slow down"),
        (Reply({"error": {"message": "no such model"}}, 404), "refused", "no such model"),
        (Reply({"error": {"message": f"wrong: {KEY}"}}, 401), "refused", "wrong: …"),
        (Reply({"error": {"message": "broken"}}, 500), "failed", "broken"),
        (Reply(b"<html>" + b"x" * 9000, 502), "failed", "502"),
        (Reply({}, DROPPED), "unreachable", "Connection error"),
        (Reply(completion("x"), cut_to=40), "unreachable", "Connection error"),
        (Reply(b"<html>", headers=(("Content-Type", "text/html"),)), "bad_reply", "text/html"),
        (Reply(b"{"), "bad_reply", "did not give a message"),
        (Reply({"choices": []}), "bad_reply", "holds no message"),
        (Reply(b"x" * (LARGEST_REPLY + 1)), "bad_reply", "larger than 16 MiB"),
    ],
    ids=lambda given: "reply" if isinstance(given, Reply) else given,
)
def test_failures_say_of_what_kind_they_are(reply: Reply, problem: str, said: str) -> None:
    error = failure(reply)
    assert (error.problem, said in error.what) == (problem, True), error
    assert error.where.startswith("m at http://127.0.0.1:")
    assert len(str(error)) < 1_500


def test_a_reply_that_unpacks_beyond_the_limit_is_refused() -> None:
    bomb = Reply(
        gzip.compress(b" " * (LARGEST_REPLY + 1)),
        headers=(("Content-Type", "application/json"), ("Content-Encoding", "gzip")),
    )
    assert "larger than" in failure(bomb).what


def test_a_packed_reply_is_unpacked() -> None:
    packed = gzip.compress(json.dumps(completion("hello")).encode())
    headers = (("Content-Type", "application/json"), ("Content-Encoding", "gzip"))
    assert heard(Reply(packed, headers=headers)).text == "hello"


def test_a_server_that_hangs_is_given_up() -> None:
    patience = threading.Event()

    def answer(_: dict[str, Any]) -> dict[str, Any]:
        patience.wait(30)
        return completion("too late")

    with chat_server(answer) as server:
        with pytest.raises(ChatError) as caught:
            ask(ChatClient("m", base_url=server.url, timeout=0.2, max_retries=0))
        patience.set()
    assert caught.value.problem == "timeout"


def test_a_server_that_drips_is_given_up() -> None:
    assert failure(Reply(b"{", drips=True), timeout=0.3).problem == "timeout"


def test_a_server_that_is_not_there_is_unreachable() -> None:
    with chat_server([{}]) as server:
        gone = server.url
    with pytest.raises(ChatError) as caught:
        ask(ChatClient("m", base_url=gone, max_retries=0))
    assert caught.value.problem == "unreachable"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_refused_and_carry_no_key(status: int) -> None:
    with chat_server([completion("stolen")]) as elsewhere:
        location = elsewhere.url.replace("127.0.0.1", "localhost") + "/chat/completions"
        error = failure(Reply({}, status, (("Location", location),)))
        assert elsewhere.headers == []
    assert error.problem == "redirected"
    assert "http://localhost" in error.what and "base_url" in error.fix


@pytest.mark.parametrize("first", [Reply({}, 503, AT_ONCE), Reply({}, DROPPED)])
def test_what_may_pass_is_tried_again_with_the_same_bytes(first: Reply) -> None:
    with chat_server([first, completion("hello")]) as server:
        assert ask(ChatClient("m", base_url=server.url)).text == "hello"
        assert server.requests[0] == server.requests[1]


# --- addresses and keys ---------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["127.0.0.1:8000", "ftp://host/v1", "http://", "http://[x"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ConfigurationError, match="no address"):
        ChatClient("m", base_url=address)


@pytest.mark.parametrize("address", ["http://u:secret@h/v1", "http://secret@h/v1"])
def test_an_address_with_a_secret_is_refused_without_it(address: str) -> None:
    with pytest.raises(ConfigurationError, match="password") as caught:
        ChatClient("m", base_url=address)
    assert "secret" not in str(caught.value)


def test_the_address_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    assert ChatClient("m").base_url == "http://127.0.0.1:1/v1"
    assert ChatClient("m", base_url="http://127.0.0.1:2/v1").base_url == "http://127.0.0.1:2/v1"


def test_the_key_comes_from_the_variable_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER_KEY", "another-secret")
    with chat_server([completion("x"), Reply(b"another-secret", 400)]) as server:
        client = ChatClient("m", base_url=server.url, key_variable="OTHER_KEY")
        ask(client)
        assert server.headers[0]["authorization"] == "Bearer another-secret"
        with pytest.raises(ChatError) as caught:
            ask(client)
    assert "another-secret" not in str(caught.value)


# --- loops and closing ----------------------------------------------------------------------------


def echo(request: dict[str, Any]) -> dict[str, Any]:
    return completion(request["messages"][0]["content"])


def said(text: str) -> ChatRequest:
    return ChatRequest([{"role": "user", "content": text}])


def test_one_client_serves_loops_and_threads_in_any_order() -> None:
    with chat_server(echo) as server:
        client = ChatClient("m", base_url=server.url)
        found = [
            ask(client, said("1")).text,
            asyncio.run(client.complete(said("2"))).text,
            ask(client, said("3")).text,
            asyncio.run(client.complete(said("4"))).text,
        ]
        client.close()
        client.close()
        assert ask(client, said("5")).text == "5"
    assert found == ["1", "2", "3", "4"]


PROGRAM = """
import asyncio, sys, uvloop
from toolenv import bridge
from toolenv.chat import ChatClient, ChatRequest

def make():
    return ChatClient('m', base_url=sys.argv[1])

async def ask(client):
    return (await client.complete(ChatRequest([{'content': 'hello'}]))).text

async def make_and_ask(closing=False):
    client = make()
    said = await asyncio.gather(*(ask(client) for _ in range(9)))
    if closing:
        client.close()
    return said[0]

client = make()
"""


@pytest.mark.parametrize(
    "ending",
    [
        "print(bridge.run(ask(client)))",
        "print(bridge.run(ask(client))); client.close()",
        "print(bridge.run(ask(client))); del client",
        "print(asyncio.run(ask(client)))",
        "print(asyncio.run(ask(client))); client.close()",
        "print(asyncio.run(make_and_ask()))",
        "print(asyncio.run(make_and_ask(closing=True)))",
        "print(uvloop.run(make_and_ask()))",
        "print(bridge.run_on_loop(make_and_ask))",
    ],
)
def test_no_connection_is_left_open_however_a_program_ends(ending: str) -> None:
    program = f"{PROGRAM}\n{ending}"
    with chat_server(echo) as server:
        ended = subprocess.run(
            [sys.executable, "-W", "always::ResourceWarning", "-c", program, server.url],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "NO_PROXY": "127.0.0.1"},
        )
    assert (ended.stdout, ended.stderr, ended.returncode) == ("hello\n", "", 0)


def test_two_hundred_requests_are_in_flight_together() -> None:
    together = threading.Barrier(200)

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        together.wait(30)  # none is answered before all have arrived
        return echo(request)

    async def ask_all(server: ChatServer) -> list[ChatReply]:
        client = ChatClient("m", base_url=server.url, max_retries=0)
        return list(await asyncio.gather(*(client.complete(said(str(n))) for n in range(200))))

    with chat_server(answer) as server:
        replies = asyncio.run(ask_all(server))
    assert [reply.text for reply in replies] == [str(number) for number in range(200)]
