"""From a tool file and arguments to the bytes of a request."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.simulators.hostile_servers import LIMITS, HostileServer, Received
from tests.simulators.rapidapi_tools import KEY, ask, make_task, write_tools
from toolenv.apis import API
from toolenv.episodes import Status
from toolenv.jsontext import JsonValue
from toolenv.names import standard_parameter
from toolenv.simulators import (
    Simulator,
)
from toolenv.simulators.rapidapi import RapidAPISimulator
from toolenv.simulators.rapidapi_endpoints import ArgumentError, Endpoint, endpoint_of, request_of


@pytest.fixture(scope="module")
def server() -> Iterator[HostileServer]:
    with HostileServer() as running:
        for path in ("/search", "/fixed", "/form", "/mixed"):
            running.behaviours[path] = running.behaviours["/echo"]
        yield running


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAPIDAPI_KEY", KEY)


@pytest.fixture
def folder(tmp_path: Path, server: HostileServer) -> Path:
    return write_tools(tmp_path / "tools", server.address)


@pytest.fixture
def simulator(folder: Path) -> Iterator[RapidAPISimulator]:
    with RapidAPISimulator(folder, allow_private=["127.0.0.1"], limits=LIMITS) as made:
        yield made


def sent(
    server: HostileServer, simulator: Simulator, name: str, arguments: dict[str, JsonValue]
) -> Received:
    response = ask(simulator.open(make_task(), 0), name, arguments)
    assert response is not None
    return server.received[-1]


class TestRequests:
    def test_the_bytes_of_a_query(
        self, server: HostileServer, simulator: RapidAPISimulator
    ) -> None:
        arguments: dict[str, JsonValue] = {"search_query": "a b&c=d", "is_id": 7, "x_page": True}
        found = sent(server, simulator, "Search", arguments)
        assert (
            found.raw
            == (
                "GET /search?Search+Query=a+b%26c%3Dd&id=7&X-Page=true HTTP/1.1\r\n"
                f"host: {server.address}\r\n"
                "accept: application/json, text/*;q=0.9, */*;q=0.1\r\n"
                "user-agent: toolenv\r\n"
                f"x-rapidapi-host: {server.address}\r\n"
                f"x-rapidapi-key: {KEY}\r\n"
                "accept-encoding: gzip, deflate\r\n\r\n"
            ).encode()
        )

    def test_lists_repeat_their_name_and_null_is_not_sent(
        self, server: HostileServer, simulator: RapidAPISimulator
    ) -> None:
        arguments: dict[str, JsonValue] = {"tags": ["a", 2.0, 0.5], "is_id": None}
        assert sent(server, simulator, "Search", arguments).target == (
            "/search?tags%5B%5D=a&tags%5B%5D=2&tags%5B%5D=0.5"
        )

    def test_the_path_is_filled_in(
        self, server: HostileServer, simulator: RapidAPISimulator
    ) -> None:
        name = "/teams/{teamId}/years/:year"
        arguments: dict[str, JsonValue] = {"teamid": "FC Köln/1?x#y", "year": 2020}
        assert sent(server, simulator, name, arguments).target == (
            "/teams/FC%20K%C3%B6ln%2F1%3Fx%23y/years/2020"
        )

    def test_a_query_that_the_address_has_stays(
        self, server: HostileServer, simulator: RapidAPISimulator
    ) -> None:
        assert sent(server, simulator, "Fixed", {"q": 1}).target == "/fixed?format=json&q=1"

    def test_a_form_where_the_page_shows_one(
        self, server: HostileServer, simulator: RapidAPISimulator
    ) -> None:
        found = sent(server, simulator, "Form", {"text": "a&b ü", "lang": "en"})
        assert found.body == b"Text=a%26b+%C3%BC&lang=en"
        assert found.headers["content-type"] == "application/x-www-form-urlencoded"

    def test_json_query_and_headers_where_the_page_shows_them(
        self, server: HostileServer, simulator: RapidAPISimulator
    ) -> None:
        found = sent(
            server, simulator, "Mixed", {"title": ["x", 1], "page": 2, "x_trace_id": "abc"}
        )
        assert found.target == "/mixed?Page=2"
        assert json.loads(found.body) == {"Title": ["x", 1]}
        assert found.headers["content-type"] == "application/json"
        assert found.headers["x-trace-id"] == "abc"

    def test_delete_has_no_body(self, server: HostileServer, simulator: RapidAPISimulator) -> None:
        found = sent(server, simulator, "Remove", {"is_id": "7", "why_not": "old"})
        assert (found.method, found.target, found.body) == ("DELETE", "/things/7?Why+Not=old", b"")

    def test_what_is_not_documented_is_sent_and_changes_nothing_else(
        self, server: HostileServer, simulator: RapidAPISimulator
    ) -> None:
        hostile: dict[str, JsonValue] = {
            "host": "evil.example",
            "url": "http://evil.example/",
            "X-RapidAPI-Host": "evil.example",
            "x-rapidapi-key": "mine",
            "path": "/admin",
            "a=b&c": "d#e",
        }
        found = sent(server, simulator, "Search", hostile)
        assert found.path == "/search"
        assert found.headers["host"] == found.headers["x-rapidapi-host"] == server.address
        assert found.headers["x-rapidapi-key"] == KEY
        assert "a%3Db%26c=d%23e" in found.target

    @pytest.mark.parametrize("value", ["", ".", "..", None])
    def test_a_path_that_cannot_be_filled_in_is_bad_input(
        self, server: HostileServer, simulator: RapidAPISimulator, value: JsonValue
    ) -> None:
        count = len(server.received)
        name = "/teams/{teamId}/years/:year"
        response = ask(simulator.open(make_task(), 0), name, {"teamid": value, "year": 1})
        assert response is not None and response.status is Status.BAD_INPUT
        assert "teamId" in response.error
        assert len(server.received) == count

    def test_a_line_break_in_a_header_is_bad_input(self, simulator: RapidAPISimulator) -> None:
        response = ask(simulator.open(make_task(), 0), "Mixed", {"x_trace_id": "a\r\nb: c"})
        assert response is not None and response.status is Status.BAD_INPUT

    @given(
        st.dictionaries(st.text(min_size=1), st.text() | st.integers() | st.lists(st.text())),
        st.text(),
    )
    def test_no_arguments_change_scheme_host_or_the_number_of_path_segments(
        self, arguments: dict[str, JsonValue], team: str
    ) -> None:
        where = "https://x.p.rapidapi.com/teams/{teamId}/years"
        api = API.model_validate({"name": "n", "url": where, "parameters": [{"name": "teamId"}]})
        endpoint = endpoint_of(api)
        assert endpoint is not None
        try:
            request = request_of(endpoint, {**arguments, "teamId": team}, {"x-rapidapi-key": "k"})
        except ArgumentError:
            return
        address, _, _ = request.url.partition("?")
        assert address.startswith("https://x.p.rapidapi.com/teams/")
        assert address.count("/") == 5 and address.endswith("/years")
        assert set(request.headers) == {"x-rapidapi-key"}
        assert request.url.isascii() and not set(request.url) & set("\r\n #")


class TestAddresses:
    def made(self, **fields: Any) -> Endpoint | None:
        return endpoint_of(API.model_validate({"name": "n", **fields}))

    def test_an_address_may_be_relative_to_the_tools_host(self) -> None:
        found = self.made(url="/v1/x", tool_file={"keys": {"host": "a.p.rapidapi.com"}})
        assert found is not None
        assert (found.address, found.host) == ("https://a.p.rapidapi.com/v1/x", "a.p.rapidapi.com")

    def test_the_header_names_the_tools_host(self) -> None:
        found = self.made(
            url="https://b.p.rapidapi.com/x", tool_file={"keys": {"host": "a.p.rapidapi.com"}}
        )
        assert found is not None
        assert (found.host, found.gateway_host) == ("b.p.rapidapi.com", "a.p.rapidapi.com")

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "x",
            "ftp://a/x",
            "https://",
            "https://u:p@a.p.rapidapi.com/",
            "https://{h}/x",
            "http://[",
            7,
        ],
    )
    def test_what_is_no_address_is_none(self, url: object) -> None:
        assert self.made(url=url) is None

    def test_a_method_that_is_none_is_not_sent(self) -> None:
        assert self.made(url="https://a.p.rapidapi.com/x", method="CONNECT") is None

    @pytest.mark.parametrize("name", ["Host", "X-RapidAPI-Key", "Content-Length", "Cookie"])
    def test_no_documentation_makes_these_a_header(self, name: str) -> None:
        found = self.made(
            url="https://a.p.rapidapi.com/x",
            parameters=[{"name": name, "in": "header"}],
        )
        assert found is not None
        request = request_of(found, {standard_parameter(name): "evil"}, {})
        assert request.headers == {}

    def test_code_that_is_no_code_says_nothing(self) -> None:
        for code in ("(" * 5000, "headers = open('x')", "headers = {1:", None, 7, "x" * 100_000):
            assert self.made(url="https://a.p.rapidapi.com/x", code=code) is not None
