"""MCP servers as simulators: real processes, real HTTP, healthy and hostile."""

from __future__ import annotations

import asyncio
import copy
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import cache
from pathlib import Path

import pytest

from tests.simulators.mcp_servers.web import misbehaving
from toolenv import bridge
from toolenv.actions import Resolver
from toolenv.apis import API
from toolenv.episodes import ROOT, Branch, FunctionCall, Response, Status
from toolenv.errors import ConfigurationError, ForkRefusedError, SimulatorError
from toolenv.jsontext import JsonValue, render
from toolenv.simulators import Session, Simulator, first_of, open_simulator, record
from toolenv.simulators.mcp import MCPSimulator, read_mcp_tools
from toolenv.snapshots import Store
from toolenv.tasks import Task
from toolenv.testing import SimulatorSuite

SERVERS = Path(__file__).parent / "mcp_servers"
SHOP = [sys.executable, str(SERVERS / "shop.py")]
HERE = ["127.0.0.1"]


def hostile(how: str, **options: object) -> MCPSimulator:
    return MCPSimulator([sys.executable, str(SERVERS / "hostile.py"), how], **options)  # type: ignore[arg-type]


def a_task(apis: Sequence[API]) -> Task:
    return Task(id="shopping", instruction="Fill the cart.", apis=tuple(apis))


@cache
def hostile_task() -> Task:
    with hostile("healthy") as simulator:
        return a_task(simulator.apis)


async def aask(
    session: Session, task: Task, name: str, /, **arguments: JsonValue
) -> Response | None:
    function = next(one for one in task.named_apis if one.startswith(f"{name}_for_"))
    call = Resolver(task.named_apis).resolve(FunctionCall(function, render(arguments)))
    return await session.call(call, Branch(task, [], ROOT))


def ask(session: Session, task: Task, name: str, /, **arguments: JsonValue) -> Response:
    response = bridge.run(aask(session, task, name, **arguments))
    assert response is not None, "nothing was answered"
    return response


def provoke(simulator: Simulator, name: str = "misbehave") -> Response:
    return ask(simulator.open(hostile_task(), 7), hostile_task(), name)


def runs(process: int) -> bool:
    """Whether a process does anything still; one that ended may wait to be noticed."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def ends(*processes: int) -> bool:
    """Whether processes end within a generous time."""
    deadline = time.monotonic() + 20
    while any(map(runs, processes)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not any(map(runs, processes))


@pytest.fixture(scope="module")
def shop() -> Iterator[MCPSimulator]:
    """The healthy server over pipes; one for all tests that leave it whole."""
    with MCPSimulator(SHOP, category="Shops", timeout=20) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def shop_task(shop: MCPSimulator) -> Task:
    return a_task(shop.apis)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The healthy server over HTTP; at ``/plain`` it answers without a stream of events."""
    port = tmp_path_factory.mktemp("server") / "port"
    environment = {**os.environ, "SHOP_TOKEN": "token-of-the-shop"}
    with subprocess.Popen([*SHOP, str(port)], env=environment, stderr=subprocess.DEVNULL) as server:
        while not port.exists():
            assert server.poll() is None, "the server of the test did not start"
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port.read_text()}/mcp"
        server.kill()


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("A_TOKEN", "token-of-the-shop")
    return "A_TOKEN"


# --- a healthy server -----------------------------------------------------------------------------


def test_its_tools_are_apis(shop: MCPSimulator, shop_task: Task) -> None:
    add = shop_task.named_apis["add_for_shop"]
    assert (add.category, add.tool, add.name) == ("Shops", "Shop", "add")
    assert add.description == "Put an item into the cart."
    assert add.tool_description == "Keeps what is to be bought."
    assert add.mutates and not shop_task.named_apis["show_for_shop"].mutates
    (item,) = add.parameters
    assert item.required and item.json_schema is not None
    assert "itemName" in str(item.json_schema["properties"])
    assert isinstance(add.response_schema, dict)


def test_tools_for_tasks_without_a_simulator() -> None:
    apis = read_mcp_tools([sys.executable, str(SERVERS / "hostile.py"), "healthy"], tool="Mine")
    assert [(api.tool, api.name) for api in apis] == [("Mine", "misbehave"), ("Mine", "behave")]


def test_arguments_go_back_to_the_server_s_spelling(shop: MCPSimulator, shop_task: Task) -> None:
    echo = shop_task.named_apis["echo_for_shop"]
    assert [parameter.key for parameter in echo.parameters] == ["sometext", "times"]
    session = shop.open(shop_task, 7)
    assert ask(session, shop_task, "echo", sometext="é\n", times=2).body == ["é\n", "é\n"]


def test_results_become_bodies(shop: MCPSimulator, shop_task: Task) -> None:
    session = shop.open(shop_task, 7)
    assert ask(session, shop_task, "slow", seconds=0).text == (
        '{"error":"","response":{"result":"done"}}'
    ), "structured content"
    assert ask(session, shop_task, "say", text="hello").body == "hello"
    assert ask(session, shop_task, "say", text='{"a": [1]}').body == {"a": [1]}, "JSON as text"
    assert ask(session, shop_task, "say", text="{no json").body == "{no json"
    assert ask(session, shop_task, "echo", sometext="x", times=0).body == "", "no content"
    response = ask(session, shop_task, "echo", sometext="x", times=1)
    assert (response.status, response.source, response.origin) == (Status.OK, "live", "live")


def test_what_is_not_text_is_refused_by_name(shop: MCPSimulator, shop_task: Task) -> None:
    session = shop.open(shop_task, 7)
    alone = ask(session, shop_task, "picture")
    assert (alone.status, alone.error) == (
        Status.API_ERROR,
        "binary content: image/png, about 9 bytes",
    )
    beside = ask(session, shop_task, "picture_and_text")
    assert beside.body == ["a cat", "binary content: image/png, about 9 bytes"]


def test_failures_are_typed(shop: MCPSimulator, shop_task: Task) -> None:
    session = shop.open(shop_task, 7)
    failed = ask(session, shop_task, "fail")
    assert failed.status is Status.API_ERROR and "fail" in failed.error
    large = ask(session, shop_task, "large", bytes=2_000_000)
    assert (large.status, large.error) == (
        Status.API_ERROR,
        "The response is larger than 1048576 bytes.",
    )
    surrogate = ask(session, shop_task, "say", text="\ud800")
    assert surrogate.status is Status.BAD_INPUT


def test_arguments_that_are_none_never_reach_it(shop: MCPSimulator, shop_task: Task) -> None:
    session = shop.open(shop_task, 7)
    call = Resolver(shop_task.named_apis).resolve(FunctionCall("say_for_shop", "[1]"))
    response = bridge.run(session.call(call, Branch(shop_task, [], ROOT)))
    assert response is not None and response.status is Status.BAD_INPUT


def test_one_server_serves_callers_of_every_kind(shop: MCPSimulator, shop_task: Task) -> None:
    def inline(_: int = 0) -> JsonValue:
        return ask(shop.open(shop_task, 7), shop_task, "process").body

    async def within_a_loop() -> list[JsonValue]:
        sessions = [shop.open(shop_task, seed) for seed in range(8)]
        answers = await asyncio.gather(*(aask(one, shop_task, "process") for one in sessions))
        return [answer.body for answer in answers if answer is not None] + [inline()]

    found = [inline(), *asyncio.run(within_a_loop()), *asyncio.run(within_a_loop())]
    with ThreadPoolExecutor(2) as pool:
        found += pool.map(inline, range(8))
    assert len(found) == 27
    assert all(one == found[0] for one in found), "one process answers all"


def test_calls_in_flight_do_not_wait_for_each_other(shop: MCPSimulator, shop_task: Task) -> None:
    async def race() -> list[str]:
        session = shop.open(shop_task, 7)
        finished: list[str] = []

        async def one(name: str, seconds: float) -> None:
            await aask(session, shop_task, "slow", seconds=seconds)
            finished.append(name)

        await asyncio.gather(one("slow", 0.5), one("quick", 0.0))
        return finished

    assert asyncio.run(race()) == ["quick", "slow"]


def test_a_session_is_not_forked_past_a_change(shop: MCPSimulator, shop_task: Task) -> None:
    session = shop.open(shop_task, 7)
    ask(session, shop_task, "show")
    twin = session.fork()
    ask(session, shop_task, "add", item={"itemName": "tea"})
    for either in (session, twin):  # the twin would see the change as well
        with pytest.raises(ForkRefusedError):
            either.fork()
    tolerant = MCPSimulator(SHOP, category="Shops", safe_to_repeat=["add_for_shop"])
    with tolerant:
        free = tolerant.open(shop_task, 7)
        ask(free, shop_task, "add", item={"itemName": "tea"})
        free.fork()


def test_apis_of_others_are_left_to_the_next(shop: MCPSimulator, shop_task: Task) -> None:
    other = API(category="Shops", tool="Shop", name="steal")
    task = a_task([other])
    assert bridge.run(aask(shop.open(task, 7), task, "steal")) is None
    with hostile("exits", tool="Mine") as never_started:
        assert bridge.run(aask(never_started.open(shop_task, 7), shop_task, "show")) is None


def test_tools_that_come_later_are_found() -> None:
    with MCPSimulator(SHOP) as simulator:
        task = a_task([*simulator.apis, API(tool="Shop", name="late")])
        session = simulator.open(task, 7)
        assert bridge.run(aask(session, task, "late")) is None
        ask(session, task, "grow")
        deadline = time.monotonic() + 20
        while (late := bridge.run(aask(session, task, "late"))) is None:  # the news may lag
            assert time.monotonic() < deadline, "the new tool was not found"
        assert late.body == {"result": "better than never"}


def test_its_answers_are_recorded_and_its_failures_are_not(tmp_path: Path) -> None:
    store = Store(tmp_path / "live.store")
    with closing(record(hostile("hang", timeout=0.2), store)) as simulator:
        session = simulator.open(hostile_task(), 7)
        ask(session, hostile_task(), "behave")
        assert ask(session, hostile_task(), "misbehave").status is Status.TIMEOUT
    with Store(tmp_path / "live.store") as written:
        assert [one.identity.function for one in written.records()] == ["behave_for_hostile"]


@pytest.mark.parametrize("place", ["", "/plain"])
def test_over_http(address: str, token: str, place: str) -> None:
    with MCPSimulator(f"{address}{place}", token=token, allow_private=HERE) as simulator:
        task = a_task(simulator.apis)
        session = simulator.open(task, 7)
        assert ask(session, task, "say", text="hello").body == "hello"
        assert ask(session, task, "large", bytes=2_000_000).status is Status.API_ERROR
        shown = ask(session, task, "environment", name="SHOP_TOKEN")
        assert shown.body == {"result": "…"}, "a token that comes back is hidden"


class TestConformance(SimulatorSuite):
    @pytest.fixture(autouse=True)
    def server(self, address: str, token: str, shop_task: Task) -> None:
        self.address, self.task = address, shop_task

    def make_simulator(self) -> Simulator:
        return MCPSimulator(self.address, token="A_TOKEN", allow_private=HERE, category="Shops")

    def make_task(self) -> Task:
        return self.task

    def answered_calls(self) -> Sequence[tuple[str, dict[str, object]]]:
        return [("say_for_shop", {"text": "a"}), ("picture_for_shop", {})]


# --- the server's process -------------------------------------------------------------------------


def test_it_starts_when_first_asked_and_ends_when_closed() -> None:
    simulator = hostile("healthy")
    assert simulator.fingerprint == hostile("healthy").fingerprint
    process = int(str(provoke(simulator, "behave").body))
    assert runs(process)
    simulator.close()
    assert ends(process)
    simulator.close()
    again = int(str(provoke(simulator, "behave").body))
    assert again != process, "a later call starts it anew"
    simulator.close()


def test_what_it_has_started_ends_with_it() -> None:
    with hostile("family") as simulator:
        server, child = map(int, str(provoke(simulator, "behave").body).split())
        assert runs(server) and runs(child)
    assert ends(server, child)


def test_it_ends_with_the_run_however_that_ends() -> None:
    program = (
        "import sys, time\n"
        "from tests.simulators.test_mcp import hostile, provoke\n"
        "simulator = hostile('family')\n"
        "print(provoke(simulator, 'behave').body, flush=True)\n"
        "sys.stdin.readline()\n"
    )
    ways = [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, None]
    processes: list[int] = []
    with ExitStack() as runs_of:
        started = [
            runs_of.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", program],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                )
            )
            for _ in ways
        ]
        for run, how in zip(started, ways, strict=True):
            assert run.stdout is not None and run.stdin is not None
            processes += map(int, run.stdout.readline().split())
            if how is not None:
                run.send_signal(how)
            else:
                run.stdin.close()
    assert len(processes) == 8
    assert ends(*processes)


def test_a_server_that_ends_is_started_again_but_not_for_ever() -> None:
    with MCPSimulator(SHOP, restarts=1) as simulator:
        task = a_task(simulator.apis)
        session = simulator.open(task, 7)
        first = ask(session, task, "process").body
        died = ask(session, task, "die")
        assert died.status is Status.SEND_ERROR
        assert died.error == "The server ended. It wrote: (exit code 3)"
        assert ask(session, task, "process").body != first
        assert ask(session, task, "die").status is Status.SEND_ERROR
        with pytest.raises(SimulatorError, match="not started again"):
            ask(session, task, "process")


def test_calls_that_time_out_leave_a_living_server_alone() -> None:
    with MCPSimulator(SHOP, timeout=0.3) as simulator:
        task = a_task(simulator.apis)
        session = simulator.open(task, 7)
        before = ask(session, task, "process").body
        slow = ask(session, task, "slow", seconds=30)
        assert (slow.status, slow.error) == (
            Status.TIMEOUT,
            "The server did not answer within 0.3 s.",
        )
        assert ask(session, task, "process").body == before


def test_a_server_that_hangs_is_started_again() -> None:
    with hostile("hang", timeout=0.2, restarts=1) as simulator:
        before = provoke(simulator, "behave").body
        assert provoke(simulator).status is Status.TIMEOUT
        assert provoke(simulator).status is Status.TIMEOUT
        after = provoke(simulator, "behave").body
        assert before != after
        assert ends(int(str(before)))


def test_it_gets_the_variables_that_are_named_and_no_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SHOP_KEY", "key-of-the-shop")
    monkeypatch.setenv("OTHER_KEY", "key-of-another")
    with MCPSimulator(SHOP, environment=["SHOP_KEY"]) as simulator:
        task = a_task(simulator.apis)
        session = simulator.open(task, 7)
        given = ask(session, task, "environment", name="SHOP_KEY")
        assert given.body == {"result": "…"}, "given, and hidden when it comes back"
        withheld = ask(session, task, "environment", name="OTHER_KEY")
        assert withheld.body == {"result": "(not set)"}
        assert ask(session, task, "environment", name="PATH").body != {"result": "(not set)"}
    assert "key-of-the-shop" not in repr(simulator) + repr(vars(simulator)) + simulator.fingerprint


def test_a_copy_asks_a_server_of_its_own() -> None:
    with hostile("healthy") as simulator, copy.deepcopy(simulator) as other:
        assert other.fingerprint == simulator.fingerprint
        assert provoke(simulator, "behave").body != provoke(other, "behave").body


# --- hostile servers ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "status", "says"),
    [
        ("not-json", Status.SEND_ERROR, "The server sent a message that is not JSON."),
        ("not-json-unnumbered", Status.SEND_ERROR, "The server sent a message that is not JSON."),
        ("no-answer", Status.SEND_ERROR, "The server sent a message that is no answer."),
        ("not-a-result", Status.SEND_ERROR, "not what the protocol says"),
        ("deep", Status.SEND_ERROR, "The server sent a message that is not JSON."),
        ("huge", Status.API_ERROR, "The response is larger than 1048576 bytes."),
        ("huge-numbered-last", Status.API_ERROR, "The response is larger than 1048576 bytes."),
        ("error", Status.BAD_INPUT, "Unknown tool: misbehave"),
        ("closes", Status.SEND_ERROR, "The server ended."),
    ],
)
def test_bad_protocol_gives_typed_responses_and_the_next_call_works(
    how: str, status: Status, says: str
) -> None:
    with hostile(how, timeout=10) as simulator:
        response = provoke(simulator)
        assert (response.status, response.body) == (status, "")
        assert says in response.error
        assert provoke(simulator, "behave").status is Status.OK


@pytest.mark.parametrize(
    ("how", "body"),
    [
        ("chatter", "after all"),
        ("notifications", "after all"),
        ("invalid-utf-8", "�"),
        ("asks-back", "Method not found"),
    ],
)
def test_what_can_be_made_sense_of_is_an_answer(how: str, body: str) -> None:
    with hostile(how, timeout=10) as simulator:
        response = provoke(simulator)
        assert response.status is Status.OK
        if how != "asks-back":
            assert response.body == body


def test_a_flood_of_errors_is_not_kept() -> None:
    with hostile("flood", timeout=0.5) as simulator:
        assert provoke(simulator).status is Status.TIMEOUT


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("silent", "was not ready within 0.3 s"),
        ("exits", "no licence; the key is …"),
        ("endless-list", "more than 100 pages"),
        ("no-list", "did not list its tools"),
        ("bad-tools", "lists what is no tool: tools.0..name"),
    ],
)
def test_a_server_that_cannot_be_used_fails_as_infrastructure(
    how: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_KEY", "key-of-the-shop")
    patience = 0.3 if how == "silent" else 20
    with hostile(how, connect_timeout=patience, environment=["SHOP_KEY"]) as simulator:
        with pytest.raises(SimulatorError, match=says) as failed:
            provoke(simulator)
        assert "key-of-the-shop" not in str(failed.value)


# --- hostile servers over HTTP --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "status", "says"),
    [
        ("401", Status.UNAUTHORISED, "HTTP 401 Unauthorized"),
        ("429", Status.TOO_MANY_REQUESTS, "HTTP 429"),
        ("500", Status.SEND_ERROR, "HTTP 500"),
        ("json-rpc-error", Status.BAD_INPUT, "no such tool"),
        ("redirect", Status.API_ERROR, "not followed"),
        ("html", Status.API_ERROR, "text/html"),
        ("not-json", Status.API_ERROR, "JSON"),
        ("huge", Status.API_ERROR, "larger than 1048576 bytes"),
        ("bomb", Status.API_ERROR, "larger than 1048576 bytes"),
        ("event-bomb", Status.SEND_ERROR, "compressed"),
        ("huge-event", Status.SEND_ERROR, "SSE"),
        ("no-event", Status.SEND_ERROR, "without a response"),
        ("cut", Status.SEND_ERROR, "failed"),
        ("hang", Status.TIMEOUT, "0.5 s"),
        ("drip", Status.TIMEOUT, "0.5 s"),
        ("drip-events", Status.TIMEOUT, "0.5 s"),
    ],
)
def test_bad_http_gives_typed_responses(how: str, status: Status, says: str) -> None:
    patience = 0.5 if how in ("hang", "drip", "drip-events") else 10
    with (
        misbehaving(how) as (url, _),
        MCPSimulator(url, allow_private=HERE, timeout=patience, tool="Hostile") as simulator,
    ):
        response = provoke(simulator)
        assert (response.status, response.body) == (status, "")
        assert says in response.error


def test_a_session_that_the_server_forgot_is_opened_again() -> None:
    with (
        misbehaving("forgets") as (url, _),
        MCPSimulator(url, allow_private=HERE, tool="Hostile") as simulator,
    ):
        assert provoke(simulator).body == "after all"


def test_headers_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_KEY", "key-of-the-shop")
    with (
        misbehaving("fine") as (url, seen),
        open_simulator(
            f"mcp:{url}?allow_private=127.0.0.1&tool=Hostile&headers=X-Shop-Key:SHOP_KEY"
        ) as simulator,  # type: ignore[attr-defined]
    ):
        assert provoke(simulator).body == "after all"
        assert set(seen) == {"key-of-the-shop"}


@pytest.mark.parametrize("options", [{}, {"allow_private": ["localhost"]}])
def test_private_addresses_are_refused_unless_allowed_by_name(options: dict[str, object]) -> None:
    with (
        misbehaving("fine") as (url, seen),
        MCPSimulator(url, tool="Hostile", **options) as simulator,  # type: ignore[arg-type]
    ):
        with pytest.raises(SimulatorError, match="not public"):
            provoke(simulator)
        assert not seen, "nothing was sent"


def test_a_server_that_is_not_there_fails_as_infrastructure() -> None:
    with misbehaving("fine") as (url, _):
        pass
    with (
        MCPSimulator(url, allow_private=HERE, tool="Hostile") as simulator,
        pytest.raises(SimulatorError, match="cannot be used"),
    ):
        provoke(simulator)


# --- in text --------------------------------------------------------------------------------------


def test_it_is_named_in_text_as_a_rung_of_a_ladder() -> None:
    command = f"{sys.executable} {SERVERS / 'hostile.py'} healthy"
    named = open_simulator(f"mcp:{command}?timeout=5&tool=Hostile&safe_to_repeat=*&restarts=0")
    with closing(first_of(named, hostile("exits", tool="Other"))) as ladder:
        assert provoke(ladder, "behave").status is Status.OK


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("mcp:", "No MCP server is named"),
        ("mcp:'unclosed", "cannot be read"),
        ("mcp:x?timeout=soon", "timeout: 'soon' is no number"),
        ("mcp:x?timeout=0", "timeout"),
        ("mcp:x?timeout=nan", "timeout"),
        ("mcp:x?size=0", "size"),
        ("mcp:x?token=TOKEN", "no use for token"),
        ("mcp:http://h/mcp?env=KEY", "no use for environment"),
        ("mcp:http://user:pass-word@h/mcp", "a name or a password"),
        ("mcp:http:///mcp", "no host"),
        ("mcp:http://h/mcp?key=pass-word", "no option 'key'"),
    ],
)
def test_what_cannot_be_a_server_is_refused(text: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        open_simulator(text)
    assert says in str(refused.value)
    assert "pass-word" not in str(refused.value)


@pytest.mark.parametrize(
    ("simulator", "says"),
    [
        (MCPSimulator("there-is-no-such-program"), "no such program"),
        (MCPSimulator("python", environment=["TOOLENV_UNSET"]), "TOOLENV_UNSET"),
    ],
)
def test_what_cannot_be_started_is_refused_when_asked(simulator: MCPSimulator, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        provoke(simulator)
