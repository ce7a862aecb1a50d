"""Recording the answers to a list of calls: those of earlier runs, or of a file.

Each distinct call is made once, in a session of its own, unless the store holds an answer to it.
A call that may change something at the server is made only if that is allowed, and one that nothing
documents counts as such. What followed a change in its episode is left out: asked alone, it would
be answered for another state.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from toolenv import bridge
from toolenv.actions import Resolver, read_arguments
from toolenv.apis import API, Identity
from toolenv.episodes import ROOT, Branch, Call, Episode, FunctionCall
from toolenv.errors import FormatError, SimulatorError
from toolenv.jsontext import JsonValue, parse, render
from toolenv.names import (
    standard_api,
    standard_category,
    standard_tool,
    toolbench_function_name,
)
from toolenv.running.folder import RunFolder
from toolenv.simulators import NOT_ANSWERS, Simulator, coalesce, record
from toolenv.simulators.base import PathChanges
from toolenv.snapshots import Store, exact_key
from toolenv.tasks import Task

__all__ = ["RecordedCalls", "WantedCall", "apis_of", "read_calls", "record_calls"]


class WantedCall(NamedTuple):
    """A call whose answer is wanted.

    Args:
        identity: The API.
        arguments: The arguments' text.
        api: Its documentation; None where it is unknown.
        after_changes: Whether something was changed at the same tool before it.
    """

    identity: Identity
    arguments: str
    api: API | None = None
    after_changes: bool = False


@dataclass
class RecordedCalls:
    """What became of a list of calls.

    Args:
        calls: Distinct calls.
        held: Those that the store held an answer to before.
        recorded: Answers that were recorded.
        unanswered: Calls that no simulator answered.
        failed: Calls that came back without an answer of the API, by status.
        left_out: Calls that were not made, by reason: ``may change``, ``undocumented``,
            ``after changes``.
        errors: What the simulator said of its failures, each once.
    """

    calls: int = 0
    held: int = 0
    recorded: int = 0
    unanswered: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)

    @property
    def complete(self) -> bool:
        """Whether every call that was made has an answer."""
        return not self.unanswered and not self.failed

    def as_json(self) -> dict[str, JsonValue]:
        """The counts, for machines."""
        return {
            "calls": self.calls,
            "held": self.held,
            "recorded": self.recorded,
            "unanswered": self.unanswered,
            "failed": dict(sorted(self.failed.items())),
            "left_out": dict(sorted(self.left_out.items())),
            "errors": dict(sorted(self.errors.items())),
        }


def read_calls(path: Path, apis: Sequence[API] = ()) -> Iterator[WantedCall]:
    """The calls of a run folder, or of a file of JSON Lines.

    A line is an object with ``function``, or ``tool`` and ``api``, and ``arguments``, a JSON object
    or its text; ``category``, ``tool`` and ``api`` say which API is meant where several share a
    function name.

    Args:
        path: The folder or the file.
        apis: Documents of the APIs that a file names.

    Raises:
        JournalError: The folder holds no run, or a damaged one.
        FormatError: The file cannot be read, or a line holds no call; it is named.
    """
    if path.is_dir():
        for episode in RunFolder.open(path).episodes():
            yield from _calls_of(episode)
        return
    number = 0
    known = _by_function(apis)
    try:
        with path.open("rb") as file:
            for line in file:
                number += 1
                if line.strip():
                    yield _read_line(line, known)
    except OSError as error:
        raise FormatError(
            f"Cannot be read: {error.strerror}.",
            where=str(path),
            fix="Name a run folder or a file of JSON Lines.",
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FormatError(
            f"This line holds no call: {error}.",
            where=f"{path}:{number}",
            fix='Write {"function": …, "arguments": {…}}.',
        ) from error


def apis_of(simulator: Simulator) -> list[API]:
    """The documents that a simulator has of its own, as local ones do, and those of its rungs."""
    found = list(getattr(simulator, "apis", ()))
    inner = [getattr(simulator, "simulator", None), *getattr(simulator, "simulators", ())]
    for one in inner:
        if isinstance(one, Simulator):
            found.extend(apis_of(one))
    return found


def record_calls(
    calls: Iterable[WantedCall],
    simulator: Simulator,
    store: Store,
    *,
    recording: str = "calls",
    failures: bool = False,
    allow_changes: bool = False,
    concurrency: int = 16,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> RecordedCalls:
    """Make the calls that a store holds no answer to, and record what is answered.

    Interrupted, it keeps what was answered, and goes on from there when it is called again.

    Args:
        calls: The calls; equal ones count once.
        simulator: What answers; whoever opened it closes it.
        store: Where answers go.
        recording: Name of the recording.
        failures: Whether to record also what is no answer of the API, as what it was.
        allow_changes: Whether to make calls that may change something.
        concurrency: Calls in flight.
        report: Told how many calls are done, and of how many.

    Raises:
        StoreError: The store cannot be read or written.
    """
    tally = RecordedCalls()
    todo = list(_to_be_made(calls, store, tally, failures=failures, allow_changes=allow_changes))
    recorder = coalesce(record(simulator, store, recording=recording, failures=failures), store)
    report(0, len(todo))
    bridge.run_on_loop(lambda: _make_all(todo, recorder, tally, failures, concurrency, report))
    return tally


def _to_be_made(
    calls: Iterable[WantedCall],
    store: Store,
    tally: RecordedCalls,
    *,
    failures: bool,
    allow_changes: bool,
) -> Iterator[WantedCall]:
    distinct: dict[tuple[Identity, bytes], WantedCall] = {}
    for call in calls:
        place = (call.identity, _key(call))
        known = distinct.get(place)
        if known is None or (known.after_changes and not call.after_changes):
            distinct[place] = call
    tally.calls = len(distinct)
    for (identity, key), call in distinct.items():
        if call.after_changes:
            tally.left_out["after changes"] += 1
        elif not allow_changes and call.api is None:
            tally.left_out["undocumented"] += 1
        elif not allow_changes and call.api is not None and call.api.mutates:
            tally.left_out["may change"] += 1
        elif any(
            failures or found.status not in NOT_ANSWERS for found in store.lookup(identity, key)
        ):
            tally.held += 1
        else:
            yield call


async def _make_all(
    todo: Sequence[WantedCall],
    simulator: Simulator,
    tally: RecordedCalls,
    failures: bool,
    concurrency: int,
    report: Callable[[int, int], None],
) -> None:
    """Keep so many calls in flight."""
    waiting = iter(todo)
    done = 0

    async def work() -> None:
        nonlocal done
        for wanted in waiting:
            await _make(wanted, simulator, tally, failures)
            done += 1
            report(done, len(todo))
            await asyncio.sleep(0)  # lets Ctrl-C and other calls in where nothing waits

    async with asyncio.TaskGroup() as group:
        for _ in range(min(concurrency, len(todo))):
            group.create_task(work())


async def _make(
    wanted: WantedCall, simulator: Simulator, tally: RecordedCalls, failures: bool
) -> None:
    task = Task(id="", instruction="", apis=(wanted.api,) if wanted.api is not None else ())
    try:
        session = simulator.open(task, 0)
        response = await session.call(_resolved(wanted, task), Branch(task, (), ROOT))
    except SimulatorError as error:
        tally.failed["SIMULATOR_FAILED"] += 1
        tally.errors[str(error)] += 1
        return
    if response is None:
        tally.unanswered += 1
        return
    if response.status in NOT_ANSWERS:
        tally.failed[response.status.name] += 1
    if response.status not in NOT_ANSWERS or failures:
        tally.recorded += 1


def _resolved(wanted: WantedCall, task: Task) -> Call:
    if wanted.api is not None:
        (name,) = task.named_apis
        return Resolver(task.named_apis).resolve(FunctionCall(name, wanted.arguments))
    arguments, invalid = read_arguments(wanted.arguments)
    return Call(wanted.identity.function, arguments, wanted.identity, wanted.arguments, invalid)


def _key(call: WantedCall) -> bytes:
    return exact_key(call.identity.function, read_arguments(call.arguments)[0], call.arguments)


def _calls_of(episode: Episode) -> Iterator[WantedCall]:
    changes = PathChanges(episode.task)
    apis = episode.task.named_apis
    for step in episode.steps:
        past = Branch(episode.task, episode.steps, step.parent)
        for call, response in zip(step.calls, step.responses, strict=True):
            if call.api is None:
                continue
            after = bool(changes.before(past).of(call.api))
            yield WantedCall(call.api, call.text, apis.get(call.function), after)
            changes.note(call, response)


def _by_function(apis: Iterable[API]) -> Mapping[str, list[API]]:
    known: dict[str, list[API]] = {}
    for api in apis:
        known.setdefault(api.identity.function, []).append(api)
    return known


def _read_line(line: bytes, known: Mapping[str, list[API]]) -> WantedCall:
    fields: Any = parse(line)
    category, tool, api = (fields.get(name) or "" for name in ("category", "tool", "api"))
    function = fields.get("function") or (toolbench_function_name(tool, api) if api else "")
    if not all(isinstance(part, str) for part in (function, category, tool, api)) or not function:
        raise ValueError("function, category, tool and api are text, and function is needed")
    arguments = fields.get("arguments", {})
    text = arguments if isinstance(arguments, str) else render(arguments)
    identity = Identity(
        function,
        standard_category(category) if category else "",
        standard_tool(tool) if tool else "",
        standard_api(api) if api else "",
    )
    joined = [one for one in known.get(function, ()) if one.identity.joins(identity)]
    if len({one.identity for one in joined}) != 1:
        return WantedCall(identity, text)
    # Documents that disagree on whether it changes something: assume that it does.
    return WantedCall(joined[0].identity, text, max(joined, key=lambda one: one.mutates))
