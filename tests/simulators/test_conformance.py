"""Every simulator of ours keeps the contract."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from tests.simulators.worlds import ADD, CLEAR, READ, SHOW, TASK, opened, world
from toolenv import bridge
from toolenv.actions import Resolver
from toolenv.apis import Identity
from toolenv.episodes import ROOT, Branch, Call, FunctionCall
from toolenv.jsontext import render
from toolenv.mini import mini_simulator, mini_snapshot, mini_tasks
from toolenv.simulators import RecordedSimulator, Simulator, first_of, open_simulator, record
from toolenv.snapshots import Snapshot, Store, freeze
from toolenv.tasks import Task
from toolenv.testing import SimulatorSuite

Written = tuple[str, dict[str, object]]

READS: list[Written] = [(SHOW, {}), (READ, {}), (SHOW, {})]
CHANGES: list[Written] = [(ADD, {"item": "tea"}), (SHOW, {}), (ADD, {"item": "milk"}), (CLEAR, {})]


@pytest.fixture(scope="session")
def recorded_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store and snapshots of what the small world answered."""
    folder = tmp_path_factory.mktemp("recorded")
    with closing(record(world(), Store(folder / "all.store"))) as simulator:
        session = opened(simulator)
        for name, arguments in [*READS, *CHANGES, *READS]:
            call = Resolver(TASK.named_apis).resolve(FunctionCall(name, render(arguments)))
            assert bridge.run(session.call(call, Branch(TASK, [], ROOT))) is not None
    with Store(folder / "all.store") as store:
        freeze(store.records(), folder / "all.snap")
        reads = [one for one in store.records() if one.identity.function == READ]
    freeze(reads, folder / "reads.snap")
    return folder


class ShopSuite(SimulatorSuite):
    """The suite on the small world, or on what was recorded of it."""

    folder: Path

    @pytest.fixture(autouse=True)
    def place(self, recorded_folder: Path) -> None:
        self.folder = recorded_folder

    def make_task(self) -> Task:
        return TASK

    def answered_calls(self) -> Sequence[Written]:
        return READS

    def changing_calls(self) -> Sequence[Written]:
        return CHANGES


class TestLocal(ShopSuite):
    def make_simulator(self) -> Simulator:
        return world()


class TestSnapshot(ShopSuite):
    def make_simulator(self) -> Simulator:
        return RecordedSimulator(Snapshot(self.folder / "all.snap"))


class TestSnapshotFirst(ShopSuite):
    def make_simulator(self) -> Simulator:
        return RecordedSimulator(Snapshot(self.folder / "all.snap"), order="first")


class TestStore(ShopSuite):
    def make_simulator(self) -> Simulator:
        return RecordedSimulator(Store(self.folder / "all.store"))


class TestLadder(ShopSuite):
    def make_simulator(self) -> Simulator:
        return first_of(Snapshot(self.folder / "reads.snap"), world())


class TestRecording(ShopSuite):
    def make_simulator(self) -> Simulator:
        return record(world(), Store(self.folder / "written.store"))


class TestSpecification(ShopSuite):
    def make_simulator(self) -> Simulator:
        local = f"local:{world.__module__}:world"
        return open_simulator([f"snapshot:{self.folder / 'reads.snap'}", local])


class MiniSuite(SimulatorSuite):
    """The suite on the embedded world; its task changes a shopping list."""

    def make_task(self) -> Task:
        return next(task for task in mini_tasks() if task.id == "I1-cat-5")

    def answered_calls(self) -> Sequence[Written]:
        return [("show_list_for_basketlist", {})]

    def changing_calls(self) -> Sequence[Written]:
        return [("add_item_for_basketlist", {"item": "lemons", "quantity": 4})]


class TestMini(MiniSuite):
    def make_simulator(self) -> Simulator:
        return mini_simulator()

    def unanswered_call(self) -> Call:
        return Call("search", {}, Identity("search", "Elsewhere", "other", "search"), "{}")


class TestMiniSnapshot(MiniSuite):
    def make_simulator(self) -> Simulator:
        return mini_snapshot()

    def make_task(self) -> Task:
        return next(task for task in mini_tasks() if task.id == "I1-cat-5")

    def answered_calls(self) -> Sequence[Written]:
        return [("add_item_for_basketlist", {"item": "lemons", "quantity": 4})]

    def changing_calls(self) -> Sequence[Written]:
        return ()  # the policies that were recorded made this one call in this task
