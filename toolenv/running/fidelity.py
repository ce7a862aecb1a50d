"""Fidelity: how good a simulated server is, measured where a real one was recorded.

Recorded calls are held out (``toolenv.running.fidelity_split``), a simulator is asked for them with
so many examples as are left to it, and its answers are compared with what the real server said
(``toolenv.running.fidelity_metrics``), beside a baseline that copies the recorded response of the
nearest call. The examples are a frozen snapshot that is made for the evaluation and does not hold
what was held out.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TypeAlias

from toolenv import bridge
from toolenv.actions import Resolver, read_arguments
from toolenv.apis import API
from toolenv.episodes import ROOT, Branch, Call, FunctionCall, Origin, Response, Status
from toolenv.errors import ConfigurationError, SimulatorError
from toolenv.running.fidelity_examples import Make, simulator_maker
from toolenv.running.fidelity_metrics import body_of, compare
from toolenv.running.fidelity_report import (
    Asked,
    Condition,
    FidelityReport,
    HeldOutCalls,
    figures,
)
from toolenv.running.fidelity_schemas import ResponseSchema, Shape, documented_schema
from toolenv.running.fidelity_split import REAL, WAYS, HeldOut, Split, Way, hold_out
from toolenv.seeds import derive
from toolenv.simulators import NOT_ANSWERS, NeighbourSimulator, Simulator
from toolenv.snapshots import Recordings, Snapshot, classify, freeze
from toolenv.tasks import Task

__all__ = ["evaluate_simulation"]


def evaluate_simulation(
    recordings: Recordings,
    simulator: str | Sequence[str] | Make,
    *,
    examples: Sequence[int] = (0, 1, 3, 5),
    apis: Iterable[API] = (),
    ways: Collection[Way] = WAYS,
    api_share: float = 0.2,
    call_share: float = 0.2,
    min_distance: float = 0.3,
    per_api: int = 10,
    limit: int | None = None,
    real: Collection[Origin] = REAL,
    seed: int = 0,
    samples: int = 2_000,
    concurrency: int = 8,
    report: Callable[[int, int | None], None] = lambda done, total: None,
) -> FidelityReport:
    """Hold recorded responses out, simulate them, and compare.

    Args:
        recordings: What real servers said: a snapshot or a store; left open.
        simulator: A specification (several: asked in turn), or what makes the simulator; see
            ``simulator_maker`` for how a specification is given its examples.
        examples: How many examples it is given: one condition each. A specification that takes
            none is asked once.
        apis: The APIs' documents, for simulators that read them and for response schemas.
        ways: How calls are held out: by whole API, by distance of the arguments, or both.
        api_share: See ``toolenv.running.fidelity_split.hold_out``; so the next four.
        call_share: The share of calls held out of each other API.
        min_distance: How far away the nearest example is at least.
        per_api: How many calls of one API are held out at most.
        limit: How many calls are held out of either way at most.
        real: Origins of responses that count as a real server's.
        seed: What the choice and the intervals derive from.
        samples: Draws of the bootstrap.
        concurrency: Calls in flight.
        report: Told how many calls have been asked, and of how many.

    Raises:
        ConfigurationError: Nothing can be held out, or the simulator cannot be made.
    """
    make, takes_examples = simulator_maker(simulator)
    shown = sorted(set(examples))
    if not shown or shown[0] < 0:
        raise ConfigurationError(
            "The numbers of examples are none.", where="examples", fix="Give 0 or more: 0,1,3,5."
        )
    split = hold_out(
        recordings,
        api_share=api_share,
        call_share=call_share,
        min_distance=min_distance,
        per_api=per_api,
        limit=limit,
        seed=seed,
        ways=ways,
        real=real,
    )
    documents = _Documents(apis, split, recordings)
    counts: list[int | None] = [*shown] if takes_examples else [None]
    held_out = split.held_out
    done, total = 0, len(held_out) * len(counts)

    def count() -> None:
        nonlocal done
        done += 1
        report(done, total)

    with TemporaryDirectory(prefix="toolenv-") as folder:
        file = Path(folder) / "examples.snap"
        manifest = freeze(split.examples(recordings), file, notes="examples of an evaluation")
        with closing(
            NeighbourSimulator(Snapshot(file), max_distance=1.0, failures=True)
        ) as baseline:
            prints = [baseline.fingerprint]
            answers: list[list[_Answer]] = [[_copied(baseline, one) for one in held_out]]
            digest = baseline.recordings.fingerprint
        for number in counts:
            with closing(make(file, number or 0)) as asked:
                prints.append(asked.fingerprint)
                answers.append(_ask_all(asked, held_out, documents, seed, concurrency, count))
    present = [way for way in WAYS if any(one.way == way for one in held_out)]
    conditions: list[Condition] = []
    for way in present:
        rows = [row for row, one in enumerate(held_out) if one.way == way]
        compared = [[documents.compare(held_out[row], of[row]) for row in rows] for of in answers]
        measured = figures(compared, 0, seed=derive(way, seed), samples=samples)
        for place, (of, found) in enumerate(zip(answers, measured, strict=True)):
            given = [of[row] for row in rows]
            sources = Counter(one.source for one in given if isinstance(one, Response))
            conditions.append(
                Condition(
                    way=way,
                    who="simulator" if place else "copying",
                    examples=counts[place - 1] if place else None,
                    fingerprint=prints[place],
                    asked=len(given),
                    answered=sources.total(),
                    unanswered=given.count("unanswered"),
                    failed=given.count("failed"),
                    sources=dict(sorted(sources.items())),
                    figures=found,
                )
            )
    return FidelityReport(
        recordings=recordings.fingerprint,
        examples=digest,
        example_responses=manifest.responses,
        near=split.near,
        left_out=dict(split.left_out),
        settings={
            "seed": seed,
            "api_share": api_share,
            "call_share": call_share,
            "min_distance": min_distance,
            "per_api": per_api,
            "limit": limit,
            "samples": samples,
            "ways": list[str](present),
            "real": sorted(real),
        },
        held_out={
            way: documents.describe([one for one in held_out if one.way == way]) for way in present
        },
        conditions=tuple(conditions),
    )


_Answer: TypeAlias = Response | str
"""A response; ``unanswered`` or ``failed`` where there is none."""


def _answer(response: Response | None) -> _Answer:
    if response is None or response.status == Status.MISS:
        return "unanswered"
    return "failed" if response.status in NOT_ANSWERS else response


def _copied(baseline: NeighbourSimulator, held_out: HeldOut) -> _Answer:
    """The recorded response to the nearest example of the API."""
    arguments, _ = read_arguments(held_out.record.arguments)
    assert arguments is not None  # else it were not held out
    found = baseline.nearest(held_out.record.identity, arguments)
    return _answer(found[1] if found else None)


def _ask_all(
    simulator: Simulator,
    held_out: Sequence[HeldOut],
    documents: _Documents,
    seed: int,
    concurrency: int,
    count: Callable[[], None],
) -> list[_Answer]:
    """The answers to all calls, each in a session of its own, in the order of the calls."""

    async def ask(one: HeldOut, free: asyncio.Semaphore) -> _Answer:
        async with free:
            task, call = documents.call(one)
            try:
                session = simulator.open(task, derive("fidelity", seed, one.record.key.hex()))
                return _answer(await session.call(call, Branch(task, (), ROOT)))
            except SimulatorError:
                return "failed"
            finally:
                count()

    async def ask_all() -> list[_Answer]:
        free = asyncio.Semaphore(max(1, concurrency))
        return list(await asyncio.gather(*(ask(one, free) for one in held_out)))

    return bridge.run_on_loop(ask_all)


class _Documents:
    """What is known of the APIs of held-out calls: documents, and schemas of their responses."""

    def __init__(self, apis: Iterable[API], split: Split, recordings: Recordings) -> None:
        self._apis: dict[str, list[API]] = {}
        functions = {one.record.identity.function for one in split.held_out}
        for api in apis:
            if api.identity.function in functions:
                self._apis.setdefault(api.identity.function, []).append(api)
        self._stated: dict[str, ResponseSchema | None] = {}
        for name, known in self._apis.items():
            stated = map(documented_schema, (api.response_schema for api in known))
            self._stated[name] = next((one for one in stated if one is not None), None)
        self._shapes = _shapes(
            recordings, {name for name in functions if self._stated.get(name) is None}, split.real
        )

    def call(self, one: HeldOut) -> tuple[Task, Call]:
        """A held-out call, with a task that offers its API where that is documented."""
        record = one.record
        known = (
            api
            for api in self._apis.get(record.identity.function, ())
            if api.identity.joins(record.identity)
        )
        task = Task(id="fidelity", instruction="", apis=tuple(known)[:1])
        for name in task.named_apis:
            written = FunctionCall(name, record.arguments)
            return task, Resolver(task.named_apis).resolve(written)
        arguments, invalid = read_arguments(record.arguments)
        name = record.identity.function
        return task, Call(name, arguments, record.identity, record.arguments, invalid)

    def compare(self, one: HeldOut, answer: _Answer) -> Asked:
        """How an answer compares with what was recorded."""
        name, true = one.record.identity.function, one.record.response
        scores = (
            compare(
                true,
                answer,
                document=self._stated.get(name),
                shape=self._shapes.get(name),
            )
            if isinstance(answer, Response)
            else None
        )
        return Asked(name, classify(true.status, true.text), scores)

    def describe(self, held_out: Sequence[HeldOut]) -> HeldOutCalls:
        """What was held out."""
        responses = [(one.record.identity.function, one.record.response) for one in held_out]
        kinds = Counter(classify(one.status, one.text) for _, one in responses)
        fits = [
            schema.fits(body_of(one.text))
            for name, one in responses
            if (schema := self._stated.get(name)) and classify(one.status, one.text) == "success"
        ]
        away = [one.nearest for one in held_out if one.nearest is not None]
        return HeldOutCalls(
            calls=len(held_out),
            apis=len({name for name, _ in responses}),
            recorded=dict(sorted(kinds.items())),
            cut=sum(one.completeness != "whole" for _, one in responses),
            described=sum(name in self._apis for name, _ in responses),
            documented=sum(self._stated.get(name) is not None for name, _ in responses),
            fit_document=round(sum(fits) / len(fits), 6) if fits else None,
            nearest=(round(min(away), 6), round(median(away), 6)) if away else None,
        )


def _shapes(
    recordings: Recordings, functions: Collection[str], real: Collection[Origin]
) -> Mapping[str, ResponseSchema]:
    """What the recorded successes of some APIs have in common."""
    shapes: dict[str, Shape] = {}
    for record in recordings.records():
        name, response = record.identity.function, record.response
        if name in functions and response.origin in real:  # noqa: SIM102
            if classify(response.status, response.text) == "success":
                whole = response.completeness == "whole"
                shapes.setdefault(name, Shape()).add(body_of(response.text), whole=whole)
    return {name: ResponseSchema(shape.as_schema()) for name, shape in sorted(shapes.items())}
