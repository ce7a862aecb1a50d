"""How a server ends: as it is asked to, and what is in flight finishes first."""

from __future__ import annotations

import signal
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.server.elsewhere import elsewhere
from tests.server.servers import PATIENCE, SHOP, Reply, read_reply, request, serving, shop_call


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_lets_requests_in_flight_finish(tmp_path: Path, number: signal.Signals) -> None:
    with (
        elsewhere() as hanging,
        serving(tmp_path, *SHOP, ELSEWHERE=str(hanging.port)) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection,
        socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as idle,
    ):
        connection.sendall(request(shop_call("delivery", item="tea")))
        hanging.wait_for(1)
        server.process.send_signal(number)
        assert idle.recv(1) == b""  # it has heard: who waits for nothing is let go
        hanging.answer("just in time")
        reply = read_reply(connection)
        assert (reply.json["response"], reply.headers["connection"]) == ("just in time", "close")
        assert server.process.wait(PATIENCE) == 0
        assert [line["event"] for line in server.logged()] == ["ready", "request", "stopped"]


def test_what_does_not_finish_in_the_time_stated_is_refused(tmp_path: Path) -> None:
    options = (*SHOP, "--stop-seconds", "1")
    with (
        elsewhere() as hanging,
        serving(tmp_path, *options, ELSEWHERE=str(hanging.port)) as server,
        ExitStack() as stack,
    ):
        hung = []
        for _ in range(3):
            connection = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)
            hung.append(stack.enter_context(connection))
            connection.sendall(request(shop_call("delivery", item="tea")))
        hanging.wait_for(3)
        server.process.send_signal(signal.SIGTERM)
        replies: list[Reply] = [read_reply(connection) for connection in hung]
        assert [(reply.http, reply.json["error"]) for reply in replies] == [
            (503, "The server stops.")
        ] * 3
        assert server.process.wait(PATIENCE) == 0


def test_a_simulator_that_holds_up_its_thread_does_not_hold_up_the_end(tmp_path: Path) -> None:
    options = (*SHOP, "--stop-seconds", "1")
    with (
        elsewhere() as hanging,
        serving(tmp_path, *options, ELSEWHERE=str(hanging.port)) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection,
    ):
        connection.sendall(request(shop_call("blocking", item="tea")))
        hanging.wait_for(1)
        assert server.stop() == 0


def test_two_stops_end_it_at_once(tmp_path: Path) -> None:
    with (
        elsewhere() as hanging,
        serving(tmp_path, *SHOP, "--stop-seconds", "600", ELSEWHERE=str(hanging.port)) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection,
        socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as idle,
    ):
        connection.sendall(request(shop_call("delivery", item="tea")))
        hanging.wait_for(1)
        server.process.send_signal(signal.SIGINT)
        assert idle.recv(1) == b""
        assert server.stop(signal.SIGINT) == 0
