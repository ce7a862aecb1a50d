"""Faults on purpose: what a policy does when servers are slow, refuse, break, change or lie.

Which call meets which fault is drawn from the plan's seed, the episode's seed, the task, the API
and the place of the call among those of its API on the path, and from nothing else: a second branch
meets at the same place what the first one met, and neither the order of work nor concurrency
matters. A call that is made again at the same place, as ``retry`` does, is drawn anew, by its own
count.

What a fault answers or alters is neither the API's nor the simulator's word: its source and origin
are ``environment``, which ``record`` never keeps. So record what is real, and inject around it::

    inject_faults(record(simulator, store), plan)
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple, TypeAlias, get_args

from toolenv import bridge
from toolenv.episodes import ROOT, Branch, Call, Response, Status
from toolenv.fingerprint import fingerprint
from toolenv.seeds import derive
from toolenv.simulators.altered_responses import add_sentence, break_json, change_schema
from toolenv.simulators.base import Session, Simulator
from toolenv.simulators.fault_plan import FaultKind, FaultPlan, Lasting
from toolenv.simulators.wrapping import Wrapper
from toolenv.tasks import Task

__all__ = ["inject_faults"]

_REFUSALS: dict[FaultKind, tuple[Status, Sequence[str]]] = {
    "dead": (Status.NOT_FOUND, ["This API is no longer offered."]),
    "timeout": (Status.TIMEOUT, ["The server did not answer in time."]),
    "429": (Status.TOO_MANY_REQUESTS, ["HTTP 429: too many requests, try again later."]),
    "5xx": (
        Status.API_ERROR,
        [
            "HTTP 500: internal server error.",
            "HTTP 502: bad gateway.",
            "HTTP 503: service unavailable.",
        ],
    ),
}
"""Faults that stand in for the API: it is not asked."""

_BITS, _DRAWS = 21, 24
"""One digest of 63 bytes is worth so many draws: making one for each call would cost more than all
else here."""

_MASK = (1 << _BITS) - 1


def inject_faults(simulator: Simulator, plan: FaultPlan) -> Simulator:
    """Let calls fail, be slow, or come back changed, as a plan says.

    An API that the simulator does not answer meets ``dead``, ``timeout``, ``429`` and ``5xx`` all
    the same, so wrap a whole ladder rather than one of its rungs.

    Args:
        simulator: What answers.
        plan: What goes wrong.

    Example:
        >>> from toolenv.simulators import FaultPlan, first_of
        >>> plan = FaultPlan(rates={"429": 0.1, "dead": 0.05}, seed=3)
        >>> inject_faults(first_of(), plan).fingerprint == first_of().fingerprint
        False
    """
    return _Faults(simulator, plan)


class _Faults(Wrapper):
    def __init__(self, simulator: Simulator, plan: FaultPlan) -> None:
        super().__init__(simulator)
        self.plan = plan

    @property
    def fingerprint(self) -> str:
        plan = self.plan.model_dump(mode="json", exclude={"latency", "timeout_after"})
        plan["apis"] = list(plan["apis"].items())  # the first pattern that fits counts
        return fingerprint("simulator", ["faults", plan, self.simulator.fingerprint])

    def open(self, task: Task, seed: int) -> Session:
        inner = self.simulator.open(task, seed)
        return _FaultSession(_Draws(self.plan, task, seed), inner, _Places())


class _FaultSession:
    __slots__ = ("_apis", "_draws", "_inner", "_places")

    def __init__(self, draws: _Draws, inner: Session, places: _Places) -> None:
        self._draws = draws
        self._apis = draws.apis
        self._inner = inner
        self._places = places

    async def call(self, call: Call, past: Branch) -> Response | None:
        api = self._apis.get(call.function) or self._draws.learn(call)
        if api.quiet:
            return await self._inner.call(call, past)
        fault = api.lasting
        if api.passing or api.latency is not None:
            place = self._places.of(call, past)
            if api.passing and api.draw(place) < api.total:
                fault = api.fault_at(place)
            if api.latency is not None:
                await api.hold_back(place)
        if fault is None:
            return await self._inner.call(call, past)
        refusal = _REFUSALS.get(fault.kind)
        if refusal is not None:
            plan = self._draws.plan
            if fault.kind == "timeout" and plan.timeout_after:
                await bridge.wait(partial(asyncio.sleep, plan.timeout_after))
            status, errors = refusal
            error = errors[fault.seed % len(errors)]
            return Response.of("", error=error, status=status, source="fault")
        response = await self._inner.call(call, past)
        return None if response is None else _altered(response, fault, self._draws.plan)

    def fork(self) -> Session:
        return _FaultSession(self._draws, self._inner.fork(), self._places.fork())


def _altered(response: Response, fault: _Fault, plan: FaultPlan) -> Response:
    """An answer of the API as the fault leaves it."""
    text, completeness = response.text, response.completeness
    match fault.kind:
        case "malformed":
            text, completeness = break_json(text, fault.seed), "unparsable"
        case "schema":
            text = change_schema(text, fault.seed)
        case _:
            sentence = plan.instructions[fault.seed % len(plan.instructions)]
            text = add_sentence(text, sentence, fault.seed)
    if text == response.text:
        return response
    return response._replace(
        text=text,
        source="fault",
        origin="environment",
        completeness=completeness,
        recording="",
        ordinal=0,
    )


class _Fault(NamedTuple):
    kind: FaultKind
    seed: int


_Place: TypeAlias = tuple[int, int]
"""Where a call is: how many of its API are before it on the path, and how often it was made."""


class _Draws:
    """What is drawn in one episode; the same for all its forks, whoever asks first."""

    __slots__ = ("apis", "plan", "seed", "task")

    def __init__(self, plan: FaultPlan, task: Task, seed: int) -> None:
        self.plan = plan
        self.task = task
        self.seed = seed
        self.apis: dict[str, _ApiFaults] = {}

    def learn(self, call: Call) -> _ApiFaults:
        """What may happen to the calls of an API: nothing to those that no task offers."""
        offered = call.api is not None and call.function in self.task.named_apis
        api = _ApiFaults(self, call.api.function if call.api and offered else "")
        self.apis[call.function] = api
        return api


class _ApiFaults:
    """What one API of one episode meets."""

    __slots__ = ("_base", "_block", "_key", "lasting", "latency", "passing", "quiet", "total")

    def __init__(self, draws: _Draws, function: str) -> None:
        plan = draws.plan
        ever = derive("faults", plan.seed, function)
        now = derive("faults", plan.seed, draws.task.id, draws.seed, function)
        rates = plan.rates_of(function) if function else {}
        self._base = now
        self._key = now.to_bytes(8, "big")
        self._block = (-1, 0, 0)
        self.latency = plan.latency if function else None
        self.passing = _limits(plan, rates, "call")
        self.total = self.passing[-1][0] if self.passing else 0
        always = _lasting(_limits(plan, rates, "always"), ever)
        episode = _lasting(_limits(plan, rates, "episode"), now)
        # One that stands in for the API hides one that alters its answers.
        found = [fault for fault in (always, episode) if fault is not None]
        self.lasting = min(found, key=lambda fault: fault.kind not in _REFUSALS, default=None)
        if self.lasting is not None and self.lasting.kind in _REFUSALS:
            self.passing, self.total = (), 0
        self.quiet = self.lasting is None and not self.passing and self.latency is None

    def draw(self, place: _Place) -> int:
        """A number of 21 bits for a place."""
        before, again = place
        block = before // _DRAWS
        drawn = self._block  # read once: forks in other threads may replace it
        if drawn[0] != block or drawn[1] != again:
            raw = b"%d %d" % (block, again)
            digest = hashlib.blake2b(raw, digest_size=_BITS * _DRAWS // 8, key=self._key).digest()
            drawn = self._block = (block, again, int.from_bytes(digest, "big"))
        return drawn[2] >> (_BITS * (before % _DRAWS)) & _MASK

    def fault_at(self, place: _Place) -> _Fault | None:
        """The fault of a place whose number is below the total."""
        kind = _chosen(self.passing, self.draw(place))
        return kind and _Fault(kind, derive(self._base, "detail", *place))

    async def hold_back(self, place: _Place) -> None:
        """Wait as long as the plan says."""
        latency = self.latency
        assert latency is not None  # only asked for then
        if derive(self._base, "held back", *place) >= latency.share * 2**63:
            return
        from statistics import NormalDist  # imports much, and few plans hold anything back

        drawn = (derive(self._base, "latency", *place) + 0.5) / 2**63
        away = NormalDist().inv_cdf(min(max(drawn, 1e-9), 1 - 1e-9))
        seconds = min(latency.longest, latency.median * math.exp(min(latency.spread * away, 700)))
        await bridge.wait(partial(asyncio.sleep, seconds))


def _limits(
    plan: FaultPlan, rates: dict[FaultKind, float], lasting: Lasting
) -> tuple[tuple[int, FaultKind], ...]:
    """The kinds that last so long, each with the number below which it is drawn, or one before."""
    limits: list[tuple[int, FaultKind]] = []
    total = 0.0
    for kind in get_args(FaultKind):
        rate = rates.get(kind, 0.0)
        if rate and plan.lasting(kind) == lasting:
            total += rate
            limits.append((round(total * (1 << _BITS)), kind))
    return tuple(limits)


def _chosen(limits: Sequence[tuple[int, FaultKind]], number: int) -> FaultKind | None:
    return next((kind for limit, kind in limits if number < limit), None)


def _lasting(limits: Sequence[tuple[int, FaultKind]], seed: int) -> _Fault | None:
    kind = _chosen(limits, derive(seed, "lasting") & _MASK)
    return kind and _Fault(kind, derive(seed, "detail"))


class _Places:
    """Counts the calls of each API on a session's path; takes the steps that are new, and no more.

    Calls of one step are told apart in the order in which they come, which is that in which they
    are written; a call that is made again keeps its place.
    """

    __slots__ = ("_at", "_before", "_here", "_shared")

    def __init__(self) -> None:
        self._at = ROOT
        self._before: dict[str, int] = {}
        self._here: dict[str, dict[str, _Place]] = {}
        self._shared = False

    def of(self, call: Call, past: Branch) -> _Place:
        """The place of a call."""
        function = call.function
        if past.at != self._at:
            self._move(past)
        elif self._shared:
            self._before = self._before.copy()
            self._here = {name: here.copy() for name, here in self._here.items()}
            self._shared = False
        here = self._here.get(function)
        if here is None:
            here = self._here[function] = {}
        known = here.get(call.text)
        if known is None:
            place = (self._before.get(function, 0) + len(here), 0)
        else:
            place = (known[0], known[1] + 1)
        here[call.text] = place
        return place

    def _move(self, past: Branch) -> None:
        if self._shared:
            self._before = self._before.copy()
        before, steps, here, at = self._before, past.steps, self._at, past.at
        while at != here:
            if at == ROOT:  # not below where it was: the counts are those of another path
                self._before = before = {}
                here, at = ROOT, past.at
                continue
            step = steps[at]
            at = step.parent
            for call in step.calls:
                if call.api is not None:
                    before[call.function] = before.get(call.function, 0) + 1
        self._at, self._here, self._shared = past.at, {}, False

    def fork(self) -> _Places:
        """The same for another session at this point."""
        twin = object.__new__(_Places)
        twin._at, twin._before, twin._here = self._at, self._before, self._here
        self._shared = twin._shared = True
        return twin
