"""What is refused: in JSON, with the status that says why, and never with a crash."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.servers import (
    PATIENCE,
    WHOLE,
    Reply,
    Running,
    call,
    read_reply,
    request,
    serving,
    written,
)

TOKEN = "a-token-that-nobody-guesses"


def assert_refused(reply: Reply, http: int, said: str) -> None:
    assert reply.http == http, reply
    assert reply.headers["content-type"] == "application/json"
    assert reply.json["response"] == ""
    assert said in reply.json["error"]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff", b"tool=seo_api", b"[" * 10_000, b'{"api_name": "a"} {}', b'"\\x"'],
)
def test_bodies_that_are_no_json(server: Running, body: bytes) -> None:
    assert_refused(server.ask(body), 400, "not JSON")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"[]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b"{}", "api_name"),
        (b'{"api_name": 3}', "api_name"),
        (b'{"api_name": null}', "api_name"),
        (b'{"api_name": "a", "tool_name": ["b"]}', "tool_name"),
        (b'{"api_name": "a", "category": {}}', "category"),
    ],
)
def test_json_that_is_no_call(server: Running, body: bytes, said: str) -> None:
    assert_refused(server.ask(body), 422, said)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "json", ""])
def test_other_content_types(server: Running, kind: str) -> None:
    assert_refused(server.ask(call(), headers={"Content-Type": kind}), 415, "JSON")


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "Application/JSON", "application/ld+json"]
)
def test_content_types_that_are_json(server: Running, kind: str) -> None:
    assert server.ask(call(), headers={"Content-Type": kind}).body.decode() == WHOLE


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/virtual", "/rapidapi"])
def test_other_methods_than_post(server: Running, method: str, path: str) -> None:
    reply = server.send(written(method, path, {}))
    assert_refused(reply, 405, "POST")
    assert reply.headers["allow"] == "POST"


def test_other_methods_than_get(server: Running) -> None:
    reply = server.send(written("DELETE", "/health", {}))
    assert_refused(reply, 405, "")
    assert "GET" in reply.headers["allow"]


@pytest.mark.parametrize("path", ["/", "/virtual/", "/virtual/x", "/..%2f..%2fetc", "/docs"])
def test_unknown_paths(server: Running, path: str) -> None:
    assert_refused(server.get(path), 404, "/virtual")


def test_bodies_that_are_too_large_are_refused_before_they_are_read(server: Running) -> None:
    head = written(
        "POST",
        "/virtual",
        {"Content-Type": "application/json", "Content-Length": str(10**9)},
    )
    reply = server.send(head + b"{")
    assert_refused(reply, 413, "1,048,576 bytes")
    assert reply.headers["connection"] == "close"


def test_bodies_without_a_stated_length_are_cut_off_at_the_limit(server: Running) -> None:
    head = written(
        "POST", "/virtual", {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    )
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
        connection.sendall(head)
        try:
            for _ in range(1000):
                connection.sendall(chunk)
        except OSError:
            return  # it is closed: the reply may be lost with what was sent on top
        assert_refused(read_reply(connection), 413, "bytes")


def test_bodies_at_the_limit_are_read(server: Running) -> None:
    body = request(call()).partition(b"\r\n\r\n")[2]
    assert server.ask(body.ljust(1 << 20)).body.decode() == WHOLE
    assert server.ask(body.ljust((1 << 20) + 1)).http == 413


def test_heads_that_are_too_large(server: Running) -> None:
    assert_refused(server.get("/health", {"X": "a" * 40_000}), 431, "32,768 bytes")
    assert_refused(server.get(f"/health?{'a' * 40_000}"), 431, "bytes")
    many = {f"X-{number}": "a" * 100 for number in range(400)}
    assert_refused(server.get("/health", many), 431, "bytes")
    endless = b"GET /health HTTP/1.1\r\n" + b"X: a\r\n" * 100_000
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
        try:
            connection.sendall(endless)
        except OSError:
            return
        assert read_reply(connection).http in (431, 0)


@pytest.mark.parametrize(
    "raw", [b"nonsense\r\n\r\n", b"\x16\x03\x01\x02", b"GET / HTTP/9.9.9\r\n\r\n"]
)
def test_what_is_no_http(server: Running, raw: bytes) -> None:
    assert_refused(server.send(raw), 400, "no HTTP request")


def test_requests_that_never_arrive_whole(snapshot: Path, tmp_path: Path) -> None:
    options = ("--simulator", f"snapshot:{snapshot}", "--request-seconds", "0.3")
    with serving(tmp_path, *options) as server:
        for begun in (b"", b"POST /virtual HTTP/1.1\r\nX: ", request(call())[:-1]):
            assert server.send(begun).http == 408
        assert server.ask(call()).body.decode() == WHOLE


@pytest.fixture(scope="module")
def guarded(snapshot: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    options = ("--simulator", f"snapshot:{snapshot}", "--token-variable", "SERVER_TOKEN")
    place = tmp_path_factory.mktemp("guarded")
    with serving(place, *options, SERVER_TOKEN=TOKEN) as running:
        yield running


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {TOKEN}"},
        {"Authorization": f"bearer  {TOKEN}"},
        {"toolbench_key": TOKEN},
    ],
)
def test_the_token_in_a_header(guarded: Running, headers: dict[str, str]) -> None:
    assert guarded.ask(call(), headers=headers).body.decode() == WHOLE


def test_the_token_as_the_key_that_their_clients_send(guarded: Running) -> None:
    assert guarded.ask(call(toolbench_key=TOKEN)).body.decode() == WHOLE


@pytest.mark.parametrize("shown", ["", "wrong", f"{TOKEN}x", TOKEN[:-1], "\xff"])
def test_no_token_or_another(guarded: Running, shown: str) -> None:
    headers = {"Authorization": f"Bearer {shown}", "toolbench_key": shown}
    reply = guarded.ask(call(toolbench_key=shown), headers=headers)
    assert_refused(reply, 401, "token")
    assert reply.headers["www-authenticate"] == "Bearer"
    assert_refused(guarded.ask(b"{", headers=headers), 401, "token")
    assert_refused(guarded.get("/metrics", headers), 401, "token")


def test_health_and_the_description_are_open(guarded: Running) -> None:
    assert guarded.get("/health").json == {"status": "ok"}
    assert "security" in guarded.get("/openapi.json").json
    assert guarded.get("/metrics", {"Authorization": f"Bearer {TOKEN}"}).http == 200


def test_the_token_is_nowhere_to_be_seen(guarded: Running) -> None:
    for headers in ({"toolbench_key": TOKEN}, {"Authorization": f"Bearer {TOKEN}"}):
        guarded.ask(call(), headers=headers)
        guarded.ask(b"{", headers=headers)
        guarded.get(f"/nowhere?key={TOKEN}", headers)
    guarded.ask(call(toolbench_key=TOKEN))
    title = Path(f"/proc/{guarded.process.pid}/cmdline").read_bytes()
    assert TOKEN.encode() not in title
    assert guarded.stop() == 0
    assert TOKEN not in guarded.log.read_text()
