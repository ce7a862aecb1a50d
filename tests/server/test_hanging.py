"""Servers elsewhere that hang: what is recorded is answered all the same."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.server.elsewhere import elsewhere
from tests.server.servers import (
    PATIENCE,
    SHOP,
    WHOLE,
    Reply,
    Running,
    call,
    read_reply,
    request,
    serving,
    shop_call,
)


def hang(
    server: Running, stack: ExitStack, api: str = "delivery", item: str = "tea"
) -> socket.socket:
    """Make a call that is not answered yet."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)
    stack.enter_context(connection)
    connection.sendall(request(shop_call(api, item=item)))
    return connection


def test_hits_are_answered_while_200_calls_hang(snapshot: Path, tmp_path: Path) -> None:
    options = ("--simulator", f"snapshot:{snapshot}", *SHOP)
    with (
        elsewhere() as hanging,
        serving(tmp_path, *options, ELSEWHERE=str(hanging.port)) as server,
        ExitStack() as stack,
    ):
        hung = [hang(server, stack) for _ in range(200)]
        hanging.wait_for(200)
        assert "toolenv_live_calls_in_flight 200\n" in server.get("/metrics").body.decode()
        with ThreadPoolExecutor(16) as pool:
            replies = list(pool.map(lambda _: server.ask(call()), range(200)))
        assert {reply.body.decode() for reply in replies} == {WHOLE}
        assert server.ask(call(tool_input={"query": "gone"})).json["error"] == "Not found"
        hanging.answer("at last")
        assert {read_reply(one).json["response"] for one in hung} == {"at last"}


def test_hits_are_answered_while_a_simulator_holds_up_its_thread(
    snapshot: Path, tmp_path: Path
) -> None:
    options = ("--simulator", f"snapshot:{snapshot}", *SHOP)
    with (
        elsewhere() as hanging,
        serving(tmp_path, *options, ELSEWHERE=str(hanging.port)) as server,
        ExitStack() as stack,
    ):
        hung = hang(server, stack, "blocking")
        hanging.wait_for(1)
        assert server.ask(call()).body.decode() == WHOLE
        hanging.answer("done")
        assert read_reply(hung).json["response"] == "done"


def test_calls_beyond_the_limit_wait_for_their_turn(tmp_path: Path) -> None:
    with (
        elsewhere() as hanging,
        serving(tmp_path, *SHOP, "--live-calls", "2", ELSEWHERE=str(hanging.port)) as server,
        ExitStack() as stack,
    ):
        hung = [hang(server, stack) for _ in range(3)]
        hanging.wait_for(2)
        while b"toolenv_live_calls_waiting 1\n" not in server.get("/metrics").body:
            pass
        hanging.answer("one of the first")
        hanging.wait_for(1)
        hanging.answer("the last")
        answers = sorted(read_reply(one).json["response"] for one in hung)
        assert answers == ["one of the first", "one of the first", "the last"]


def test_a_call_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    options = (*SHOP, "--answer-seconds", "0.2", "--live-calls", "1")
    with (
        elsewhere() as hanging,
        serving(tmp_path, *options, ELSEWHERE=str(hanging.port)) as server,
    ):
        late = server.ask(shop_call("delivery", item="tea"))
        assert (late.http, late.json["response"]) == (504, "")
        assert "0.2 seconds" in late.json["error"]
        hanging.left()
        assert server.ask(shop_call("price", item="tea")).json["response"] == 3.0


def test_a_call_whose_client_has_left_is_given_up(tmp_path: Path) -> None:
    with (
        elsewhere() as hanging,
        serving(tmp_path, *SHOP, "--live-calls", "1", ELSEWHERE=str(hanging.port)) as server,
    ):
        with ExitStack() as stack:
            hang(server, stack)
            hanging.wait_for(1)
        hanging.left()
        assert server.ask(shop_call("price", item="tea")).json["response"] == 3.0


@pytest.mark.parametrize("named", [False, True])
def test_calls_of_one_episode_have_an_order_and_others_do_not_wait(
    tmp_path: Path, named: bool
) -> None:
    with (
        elsewhere() as hanging,
        serving(tmp_path, *SHOP, ELSEWHERE=str(hanging.port)) as server,
        ExitStack() as stack,
    ):
        name = {"X-Toolenv-Episode": "slow"} if named else {}
        connection = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)
        stack.enter_context(connection)
        connection.sendall(request(shop_call("delivery", item="tea"), headers=name))
        hanging.wait_for(1)
        other: Reply = server.ask(
            shop_call("price", item="tea"), headers={"X-Toolenv-Episode": "quick"}
        )
        assert other.json["response"] == 3.0
        with ThreadPoolExecutor(1) as pool:
            after = pool.submit(server.ask, shop_call("price", item="tea"), headers=name)
            if not named:
                assert after.result(PATIENCE).json["response"] == 3.0
            hanging.answer("here")
            assert after.result(PATIENCE).json["response"] == 3.0
        assert read_reply(connection).json["response"] == "here"
