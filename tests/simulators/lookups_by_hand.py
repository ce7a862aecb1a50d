"""A process that asks a slow server through a shared store, and says what it got."""

from __future__ import annotations

import os
import sys
import time
from contextlib import closing
from pathlib import Path

from tests.simulators.worlds import READ, ask, body, opened
from toolenv.episodes import Branch, Call, Response
from toolenv.simulators import Session, Simulator, SimulatorBase, coalesce, first_of, record
from toolenv.snapshots import Store
from toolenv.tasks import Task


class SlowServer(SimulatorBase):
    """Notes each call that reaches it in a file, and takes its time."""

    fingerprint = "slow server"

    def __init__(self, place: Path, seconds: float) -> None:
        self.place = place
        self.seconds = seconds

    def open(self, task: Task, seed: int) -> Session:
        return _SlowSession(self)


class _SlowSession:
    def __init__(self, owner: SlowServer) -> None:
        self._owner = owner

    async def call(self, call: Call, past: Branch) -> Response | None:
        assert call.arguments is not None
        number = call.arguments["number"]
        with (self._owner.place / "made.txt").open("a") as file:
            file.write(f"{number} {os.getpid()}\n")
        if self._owner.seconds:
            print(f"calling {number}" if self._owner.seconds > 60 else "", end="\n", flush=True)
            time.sleep(self._owner.seconds)
        return Response.of(f"answer-{number}", source="live", origin="live")

    def fork(self) -> Session:
        return self


def shared(place: Path, seconds: float, *, ladder: bool) -> Simulator:
    """The server behind the store: equal calls in flight once, or each call once for all."""
    server = SlowServer(place, seconds)
    store = Store(place / "store")
    recording = record(server, store)
    if not ladder:
        return coalesce(recording, store)
    return first_of(store, coalesce(first_of(store, recording), store))


if __name__ == "__main__":
    folder, calls, pause, form = (
        Path(sys.argv[1]),
        int(sys.argv[2]),
        float(sys.argv[3]),
        sys.argv[4],
    )
    with closing(shared(folder, pause, ladder=form == "ladder")) as simulator:
        session = opened(simulator)
        print("ready", flush=True)
        sys.stdin.readline()
        for asked in range(calls):
            print(body(ask(session, READ, {"number": asked})), flush=True)
