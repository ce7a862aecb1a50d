from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.chat.scripted_server import chat_server, completion, tool_call
from tests.running.processes import toolenv
from tests.simulators_by_hand import Answering, task
from toolenv import ToolEnv, bridge
from toolenv.agents.policies import ScriptPolicy
from toolenv.episodes import ROOT, Branch, Call, Response, Status
from toolenv.running.configuration import RunConfiguration
from toolenv.running.runner import run
from toolenv.simulators import NetworkRefusedError, Session, Simulator, make_offline, offline
from toolenv.snapshots import freeze
from toolenv.tasks import Task

TASK = task("look")
LOOK = '{"name": "look_for_box", "arguments": {}}'


class Server:
    """Answers every connection with one HTTP response, and counts them."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._accepted = self._own = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._accepted += 1
            with connection, suppress(ConnectionError):
                connection.recv(1 << 16)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")

    @property
    def connections(self) -> int:
        """How many came before this one of our own, which is answered after them."""
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.sendall(b"?")
            assert connection.recv(1 << 16)
        self._own += 1
        return self._accepted - self._own

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def asks(server: Server, how: Callable[[int], Any]) -> Simulator:
    """A simulator that asks the server in some way, from synchronous code."""

    async def answer(call: Call, past: Branch) -> Response | None:
        return Response.of(how(server.port), source="live", origin="live")

    return Answering(answer)


def directly(port: int) -> str:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        return connection.recv(1 << 16)[-2:].decode()


def with_httpx(port: int) -> str:
    return httpx.get(f"http://127.0.0.1:{port}", trust_env=False).text


def in_a_thread(port: int) -> str:
    said: list[str] = []
    thread = threading.Thread(target=lambda: said.append(directly(port)))
    hook, threading.excepthook = threading.excepthook, lambda _: None
    try:
        thread.start()
        thread.join()
    finally:
        threading.excepthook = hook
    return "".join(said) or "nothing"


def in_a_pool(port: int) -> str:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(directly, port).result()


def swallowing(port: int) -> str:
    try:
        return directly(port)
    except Exception:
        return "an answer that was made up"


def with_a_process(port: int) -> str:
    program = f"import socket; socket.create_connection(('127.0.0.1', {port}))"
    return str(subprocess.run([sys.executable, "-c", program], check=False).returncode)


WAYS = [directly, with_httpx, in_a_thread, in_a_pool, swallowing, with_a_process]


@pytest.mark.parametrize("how", WAYS, ids=lambda how: how.__name__)
def test_a_simulator_that_connects_is_refused_whatever_it_does(
    server: Server, how: Callable[[int], Any]
) -> None:
    env = ToolEnv([TASK], offline(asks(server, how)))
    env.reset(seed=1)
    observation, _, _, truncated, info = env.step(LOOK)
    assert truncated
    assert (info["ended"], info["outcome"]) == ("error:simulator", "infrastructure_error")
    assert info["status"] == Status.SIMULATOR_FAILED
    assert "in an offline run" in observation
    assert server.connections == 0


@pytest.mark.parametrize("how", WAYS, ids=lambda how: how.__name__)
def test_the_same_simulator_connects_where_it_is_not_offline(
    server: Server, how: Callable[[int], Any]
) -> None:
    offline(asks(server, how))  # the hook is there, and refuses no one else
    env = ToolEnv([TASK], asks(server, how))
    env.reset(seed=1)
    assert env.step(LOOK)[4]["status"] == Status.OK
    assert server.connections == 1


async def awaiting(port: int) -> str:
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.get(f"http://localhost:{port}")).text


async def looking_up(port: int) -> str:
    found = await asyncio.get_running_loop().getaddrinfo("localhost", port)
    return str(len(found))


async def to_thread(port: int) -> str:
    return await asyncio.to_thread(directly, port)


async def in_the_executor(port: int) -> str:
    return await asyncio.get_running_loop().run_in_executor(None, directly, port)


ASYNCHRONOUS = [awaiting, looking_up, to_thread, in_the_executor]


@pytest.mark.parametrize("how", ASYNCHRONOUS, ids=lambda how: how.__name__)
@pytest.mark.parametrize("inside", [False, True], ids=["driven inline", "in a loop"])
def test_what_waits_is_refused_too(server: Server, how: Any, inside: bool) -> None:
    async def answer(call: Call, past: Branch) -> Response | None:
        return Response.of(await bridge.wait(lambda: how(server.port)), source="live")

    async def asked(simulator: Simulator) -> Response | None:
        session = simulator.open(TASK, 1)
        return await session.call(CALL, Branch(TASK, [], ROOT))

    def drive(make: Callable[[], Coroutine[Any, Any, Response | None]]) -> Response | None:
        return bridge.run_on_loop(make) if inside else bridge.run(make())

    response = drive(lambda: asked(Answering(answer)))
    assert response is not None and server.connections == (how is not looking_up)
    with pytest.raises(NetworkRefusedError, match=r"offline run.*record"):
        drive(lambda: asked(offline(Answering(answer))))
    assert server.connections == (how is not looking_up)
    assert drive(lambda: asked(Answering(answer))) == response  # the policy's executor is as it was


CALL = Call("look_for_box", {}, TASK.apis[0].identity, "{}")


@pytest.mark.parametrize(
    ("act", "what"),
    [
        (lambda: socket.socket().bind(("127.0.0.1", 0)), "bind 127.0.0.1:0"),
        (lambda: socket.getaddrinfo("example.org", 443), "look up example.org:443"),
        (lambda: socket.gethostbyname("example.org"), "look up example.org"),
        (lambda: socket.socket().connect_ex(("127.0.0.1", 9)), "connect to 127.0.0.1:9"),
        (
            lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"", ("127.0.0.1", 9)),
            "send to 127.0.0.1:9",
        ),
        (lambda: socket.socket(socket.AF_UNIX).connect("/nowhere"), "connect to /nowhere"),
        (lambda: subprocess.run(["true", "--key", "secret"], check=False), "the process true"),
    ],
    ids=["bind", "getaddrinfo", "gethostbyname", "connect", "sendto", "unix", "process"],
)
def test_the_error_says_what_was_refused(act: Callable[[], object], what: str) -> None:
    async def answer(call: Call, past: Branch) -> Response | None:
        act()
        return None

    session = offline(Answering(answer)).open(TASK, 1)
    with pytest.raises(NetworkRefusedError) as caught:
        bridge.run(session.call(CALL, Branch(TASK, [], ROOT)))
    assert what in caught.value.what
    assert caught.value.where and caught.value.fix
    assert "secret" not in str(caught.value)


class ConnectsWhenOpened(Answering):
    def __init__(self, port: int) -> None:
        async def nothing(call: Call, past: Branch) -> Response | None:
            return None

        super().__init__(nothing)
        self.port = port

    def open(self, task: Task, seed: int) -> Session:
        directly(self.port)
        return self


def test_a_session_that_cannot_be_opened_fails_its_calls_and_not_the_run(server: Server) -> None:
    env = ToolEnv([TASK], offline(ConnectsWhenOpened(server.port)))
    env.reset(seed=1)
    branch = env.fork()
    assert branch.step(LOOK)[4]["outcome"] == "infrastructure_error"
    assert env.step(LOOK)[4]["outcome"] == "infrastructure_error"
    assert server.connections == 0


def test_making_a_simulator_is_refused_the_network_too(server: Server) -> None:
    def make() -> Simulator:
        directly(server.port)
        return asks(server, directly)

    with pytest.raises(NetworkRefusedError):
        make_offline(make)
    assert server.connections == 0


def test_a_thread_that_a_simulator_started_stays_refused(server: Server) -> None:
    wanted, outcomes = threading.Event(), list[str]()

    def work() -> None:
        wanted.wait()
        try:
            outcomes.append(directly(server.port))
        except NetworkRefusedError:
            outcomes.append("refused")

    thread = threading.Thread(target=work)

    def make() -> Simulator:
        thread.start()
        return asks(server, directly)

    make_offline(make)
    wanted.set()
    thread.join()
    assert outcomes == ["refused"]
    assert directly(server.port) == "hi"  # whoever is no simulator is not


def test_answers_and_fingerprint_stay_the_same() -> None:
    async def answer(call: Call, past: Branch) -> Response | None:
        return Response.of("here", source="local", origin="local")

    plain = Answering(answer)
    guarded = offline(plain)
    assert guarded.fingerprint == plain.fingerprint
    assert offline(guarded) is guarded
    env = ToolEnv([TASK], guarded)
    env.reset(seed=1)
    assert env.step(LOOK)[4]["source"] == "local"
    guarded.close()
    assert plain.closed == 1


# --- runs ----------------------------------------------------------------------------------------


def asking(port: str) -> Simulator:
    """For specifications: asks the server, unless the argument says otherwise."""

    async def answer(call: Call, past: Branch) -> Response | None:
        text = "here" if call.arguments == {"x": "here"} else directly(int(port))
        return Response.of(text, source="live", origin="live")

    return Answering(answer)


def two_tasks() -> list[Task]:
    return [TASK.model_copy(update={"id": name, "instruction": name}) for name in ("here", "there")]


def _says(messages: Any, functions: Any, seed: int) -> Any:
    if messages[-1]["role"] == "tool":
        return {"name": "Finish", "arguments": {"return_type": "give_up_and_restart"}}
    return {"name": "look_for_box", "arguments": {"x": messages[1]["content"]}}


def looking() -> ScriptPolicy:
    return ScriptPolicy(_says, name="looking")


def configured(server: Server, **more: Any) -> RunConfiguration:
    place = f"local:{__name__}"
    return RunConfiguration(
        tasks=f"{__name__}:two_tasks",
        simulator=(f"{place}:asking?port={server.port}",),
        policies=(f"{place}:looking",),
        **more,
    )


def test_a_run_goes_on_after_a_refusal(server: Server, tmp_path: Path) -> None:
    refused = run(configured(server, offline=True), tmp_path / "offline")
    outcomes = {row.task: row.outcome for row in refused.results()}
    assert outcomes == {"here": "unsure", "there": "infrastructure_error"}
    assert server.connections == 0
    assert refused.manifest.configuration["offline"] is True
    live = run(configured(server), tmp_path / "live")
    assert {row.task: row.outcome for row in live.results()} == {
        "here": "unsure",
        "there": "unsure",
    }
    assert server.connections == 1
    assert live.manifest.configuration["offline"] is False


def test_a_frozen_run_is_offline_by_itself_and_its_policy_is_not(tmp_path: Path) -> None:
    said = completion(None, tool_calls=[tool_call("look_for_box", '{"x":"here"}', "1")])
    freeze([], tmp_path / "empty.snap")
    with chat_server([said]) as chat:
        host = (
            chat.url.removeprefix("http://").removesuffix("/v1").replace("127.0.0.1", "localhost")
        )
        policy = f"openai:m?base_url=http://{host}/v1"
        frozen = RunConfiguration(
            tasks=f"{__name__}:two_tasks",
            simulator=(
                f"snapshot:{tmp_path / 'empty.snap'}",
                f"neighbour:{tmp_path / 'empty.snap'}",
            ),
            policies=(policy,),
            max_steps=2,
        )
        folder = run(frozen, tmp_path / "run")
    assert chat.requests
    assert [row.misses for row in folder.results()] == [2, 2]
    assert folder.manifest.configuration["offline"] is True
    assert folder.manifest.network == {policy: host}
    assert not frozen.model_copy(update={"offline": False}).is_offline
    assert not RunConfiguration().is_offline


def test_the_command_line_says_it_too(server: Server, tmp_path: Path) -> None:
    place = f"local:{__name__}"
    done = toolenv(
        *("run", "--out", "run", "--tasks", f"{__name__}:two_tasks", "--offline"),
        *("--simulator", f"{place}:asking?port={server.port}", "--policy", f"{place}:looking"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "broken 1" in done.stderr
    assert server.connections == 0


def test_a_loop_that_connects_unseen_is_refused_as_a_whole(server: Server) -> None:
    uvloop = pytest.importorskip("uvloop", reason="the extra 'server' is not installed")

    async def step() -> int:
        env = ToolEnv([TASK], offline(asks(server, directly)))
        env.reset(seed=1)
        return int((await env.astep(LOOK))[4]["status"])

    assert uvloop.run(step()) == Status.SIMULATOR_FAILED
    assert server.connections == 0
