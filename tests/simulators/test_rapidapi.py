"""RapidAPI as a simulator, against a real server."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from tests.simulators.hostile_servers import LIMITS, HostileServer, reply, says
from tests.simulators.rapidapi_tools import KEY, NAMES, ask, make_task, write_tools
from toolenv.episodes import Status
from toolenv.errors import ConfigurationError, ForkRefusedError, FormatError
from toolenv.simulators import (
    NetworkRefusedError,
    Simulator,
    coalesce,
    first_of,
    offline,
    open_simulator,
    record,
)
from toolenv.simulators.rapidapi import RapidAPISimulator
from toolenv.snapshots import Store
from toolenv.tasks import Task
from toolenv.testing import SimulatorSuite


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

    def test_offline_it_is_refused(self, server: HostileServer, folder: Path) -> None:
        count = len(server.received)
        live = RapidAPISimulator(folder, allow_private=["127.0.0.1"], limits=LIMITS)
        with closing(offline(live)) as simulator, pytest.raises(NetworkRefusedError):
            ask(simulator.open(make_task(), 0), "Search", {})
        assert len(server.received) == count

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
        with closing(record(live, Store(tmp_path / "all.store"), failures=True)) as simulator:
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
