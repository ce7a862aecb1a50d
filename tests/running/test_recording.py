from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.simulators.worlds import ADD, LIMITED, READ, SHOW, TASK, world
from toolenv import Task, ToolEnv, bridge
from toolenv.apis import Identity
from toolenv.episodes import Branch, Call, Response, Status
from toolenv.errors import FormatError, JournalError, SimulatorError
from toolenv.jsontext import JsonValue, render
from toolenv.running.folder import RunFolder
from toolenv.running.recording import WantedCall, apis_of, read_calls, record_calls
from toolenv.simulators import Session, Simulator, SimulatorBase, first_of
from toolenv.snapshots import Store

IDENTITIES = {name: api.identity for name, api in TASK.named_apis.items()}
APIS = TASK.named_apis


class Answering(SimulatorBase):
    """Answers in turn, and notes what was asked and how many at once."""

    fingerprint = "answering"

    def __init__(self, *answers: Response | SimulatorError | None, pause: float = 0.0) -> None:
        self.answers = answers
        self.asked: list[tuple[str, str]] = []
        self.pause = pause
        self.now = self.most = 0

    def open(self, task: Task, seed: int) -> Session:
        return _AnsweringSession(self)


class _AnsweringSession:
    def __init__(self, owner: Answering) -> None:
        self._owner = owner

    async def call(self, call: Call, past: Branch) -> Response | None:
        owner = self._owner
        answer = owner.answers[len(owner.asked) % len(owner.answers)]
        owner.asked.append((call.function, call.text))
        owner.now += 1
        owner.most = max(owner.most, owner.now)
        await bridge.wait(lambda: asyncio.sleep(owner.pause))
        owner.now -= 1
        if isinstance(answer, SimulatorError):
            raise answer
        return answer

    def fork(self) -> Session:
        return self


ANSWER = Response('{"error":"","response":"yes"}', Status.OK, "live", "live")


def run_of(place: Path, steps: Sequence[tuple[str, dict[str, JsonValue]]]) -> Path:
    """A run with one episode of these steps."""
    env = ToolEnv([TASK], world())
    env.reset(seed=0, options={"task": TASK.id})
    for name, arguments in steps:
        env.step({"name": name, "arguments": arguments})
    with RunFolder.create(place, [TASK]) as folder:
        folder.journal.write(env.episode())
        folder.write_results()
    return place


def wanted(function: str, arguments: str = "{}") -> WantedCall:
    return WantedCall(IDENTITIES[function], arguments, APIS[function])


def lines(path: Path, *calls: JsonValue) -> Path:
    path.write_text("".join(f"{render(call)}\n" for call in calls))
    return path


def record_all(
    simulator: Simulator, place: Path, *calls: WantedCall, **options: Any
) -> dict[str, JsonValue]:
    with Store(place) as store:
        return record_calls(calls, simulator, store, **options).as_json()


def test_what_the_store_holds_is_not_asked_again(tmp_path: Path) -> None:
    simulator = Answering(ANSWER)
    calls = [wanted(READ), wanted(SHOW), wanted(SHOW, '{"a":1}'), wanted(READ, " { } ")]
    first = record_all(simulator, tmp_path, *calls)
    assert (first["calls"], first["recorded"], first["held"]) == (3, 3, 0)
    again = record_all(simulator, tmp_path, *calls, wanted(READ, '{"b":2}'))
    assert (again["calls"], again["recorded"], again["held"]) == (4, 1, 3)
    assert len(simulator.asked) == 4
    with Store(tmp_path) as store:
        assert {one.response.recording for one in store.records()} == {"calls"}
        assert all(one.canonical for one in store.records()), "recorded with documentation"


def test_calls_that_may_change_something_are_made_only_if_allowed(tmp_path: Path) -> None:
    simulator = Answering(ANSWER)
    calls = [wanted(READ), wanted(ADD, '{"item":"tea"}'), WantedCall(Identity("unheard_of"), "{}")]
    tally = record_all(simulator, tmp_path, *calls)
    assert tally["left_out"] == {"may change": 1, "undocumented": 1}
    assert simulator.asked == [(READ, "{}")]
    tally = record_all(simulator, tmp_path, *calls, allow_changes=True)
    assert (tally["held"], tally["recorded"], tally["left_out"]) == (1, 2, {})


def test_failures_are_counted_and_asked_again(tmp_path: Path) -> None:
    limited = ANSWER._replace(status=Status.TOO_MANY_REQUESTS)
    simulator = Answering(limited, SimulatorError("The server is gone."), None, ANSWER)
    calls = [wanted(READ, render({"n": number})) for number in range(4)]
    tally = record_all(simulator, tmp_path, *calls, concurrency=1)
    assert tally == {
        "calls": 4,
        "held": 0,
        "recorded": 1,
        "unanswered": 1,
        "failed": {"SIMULATOR_FAILED": 1, "TOO_MANY_REQUESTS": 1},
        "left_out": {},
        "errors": {"The server is gone.": 1},
    }
    tally = record_all(Answering(ANSWER), tmp_path, *calls)
    assert (tally["held"], tally["recorded"]) == (1, 3)


def test_failures_are_recorded_on_request_as_what_they_were(tmp_path: Path) -> None:
    tally = record_all(world(), tmp_path, wanted(LIMITED), failures=True)
    assert (tally["recorded"], tally["failed"]) == (1, {"TOO_MANY_REQUESTS": 1})
    with Store(tmp_path) as store:
        (kept,) = store.records()
    assert kept.response.status is Status.TOO_MANY_REQUESTS
    assert record_all(world(), tmp_path, wanted(LIMITED), failures=True)["held"] == 1
    assert record_all(Answering(ANSWER), tmp_path, wanted(LIMITED))["recorded"] == 1


def test_so_many_calls_are_in_flight_and_no_more(tmp_path: Path) -> None:
    simulator = Answering(ANSWER, pause=0.01)
    seen: list[tuple[int, int]] = []
    calls = [wanted(READ, render({"n": number})) for number in range(12)]
    record_all(
        simulator, tmp_path, *calls, concurrency=4, report=lambda *progress: seen.append(progress)
    )
    assert simulator.most == 4
    assert seen == [(done, 12) for done in range(13)]


def test_calls_of_a_run_are_read_each_with_its_document(tmp_path: Path) -> None:
    run = run_of(
        tmp_path / "run",
        [(READ, {}), (SHOW, {}), (ADD, {"item": "tea"}), (SHOW, {}), (READ, {}), ("nothing", {})],
    )
    calls = list(read_calls(run))
    assert [(one.identity, one.after_changes) for one in calls] == [
        (IDENTITIES[READ], False),
        (IDENTITIES[SHOW], False),
        (IDENTITIES[ADD], False),
        (IDENTITIES[SHOW], True),
        (IDENTITIES[READ], False),
    ]
    assert all(one.api == TASK.named_apis[one.identity.function] for one in calls)
    tally = record_all(world(), tmp_path / "store", *calls)
    assert tally["recorded"] == 2, "the cart is shown as it is before anything changed"
    assert tally["left_out"] == {"may change": 1}
    later = [one for one in calls if one.after_changes]
    assert record_all(world(), tmp_path / "other", *later)["left_out"] == {"after changes": 1}


def test_calls_of_a_file_are_read_with_the_documents_at_hand(tmp_path: Path) -> None:
    cart = IDENTITIES[SHOW]
    file = lines(
        tmp_path / "calls.jsonl",
        {"function": SHOW, "arguments": {"a": 1}, "category": "Shop", "tool": "Cart"},
        {"function": SHOW, "arguments": '{ "a": 1 }'},
        {"category": "Shop", "tool": "Cart", "api": "show"},
        {"function": SHOW, "category": "Travel"},
        {"function": "unheard_of"},
    )
    calls = list(read_calls(file, apis_of(first_of(Answering(None), world()))))
    assert [(one.identity, one.arguments, one.api is not None) for one in calls] == [
        (cart, '{"a":1}', True),
        (cart, '{ "a": 1 }', True),
        (cart, "{}", True),
        (Identity(SHOW, "Travel"), "{}", False),
        (Identity("unheard_of"), "{}", False),
    ]


@pytest.mark.parametrize(
    "bad", ["{", "[]", "1", "{}", '{"function":1}', '{"function":"f","tool":7}']
)
def test_a_line_that_holds_no_call_is_named(tmp_path: Path, bad: str) -> None:
    file = tmp_path / "calls.jsonl"
    file.write_text(f'{{"function":"f"}}\n\n{bad}\n')
    with pytest.raises(FormatError, match=r"calls\.jsonl:3: This line holds no call"):
        list(read_calls(file))


def test_what_is_no_list_of_calls_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="Cannot be read"):
        list(read_calls(tmp_path / "absent"))
    with pytest.raises(JournalError):
        list(read_calls(tmp_path))
