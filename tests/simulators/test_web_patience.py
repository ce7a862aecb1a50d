"""Trying again, rates, budgets, and many calls at once."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate

import pytest

from tests.simulators.hostile_servers import (
    LIMITS,
    PATIENT,
    HostileServer,
    ask,
    reply,
    says,
    then_closes,
)
from toolenv import bridge
from toolenv.episodes import Response, Status
from toolenv.simulators import NOT_ANSWERS
from toolenv.simulators.pacing import Pace
from toolenv.simulators.web import (
    WebClient,
    WebRequest,
    respond,
)


@pytest.fixture(scope="module")
def server() -> Iterator[HostileServer]:
    with HostileServer() as running:
        yield running


class TestPatience:
    def test_a_429_is_tried_again_when_the_server_says(self, server: HostileServer) -> None:
        began = time.monotonic()
        wait = says(reply({}, 429, retry_after="1"), reply({"ok": 1}))
        assert ask(server, "/429", wait, method="POST", limits=PATIENT).body == {"ok": 1}
        assert time.monotonic() - began >= 1
        assert len(server.seen("/429")) == 2

    def test_retry_after_may_be_a_date(self, server: HostileServer) -> None:
        date = formatdate(time.time() + 2, usegmt=True)
        began = time.monotonic()
        assert ask(
            server,
            "/date",
            says(reply({}, 429, retry_after=date), reply({"ok": 1})),
            limits=PATIENT,
        ).body == {"ok": 1}
        assert time.monotonic() - began >= 0.9

    def test_what_asks_for_more_patience_than_there_is_gets_none(
        self, server: HostileServer
    ) -> None:
        for path, header in {
            "/later": {"retry_after": "3600"},
            "/much-later": {"retry_after": "9" * 20},
            "/month": {
                "x_ratelimit_requests_remaining": "0",
                "x_ratelimit_requests_reset": "86400",
            },
        }.items():
            response = ask(server, path, says(reply({}, 429, **header)), limits=PATIENT)
            assert response.status in (Status.TOO_MANY_REQUESTS, Status.RATE_LIMITED)
            assert len(server.seen(path)) == 1

    def test_nonsense_for_a_date_is_as_none(self, server: HostileServer) -> None:
        for index, value in enumerate(("soon", "-5", "1e3", "", "Mon, 99 Foo 2020", "٣")):
            sent = reply({}, 429).replace(b"\r\n", f"\r\nretry-after: {value}\r\n".encode(), 1)
            path = f"/nonsense/{index}"
            assert ask(server, path, says(sent, reply({"ok": 1})), limits=PATIENT).body == {"ok": 1}

    def test_a_failing_server_is_tried_again_where_that_is_safe(
        self, server: HostileServer
    ) -> None:
        down = reply({}, 503)
        get = ask(server, "/get", says(down, down, down, reply({"ok": 1})), limits=PATIENT)
        assert get.body == {"ok": 1}
        post = ask(server, "/post", says(down, reply({})), method="POST", limits=PATIENT)
        assert post.status is Status.SEND_ERROR
        assert len(server.seen("/post")) == 1

    def test_it_gives_up_after_so_many_attempts(self, server: HostileServer) -> None:
        limits = PATIENT._replace(attempts=3)
        response = ask(server, "/down", says(reply({"why": "maintenance"}, 503)), limits=limits)
        assert (response.status, response.body) == (Status.SEND_ERROR, {"why": "maintenance"})
        assert len(server.seen("/down")) == 3

    def test_a_broken_connection_is_tried_again_where_that_is_safe(
        self, server: HostileServer
    ) -> None:
        limits = PATIENT._replace(attempts=2)
        ask(server, "/broken", then_closes(b""), limits=limits)
        ask(server, "/broken-post", then_closes(b""), method="POST", limits=limits)
        assert len(server.seen("/broken")) == 2
        assert len(server.seen("/broken-post")) == 1

    def test_a_time_out_is_not_tried_again(self, server: HostileServer) -> None:
        limits = LIMITS._replace(attempts=3, total=0.3)
        count = len(server.seen("/hang"))
        assert ask(server, "/hang", limits=limits).status is Status.TIMEOUT
        assert len(server.seen("/hang")) == count + 1

    def test_a_connection_that_idled_away_is_replaced(self, server: HostileServer) -> None:
        async def once(_: object, writer: asyncio.StreamWriter) -> bool:
            writer.write(reply({"ok": 1}))  # closes without having said so
            await writer.drain()
            return False

        server.behaviours["/once"] = once
        client = WebClient([server.address], allow_private=["127.0.0.1"], limits=PATIENT)
        for _ in range(4):
            response = bridge.run(respond(client, WebRequest("GET", server.url("/once"))))
            assert response.body == {"ok": 1}
        client.close()

    def test_the_rate_counts_for_each_host_and_every_thread(self, server: HostileServer) -> None:
        limits = PATIENT._replace(per_second=50)
        client = WebClient([server.address], allow_private=["127.0.0.1"], limits=limits)
        began = time.monotonic()
        request = WebRequest("GET", server.url("/echo"))

        def calls() -> None:
            for _ in range(3):
                bridge.run(respond(client, request))

        threads = [threading.Thread(target=calls) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert time.monotonic() - began >= 8 / 50 - 0.01
        client.close()

    def test_a_pace_is_shared_by_clients(self, server: HostileServer) -> None:
        pace = Pace(50)
        clients = [
            WebClient([server.address], allow_private=["127.0.0.1"], limits=LIMITS, paces=[pace])
            for _ in range(2)
        ]
        began = time.monotonic()
        for client in clients * 3:
            bridge.run(respond(client, WebRequest("GET", server.url("/echo"))))
        assert time.monotonic() - began >= 5 / 50 - 0.01
        for client in clients:
            client.close()


class TestBudget:
    def test_a_spent_budget_is_nobodys_answer(self, server: HostileServer) -> None:
        limits = PATIENT._replace(calls=2)
        client = WebClient([server.address], allow_private=["127.0.0.1"], limits=limits)
        request = WebRequest("GET", server.url("/echo"))
        count = len(server.received)
        found = [bridge.run(respond(client, request)) for _ in range(3)]
        assert [one.status for one in found] == [Status.OK, Status.OK, Status.SIMULATOR_FAILED]
        assert "budget of 2 calls" in found[2].error
        assert found[2].status in NOT_ANSWERS
        assert len(server.received) == count + 2
        assert client.budget.used == 2
        client.close()

    def test_retries_are_counted_and_end_with_it(self, server: HostileServer) -> None:
        limits = PATIENT._replace(calls=2)
        response = ask(server, "/costly", says(reply({"n": 1}, 503)), limits=limits)
        assert (response.status, response.body) == (Status.SEND_ERROR, {"n": 1})
        assert len(server.seen("/costly")) == 2


class TestTogether:
    def test_synchronous_and_asynchronous_callers_share_one_client(
        self, server: HostileServer
    ) -> None:
        server.behaviours["/shared"] = says(reply({"ok": 1}))
        client = WebClient([server.address], allow_private=["127.0.0.1"], limits=PATIENT)
        request = WebRequest("GET", server.url("/shared"))

        async def many() -> list[Response]:
            return await asyncio.gather(*(respond(client, request) for _ in range(100)))

        found = [*asyncio.run(many()), bridge.run(respond(client, request)), *asyncio.run(many())]
        assert {one.text for one in found} == {'{"error":"","response":{"ok":1}}'}
        client.close()
        client.close()

    def test_what_hangs_delays_no_other_host(self, server: HostileServer) -> None:
        with HostileServer() as hanging:
            hosts = [server.address, hanging.address]
            limits = LIMITS._replace(total=30, in_flight=16)
            client = WebClient(hosts, allow_private=["127.0.0.1"], limits=limits)

            async def main() -> tuple[list[Response], int]:
                never = WebRequest("GET", hanging.url("/hang"))
                waiting = [asyncio.create_task(respond(client, never)) for _ in range(40)]
                while len(hanging.received) < 16:
                    await asyncio.sleep(0.01)
                fast = WebRequest("GET", server.url("/echo"))
                found = [await respond(client, fast) for _ in range(20)]
                for task in waiting:
                    task.cancel()
                await asyncio.gather(*waiting, return_exceptions=True)
                client.close()
                return found, len(hanging.received)

            found, in_flight = asyncio.run(main())
            assert {one.status for one in found} == {Status.OK}
            assert in_flight == 16  # no more than may be in flight

    def test_cancelled_calls_leave_room_for_others(self, server: HostileServer) -> None:
        limits = LIMITS._replace(total=30, in_flight=2)
        client = WebClient([server.address], allow_private=["127.0.0.1"], limits=limits)

        async def main() -> list[Response]:
            for _ in range(3):
                never = WebRequest("GET", server.url("/hang"))
                tasks = [asyncio.create_task(respond(client, never)) for _ in range(4)]
                await asyncio.sleep(0.02)
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            fast = WebRequest("GET", server.url("/echo"))
            return await asyncio.gather(*(respond(client, fast) for _ in range(6)))

        assert {one.status for one in asyncio.run(main())} == {Status.OK}
        client.close()
