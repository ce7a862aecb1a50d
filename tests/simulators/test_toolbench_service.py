"""ToolBench's service: what is sent to it, to the byte, and what its replies become."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing

import pytest

from tests.simulators.hostile_servers import (
    LIMITS,
    Behaviour,
    HostileServer,
    reply,
    says,
    then_closes,
)
from toolenv import bridge
from toolenv.actions import Resolver
from toolenv.apis import API, Parameter
from toolenv.episodes import ROOT, Branch, Call, FunctionCall, Response, Status
from toolenv.errors import ConfigurationError, ForkRefusedError
from toolenv.jsontext import JsonValue, render
from toolenv.simulators import NOT_ANSWERS, Simulator, open_simulator
from toolenv.simulators.toolbench_service import ToolBenchService
from toolenv.tasks import Task
from toolenv.testing import SimulatorSuite

KEY = "t00lbench-key-0123456789"
SEARCH = "search_team_for_team_data"
ADD = "add_for_team_data"
TASK = Task(
    id="t",
    instruction="Find teams.",
    apis=(
        API(
            category="Video, Images",
            tool="Team Data!",
            name="Search Team",
            parameters=(Parameter(name="Search Query"), Parameter(name="id")),
        ),
        API(category="Video, Images", tool="Team Data!", name="Add", method="POST"),
        API(name="loose", function={"name": "loose", "parameters": {}}),
    ),
)


@pytest.fixture(scope="module")
def server() -> Iterator[HostileServer]:
    with HostileServer() as running:
        running.behaviours["/virtual"] = says(reply({"error": "", "response": {"teams": []}}))
        yield running


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOLBENCH_KEY", KEY)


def ask(
    simulator: Simulator, arguments: dict[str, JsonValue], function: str = SEARCH
) -> Response | None:
    call = Resolver(TASK.named_apis).resolve(FunctionCall(function, render(arguments)))
    return bridge.run(simulator.open(TASK, 0).call(call, Branch(TASK, [], ROOT)))


def answered(server: HostileServer, behaviour: Behaviour) -> Response:
    server.behaviours["/case"] = behaviour
    with ToolBenchService(server.url("/case"), limits=LIMITS) as service:
        response = ask(service, {"search_query": "x"})
    assert response is not None
    return response


class TestRequests:
    def test_the_bytes_of_a_request(self, server: HostileServer) -> None:
        with ToolBenchService(server.url("/virtual"), limits=LIMITS) as service:
            ask(service, {"search_query": "Zürich 1", "is_id": 3})
        body = (
            '{"category":"Video_Images","tool_name":"team_data","api_name":"search_team",'
            '"tool_input":"{\\"search_query\\":\\"Zürich 1\\",\\"is_id\\":3}","strip":"truncate",'
            f'"toolbench_key":"{KEY}"}}'
        ).encode()
        assert (
            server.received[-1].raw
            == (
                "POST /virtual HTTP/1.1\r\n"
                f"host: {server.address}\r\n"
                "accept: application/json, text/*;q=0.9, */*;q=0.1\r\n"
                "user-agent: toolenv\r\n"
                "content-type: application/json\r\n"
                f"toolbench_key: {KEY}\r\n"
                "accept-encoding: gzip, deflate\r\n"
                f"Content-Length: {len(body)}\r\n\r\n"
            ).encode()
            + body
        )

    def test_all_fields_are_sent_without_a_key_too(
        self, server: HostileServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("TOOLBENCH_KEY")
        with ToolBenchService(server.url("/virtual"), strip="filter", limits=LIMITS) as service:
            ask(service, {})
        found = server.received[-1]
        assert json.loads(found.body) == {
            "category": "Video_Images",
            "tool_name": "team_data",
            "api_name": "search_team",
            "tool_input": "{}",
            "strip": "filter",
            "toolbench_key": "",
        }
        assert "toolbench_key" not in found.headers

    def test_an_api_without_category_and_tool_is_left_to_the_next(
        self, server: HostileServer
    ) -> None:
        with ToolBenchService(server.url("/virtual"), limits=LIMITS) as service:
            assert ask(service, {}, "loose") is None


class TestReplies:
    @pytest.mark.parametrize(
        ("error", "status"),
        [
            ("", Status.OK),
            ("API not working error...", Status.NOT_FOUND),
            ("Unauthorized error...", Status.UNAUTHORISED),
            ("Unsubscribed error...", Status.NOT_SUBSCRIBED),
            ("Too many requests error...", Status.TOO_MANY_REQUESTS),
            ("Rate limit per minute error...", Status.RATE_LIMITED),
            ("Rate limit error...", Status.RATE_LIMITED),
            ("Message error...", Status.API_ERROR),
            ("Tool input parse error...\n", Status.BAD_INPUT),
            ("no team of that name, which was never unauthorized", Status.API_ERROR),
        ],
    )
    def test_the_error_is_compared_as_a_whole(
        self, server: HostileServer, error: str, status: Status
    ) -> None:
        response = answered(server, says(reply({"error": error, "response": "so"})))
        assert (response.status, response.error, response.body) == (status, error, "so")
        assert (response.source, response.origin) == ("live", "unknown")

    def test_words_in_the_response_decide_nothing(self, server: HostileServer) -> None:
        body = {"plot": "404 unauthorized terrors", "price": 1500}
        response = answered(server, says(reply({"error": "", "response": body})))
        assert (response.status, response.body) == (Status.OK, body)

    @pytest.mark.parametrize("code", [400, 401, 403, 404, 422, 500, 502])
    def test_a_failure_of_the_service_is_no_answer_of_an_api(
        self, server: HostileServer, code: int
    ) -> None:
        response = answered(server, says(reply({"detail": "no"}, code)))
        assert response.status in NOT_ANSWERS
        assert response.error.startswith(f"HTTP {code}")

    def test_too_many_requests_to_the_service(self, server: HostileServer) -> None:
        response = answered(server, says(reply({"detail": "slower"}, 429)))
        assert response.status is Status.TOO_MANY_REQUESTS

    @pytest.mark.parametrize("body", [b"", b"<html></html>", b"[]", b'{"error":""}', b"\xff", b"{"])
    def test_a_reply_that_is_none(self, server: HostileServer, body: bytes) -> None:
        assert answered(server, says(reply(body))).status is Status.SEND_ERROR

    def test_a_service_that_hangs_or_breaks(self, server: HostileServer) -> None:
        assert answered(server, server.behaviours["/hang"]).status is Status.TIMEOUT
        assert answered(server, then_closes(b"")).status is Status.SEND_ERROR

    def test_a_broken_call_is_made_again_unless_it_changes_something(
        self, server: HostileServer
    ) -> None:
        good = reply({"error": "", "response": 1})
        limits = LIMITS._replace(attempts=2, total=8)
        for function, status in ((SEARCH, Status.OK), (ADD, Status.SEND_ERROR)):
            server.behaviours["/flaky"] = says(reply({}, 502), good)
            with ToolBenchService(server.url("/flaky"), limits=limits) as service:
                response = ask(service, {}, function)
            assert response is not None and response.status is status


class TestService:
    def test_its_origin_is_as_told(self, server: HostileServer) -> None:
        with ToolBenchService(server.url("/virtual"), origin="simulated") as service:
            response = ask(service, {})
        assert response is not None and response.origin == "simulated"

    def test_the_key_shows_nowhere(
        self, server: HostileServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("DEBUG")
        with ToolBenchService(server.url("/echo"), limits=LIMITS) as service:
            found = ask(service, {})
            shown = [repr(found), repr(service), service.fingerprint, caplog.text]
        shown.append(repr(answered(server, says(reply({"error": KEY, "response": [KEY]})))))
        for text in shown:
            assert KEY not in text
        assert "…" in shown[-1]

    def test_a_change_refuses_forks(self, server: HostileServer) -> None:
        with ToolBenchService(server.url("/virtual"), limits=LIMITS) as service:
            session = service.open(TASK, 0)
            call = Resolver(TASK.named_apis).resolve(FunctionCall(ADD, "{}"))
            assert bridge.run(session.call(call, Branch(TASK, [], ROOT)))
            with pytest.raises(ForkRefusedError):
                session.fork()

    @pytest.mark.parametrize(
        "url", ["", "x", "ftp://h/virtual", "http://", "http://u:secret@h/virtual", "http://h:x/"]
    )
    def test_an_address_that_cannot_be_used_is_refused_unseen(self, url: str) -> None:
        with pytest.raises(ConfigurationError) as caught:
            ToolBenchService(url)
        assert "secret" not in str(caught.value)

    def test_it_is_named_in_text(self, server: HostileServer) -> None:
        place = f"toolbench:{server.url('/virtual')}?origin=live&strip=filter&timeout=1"
        with closing(open_simulator(place)) as made:
            response = ask(made, {})
        assert response is not None and response.origin == "live"
        with pytest.raises(ConfigurationError):
            open_simulator(f"toolbench:{server.url('/virtual')}?origin=heaven")


class TestContract(SimulatorSuite):
    url: str

    @pytest.fixture(autouse=True)
    def place(self, server: HostileServer) -> None:
        self.url = server.url("/virtual")

    def make_simulator(self) -> Simulator:
        return ToolBenchService(self.url)

    def make_task(self) -> Task:
        return TASK

    def answered_calls(self) -> Sequence[tuple[str, dict[str, object]]]:
        return [(SEARCH, {"search_query": "x"})]

    def unanswered_call(self) -> Call:
        return Call("nowhere", {}, API(name="nowhere").identity, "{}")
