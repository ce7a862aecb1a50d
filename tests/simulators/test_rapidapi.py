"""RapidAPI: from a tool file to the bytes of a request, against a real server."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.simulators.hostile_servers import LIMITS, HostileServer, Received, reply, says
from toolenv import bridge
from toolenv.actions import Resolver
from toolenv.apis import API, Parameter
from toolenv.episodes import ROOT, Branch, FunctionCall, Response, Status
from toolenv.errors import ConfigurationError, ForkRefusedError, FormatError
from toolenv.jsontext import JsonValue, render
from toolenv.names import standard_parameter
from toolenv.simulators import Session, Simulator, coalesce, first_of, open_simulator, record
from toolenv.simulators.rapidapi import RapidAPISimulator
from toolenv.simulators.rapidapi_endpoints import ArgumentError, Endpoint, endpoint_of, request_of
from toolenv.snapshots import Store
from toolenv.tasks import Task
from toolenv.testing import SimulatorSuite

KEY = "r4pid-key-0123456789"

FORM = """
import requests
url = "https://x.p.rapidapi.com/form"
payload = "Text=hi&lang=en"
headers = {"content-type": "application/x-www-form-urlencoded", "X-RapidAPI-Key": "SIGN-UP"}
response = requests.post(url, data=payload, headers=headers)
"""
MIXED = """
import requests
url = "https://x.p.rapidapi.com/mixed"
querystring = {"Page": "1"}
payload = {"Title": "x"}
headers = {"content-type": "application/json", "X-Trace-Id": "7", "X-RapidAPI-Host": "x"}
response = requests.post(url, json=payload, headers=headers, params=querystring)
"""


def parameter(name: str, kind: str = "STRING") -> dict[str, object]:
    return {"name": name, "type": kind, "description": "", "default": ""}


def entry(name: str, path: str, method: str, *names: str, **more: object) -> dict[str, object]:
    return {
        "name": name,
        "url": path,
        "description": name,
        "method": method,
        "required_parameters": [],
        "optional_parameters": [parameter(one) for one in names],
        **more,
    }


ENTRIES = [
    entry("Search", "/search", "GET", "Search Query", "id", "X-Page", "tags[]"),
    entry("/teams/{teamId}/years/:year", "/teams/{teamId}/years/:year", "GET", "teamId", "year"),
    entry("Fixed", "/fixed?format=json", "GET", "q"),
    entry("Form", "/form", "POST", "Text", "lang", code=FORM),
    entry("Mixed", "/mixed", "POST", "Title", "Page", "X-Trace-Id", code=MIXED),
    entry("Remove", "/things/{id}", "DELETE", "id", "Why Not"),
    entry("Nowhere", "", "GET", "q"),
]


def write_tools(folder: Path, address: str, **more: object) -> Path:
    """A tool folder as ToolBench's is, whose tool lives at a server of ours."""
    (folder / "Sports").mkdir(parents=True)
    entries = [
        {**one, "url": f"http://{address}{one['url']}" if one["url"] else ""} for one in ENTRIES
    ]
    tool = {
        "tool_name": "Team Data!",
        "title": "Team Data",
        "host": address,
        "tool_description": None,
        **more,
        "api_list": entries,
    }
    (folder / "Sports" / "team_data.json").write_text(json.dumps(tool), encoding="utf-8")
    return folder


def make_task() -> Task:
    """A task as an instruction file has it: the same APIs, without addresses."""
    apis = [
        API(
            category="Sports",
            tool="Team Data!",
            name=str(one["name"]),
            method=str(one["method"]),
            parameters=tuple(
                Parameter(name=str(each["name"]))
                for each in one["optional_parameters"]  # type: ignore
            ),
        )
        for one in ENTRIES
    ]
    return Task(id="t", instruction="Find teams.", apis=tuple(apis))


NAMES = {api.name: name for name, api in make_task().named_apis.items()}


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


def ask(session: Session, name: str, arguments: dict[str, JsonValue]) -> Response | None:
    task = make_task()
    call = Resolver(task.named_apis).resolve(FunctionCall(NAMES[name], render(arguments)))
    return bridge.run(session.call(call, Branch(task, [], ROOT)))


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


class TestSimulator:
    def test_the_answer_is_live(self, simulator: RapidAPISimulator) -> None:
        response = ask(simulator.open(make_task(), 0), "Search", {})
        assert response is not None
        assert (response.source, response.origin, response.status) == ("live", "live", Status.OK)

    def test_an_api_without_an_address_is_left_to_the_next(
        self, simulator: RapidAPISimulator
    ) -> None:
        assert ask(simulator.open(make_task(), 0), "Nowhere", {"q": 1}) is None
        assert [one.api for one in simulator.without_address] == ["nowhere"]

    def test_the_gateways_refusals_are_typed(
        self, server: HostileServer, simulator: RapidAPISimulator
    ) -> None:
        session = simulator.open(make_task(), 0)
        for body, code, status in (
            ({"message": "You are not subscribed to this API."}, 403, Status.NOT_SUBSCRIBED),
            ({"message": "Invalid API key."}, 401, Status.UNAUTHORISED),
            ({"message": "Endpoint '/x' does not exist"}, 404, Status.NOT_FOUND),
            ({"message": "Too many requests"}, 429, Status.TOO_MANY_REQUESTS),
        ):
            server.behaviours["/things/9"] = says(reply(body, code))
            response = ask(session, "Remove", {"is_id": 9})
            assert response is not None and response.status is status

    def test_a_change_at_the_server_refuses_forks(
        self, server: HostileServer, folder: Path, simulator: RapidAPISimulator
    ) -> None:
        session = simulator.open(make_task(), 0)
        ask(session, "Search", {})
        session.fork()
        ask(session, "Form", {"text": "x"})
        with pytest.raises(ForkRefusedError):
            session.fork()
        with RapidAPISimulator(
            folder, allow_private=["127.0.0.1"], safe_to_repeat=[NAMES["Form"]], limits=LIMITS
        ) as safe:
            session = safe.open(make_task(), 0)
            ask(session, "Form", {"text": "x"})
            session.fork()

    def test_a_change_that_timed_out_may_have_happened(
        self, server: HostileServer, simulator: RapidAPISimulator
    ) -> None:
        server.behaviours["/things/1"] = server.behaviours["/hang"]
        server.behaviours["/things/2"] = says(reply({}, 404))
        refused, open_end = (simulator.open(make_task(), 0) for _ in range(2))
        ask(refused, "Remove", {"is_id": 2})
        refused.fork()
        ask(open_end, "Remove", {"is_id": 1})
        with pytest.raises(ForkRefusedError):
            open_end.fork()

    def test_a_spent_budget_is_no_answer_of_the_api(self, folder: Path) -> None:
        limits = LIMITS._replace(calls=1)
        with RapidAPISimulator(folder, allow_private=["127.0.0.1"], limits=limits) as made:
            session = made.open(make_task(), 0)
            found = [ask(session, "Search", {}) for _ in range(2)]
            assert [one.status for one in found if one] == [Status.OK, Status.SIMULATOR_FAILED]
            assert made.requests_made == 1

    def test_it_composes(self, server: HostileServer, folder: Path, tmp_path: Path) -> None:
        live = RapidAPISimulator(folder, allow_private=["127.0.0.1"], limits=LIMITS)
        store = Store(tmp_path / "paid.store")
        with closing(first_of(store, coalesce(record(live, store)))) as once:
            count = len(server.seen("/search"))
            session = once.open(make_task(), 0)
            first, second = (ask(session, "Search", {"is_id": 1}) for _ in range(2))
            assert first is not None and second is not None
            assert (first.text, second.source) == (second.text, "store")
            assert len(server.seen("/search")) == count + 1


class TestKey:
    def test_without_a_key_it_says_what_to_set(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("RAPIDAPI_KEY")
        with pytest.raises(ConfigurationError, match="RAPIDAPI_KEY"):
            RapidAPISimulator(folder)

    def test_the_key_goes_to_no_host_that_is_not_rapidapis(self, tmp_path: Path) -> None:
        with HostileServer() as stranger:
            stranger.behaviours["/search"] = stranger.behaviours["/echo"]
            folder = write_tools(tmp_path / "tools", f"localhost:{stranger.port}")
            with RapidAPISimulator(folder, limits=LIMITS) as simulator:
                response = ask(simulator.open(make_task(), 0), "Search", {})
            assert response is not None and response.status is Status.SEND_ERROR
            assert stranger.received == []

    def test_it_shows_nowhere(
        self,
        server: HostileServer,
        folder: Path,
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        caplog.set_level(logging.DEBUG)
        live = RapidAPISimulator(folder, allow_private=["127.0.0.1"], limits=LIMITS)
        with record(live, Store(tmp_path / "all.store"), failures=True) as simulator:
            session = simulator.open(make_task(), 0)
            server.behaviours["/things/3"] = server.behaviours["/hang"]
            found = [
                ask(session, "Search", {"search_query": "x"}),
                ask(session, "Form", {"text": "x"}),
                ask(session, "Remove", {"is_id": 3}),
            ]
            shown = [*map(repr, found), repr(simulator), repr(live), live.fingerprint, str(session)]
        for text in (*shown, caplog.text):
            assert KEY not in text
        for path in (tmp_path / "all.store").rglob("*"):
            assert path.is_dir() or KEY.encode() not in path.read_bytes()

    def test_the_fingerprint_does_not_depend_on_it(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = RapidAPISimulator(folder).fingerprint
        monkeypatch.setenv("RAPIDAPI_KEY", "another-key-of-mine")
        assert RapidAPISimulator(folder).fingerprint == first


class TestSpecification:
    def test_it_is_named_in_text(self, server: HostileServer, folder: Path) -> None:
        options = (
            "allow_private=127.0.0.1&timeout=0.5&attempts=1&calls=2&per_second=1000"
            "&key_per_second=500&safe_to_repeat=*"
        )
        with closing(open_simulator(f"rapidapi:{folder}?{options}")) as made:
            response = ask(made.open(make_task(), 0), "Search", {})
        assert response is not None and response.status is Status.OK

    @pytest.mark.parametrize(
        "option", ["calls=0", "calls=1.5", "timeout=x", "per_second=-1", "nonsense=1"]
    )
    def test_options_that_do_not_fit_are_refused(self, folder: Path, option: str) -> None:
        with pytest.raises(ConfigurationError):
            open_simulator(f"rapidapi:{folder}?{option}")

    def test_a_folder_that_is_none_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises((ConfigurationError, FormatError)):
            open_simulator(f"rapidapi:{tmp_path / 'none'}")


class TestContract(SimulatorSuite):
    place: Path

    @pytest.fixture(autouse=True)
    def tools(self, folder: Path) -> None:
        self.place = folder

    def make_simulator(self) -> Simulator:
        limits = LIMITS._replace(total=10)
        return RapidAPISimulator(
            self.place, allow_private=["127.0.0.1"], limits=limits, safe_to_repeat=["*"]
        )

    def make_task(self) -> Task:
        return make_task()

    def answered_calls(self) -> Sequence[tuple[str, dict[str, object]]]:
        return [(NAMES["Search"], {"search_query": "x"}), (NAMES["Fixed"], {"q": 2})]
