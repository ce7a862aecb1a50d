"""What clients of ToolBench and StableToolBench ask, and the bytes they get."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.server.servers import CUT, WHOLE, Running, call, shop_call

AS_TOOLBENCH = (
    b"POST %b HTTP/1.1\r\n"
    b"Host: 127.0.0.1:8080\r\n"
    b"User-Agent: python-requests/2.31.0\r\n"
    b"Accept-Encoding: gzip, deflate\r\n"
    b"Accept: */*\r\n"
    b"Connection: keep-alive\r\n"
    b"toolbench_key: my-own-key\r\n"
    b"Content-Length: %d\r\n"
    b"Content-Type: application/json\r\n"
    b"\r\n%b"
)
"""A request of theirs, byte for byte as the library they use writes it."""

OBJECT = (
    b'{"category": "Data", "tool_name": "seo_api", "api_name": "search_it", '
    b'"tool_input": {"query": "tea"}, "strip": "truncate", "toolbench_key": "my-own-key"}'
)
TEXT = (
    b'{"category": "Data", "tool_name": "seo_api", "api_name": "search_it", '
    b'"tool_input": "{\\"query\\": \\"tea\\"}", "strip": "filter", "toolbench_key": "my-own-key"}'
)
WITH_RAPIDAPI_KEY = (
    b'{"category": "Data", "tool_name": "seo_api", "api_name": "search_it", '
    b'"tool_input": "{\\n  \\"query\\": \\"tea\\"\\n}", "strip": "", '
    b'"rapidapi_key": "my-own-key"}'
)


@pytest.mark.parametrize("path", [b"/virtual", b"/rapidapi"])
@pytest.mark.parametrize("body", [OBJECT, TEXT, WITH_RAPIDAPI_KEY])
def test_their_requests_are_answered_with_the_recorded_bytes(
    server: Running, path: bytes, body: bytes
) -> None:
    reply = server.send(AS_TOOLBENCH % (path, len(body), body))
    assert reply.http == 200
    assert reply.headers["content-type"] == "application/json"
    assert reply.body.decode() == WHOLE


@pytest.mark.parametrize(
    ("category", "tool", "api"),
    [
        ("Data", "seo_api", "search_it"),
        ("Data", "SEO API", "Search It"),
        ("Data", "seo_api_for_Data", "search_it"),
        ("Data", "seo_api", "search_it_for_seo_api"),
        ("Data", "SEO API", "Search It_for_seo_api"),
        ("", "seo_api", "search_it"),
        ("", "", "search_it_for_seo_api"),
    ],
)
def test_names_are_read_as_stabletoolbench_reads_them(
    server: Running, category: str, tool: str, api: str
) -> None:
    assert server.ask(call(api, tool, category)).body.decode() == WHOLE


@pytest.mark.parametrize("api", ["id", "ID", "is_id"])
def test_reserved_names_are_escaped(server: Running, api: str) -> None:
    assert server.ask(call(api, tool_input={"is_id": 7})).json["response"] == 7


def test_what_was_filed_under_a_cut_name_is_found(server: Running) -> None:
    assert server.ask(call("id_for_seo_api", tool_input={})).json["response"] == 0


def test_what_was_recorded_by_its_function_alone_is_found(server: Running) -> None:
    asked = call("lookup", "trees", "Anything", {})
    assert server.ask(asked).json["response"] == "of a tree"


@pytest.mark.parametrize("tool_input", ["", "  ", "{}", {}, None])
def test_no_arguments_in_every_form(server: Running, tool_input: Any) -> None:
    assert server.ask(call(tool_input=tool_input)).json["response"] == "nothing asked"


def test_fields_that_their_servers_require_may_be_missing(server: Running) -> None:
    reply = server.ask({"tool_name": "seo_api", "api_name": "search_it"})
    assert reply.json["response"] == "nothing asked"


def test_arguments_that_are_no_json_get_the_text_their_clients_know(server: Running) -> None:
    reply = server.ask(call(tool_input="{'query': 'tea'}"))
    assert (reply.http, reply.json) == (
        200,
        {"error": "Tool input parse error...\n", "response": ""},
    )


def test_arguments_that_are_no_json_are_found_where_they_were_recorded(server: Running) -> None:
    assert server.ask(call(tool_input='{"query": ')).json["response"] == "as recorded"


@pytest.mark.parametrize("tool_input", ["[1]", [1], "[ 1]"])
def test_lists_are_looked_up(server: Running, tool_input: Any) -> None:
    reply = server.ask(call(tool_input=tool_input))
    assert reply.http == 200
    if tool_input != "[ 1]":
        assert reply.json["response"] == "a list"


@pytest.mark.parametrize("tool_input", [3, "3", "null", True, [1, 2], '"text"'])
def test_other_values_than_objects_are_an_error_and_no_crash(
    server: Running, tool_input: Any
) -> None:
    reply = server.ask(call(tool_input=tool_input))
    assert reply.http == 200
    assert "not a JSON object" in reply.json["error"]
    assert reply.headers["x-toolenv-status"] == "BAD_INPUT"


def test_a_cut_text_is_served_as_that_text_and_keeps_its_error(server: Running) -> None:
    reply = server.ask(call(tool_input={"query": "cut"}))
    assert reply.json == {"error": "Message error...", "response": CUT}


def test_what_is_no_envelope_is_put_into_one(server: Running) -> None:
    bare = server.ask(call(tool_input={"query": "bare"}))
    assert bare.body == b'{"error":"","response":{"rows": [1,  2]}}'
    text = server.ask(call(tool_input={"query": "text"}))
    assert text.json == {"error": "", "response": "no JSON"}


def test_answers_say_what_they_are_and_who_gave_them(server: Running) -> None:
    headers = server.ask(call(tool_input={"query": "gone"})).headers
    assert (headers["x-toolenv-status"], headers["x-toolenv-source"]) == ("NOT_FOUND", "snapshot")


def test_a_miss_is_an_error_that_an_agent_can_read(server: Running) -> None:
    reply = server.ask(call(tool_input={"query": "never asked"}))
    assert reply.http == 200
    assert reply.json["error"].startswith("No recorded response")
    assert reply.json["response"] == ""
    assert reply.headers["x-toolenv-status"] == "MISS"


@pytest.mark.parametrize(
    ("category", "tool", "api"),
    [
        ("Finance", "../../x_for_Finance", "y"),
        ("../..", "x_for_../..", "../../../etc/passwd"),
        ("/etc", "/etc/passwd", "\0"),
        ("Data", "seo_api", "a" * 100_000),
        ("\ud800", "\ud800", "\ud800"),
    ],
)
def test_names_never_become_paths(
    server: Running, folder: Path, category: str, tool: str, api: str
) -> None:
    before = sorted(folder.parent.rglob("*"))
    reply = server.ask(call(api, tool, category))
    assert (reply.http, reply.headers["x-toolenv-status"]) == (200, "MISS")
    assert sorted(folder.parent.rglob("*")) == before


def test_a_live_simulator_is_asked_after_the_recordings(live_server: Running) -> None:
    assert live_server.ask(call()).headers["x-toolenv-source"] == "snapshot"
    reply = live_server.ask(shop_call("price", item="bread"))
    assert reply.json == {"error": "", "response": 5.0}
    assert reply.headers["x-toolenv-source"] == "local"


def test_a_call_that_does_not_fit_its_documentation_gets_a_servers_error(
    live_server: Running,
) -> None:
    reply = live_server.ask(shop_call("price", itme="bread"))
    assert (reply.http, reply.headers["x-toolenv-status"]) == (200, "BAD_INPUT")
    assert reply.json["error"].startswith("Bad request")


def test_errors_of_the_api_are_answers(live_server: Running) -> None:
    reply = live_server.ask(shop_call("price", item="unheard of"))
    assert (reply.http, reply.json["error"]) == (200, "No such item.")


def test_failures_of_the_simulator_are_not(live_server: Running) -> None:
    reply = live_server.ask(shop_call("broken"))
    assert (reply.http, reply.json["response"]) == (502, "")
    assert "The till is locked" in reply.json["error"]


def test_each_call_is_the_first_of_an_episode_unless_one_is_named(live_server: Running) -> None:
    def ask(name: str | None, api: str, **arguments: str) -> Any:
        headers = {"X-Toolenv-Episode": name} if name else None
        return live_server.ask(shop_call(api, **arguments), headers=headers).json["response"]

    assert [ask(None, "buy", item="tea"), ask(None, "buy", item="tea")] == [1, 1]
    assert [ask("a", "buy", item="tea"), ask("a", "buy", item="milk")] == [1, 2]
    assert ask("a", "basket") == ["tea", "milk"]
    assert ask("b", "basket") == []
    assert live_server.ask(call(), headers={"X-Toolenv-Episode": "a"}).body.decode() == WHOLE


def test_requests_one_after_the_other_on_one_connection(server: Running) -> None:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    for asked, answered in (("tea", WHOLE), ("gone", '{"error": "Not found", "response": ""}')):
        body = json.dumps(call(tool_input={"query": asked}))
        connection.request("POST", "/virtual", body, {"Content-Type": "application/json"})
        assert connection.getresponse().read().decode() == answered
    connection.close()
