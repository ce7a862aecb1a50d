"""Answering: recordings at once, live simulators in their own time."""

from __future__ import annotations

from collections.abc import Iterable

from toolenv.apis import API
from toolenv.episodes import ROOT, Branch, Call, Response, Status
from toolenv.observations import miss, refuse
from toolenv.running.recording import apis_of
from toolenv.server.directory import Candidate, Directory
from toolenv.server.live_calls import LiveCalls
from toolenv.server.named_episodes import NamedEpisode
from toolenv.server.replies import PARSE_ERROR
from toolenv.server.wanted import WantedCall
from toolenv.simulators import RecordedSimulator, Simulator, first_of, rungs_of
from toolenv.snapshots import Snapshot

__all__ = ["Answering"]


class Answering:
    """A simulator, asked for one call at a time.

    Of a ladder, the rungs before the first that is no recording are asked on the server's loop:
    they never wait. The rest is asked as ``LiveCalls`` does.

    Args:
        simulator: What answers; closed by whoever made it.
        apis: Documents beside the simulator's own.
        live_calls: Calls to live simulators in flight.
        answer_seconds: Seconds that one may take.
    """

    def __init__(
        self,
        simulator: Simulator,
        apis: Iterable[API] = (),
        *,
        live_calls: int = 256,
        answer_seconds: float = 60.0,
    ) -> None:
        self.directory = Directory([*apis_of(simulator), *apis])
        rungs = rungs_of(simulator)
        count = 0
        while count < len(rungs) and isinstance(rungs[count], RecordedSimulator):
            count += 1
        self._recorded = rungs[:count]
        self.frozen = all(
            isinstance(rung, RecordedSimulator) and isinstance(rung.recordings, Snapshot)
            for rung in self._recorded
        )
        """Whether a recorded answer stays what it is."""
        self._live = first_of(*rungs[count:]) if count < len(rungs) else None
        self.live_calls = LiveCalls(live_calls, answer_seconds)

    async def recorded(self, wanted: WantedCall) -> Response | None:
        """The recorded answer to a call, as the first of an episode; never waits."""
        for candidate in self.directory.find(wanted.category, wanted.tool, wanted.api):
            call = candidate.call(wanted)
            past = Branch(candidate.task, (), ROOT)
            for rung in self._recorded:
                response = await rung.open(candidate.task, 0).call(call, past)
                if response is not None:
                    return response
        return None

    def without_live(self, wanted: WantedCall) -> Response | None:
        """A typed error for a call that is not recorded; None where a simulator is to be asked."""
        if wanted.arguments is not None and self._live is not None:
            return None
        return _unanswered(wanted, self._likeliest(wanted).call(wanted, check=True))

    async def live(self, wanted: WantedCall) -> Response:
        """What a live simulator answers, or a typed error.

        Raises:
            Refusal: It took too long.
            SimulatorError: The simulator failed.
        """
        candidate = self._likeliest(wanted)
        call = candidate.call(wanted, check=True)
        live = self._live
        assert live is not None  # without_live has said so
        past = Branch(candidate.task, (), ROOT)
        response = await self.live_calls.make(lambda: live.open(candidate.task, 0).call(call, past))
        return response or _unanswered(wanted, call)

    def begin_episode(self) -> NamedEpisode:
        """A fresh episode."""
        task = self.directory.task
        return NamedEpisode(task, tuple(rung.open(task, 0) for rung in self._recorded))

    async def in_episode(self, wanted: WantedCall, episode: NamedEpisode) -> Response:
        """The answer to a call in an episode; its calls are answered one after the other.

        Raises:
            Refusal: It took too long, or the episode is full.
            SimulatorError: The simulator failed.
        """
        async with episode.turn:
            episode.refuse_if_full()
            call, response = await self._in_turn(wanted, episode)
            episode.note(call, response)
            return response

    async def _in_turn(self, wanted: WantedCall, episode: NamedEpisode) -> tuple[Call, Response]:
        past = episode.past
        for one in self.directory.find(wanted.category, wanted.tool, wanted.api):
            call = self.directory.in_episode(one).call(wanted)
            for session in episode.recorded:
                response = await session.call(call, past)
                if response is not None:
                    return call, response
        call = self.directory.in_episode(self._likeliest(wanted)).call(wanted, check=True)
        live = self._live
        if wanted.arguments is None or live is None:
            return call, _unanswered(wanted, call)

        async def ask() -> Response | None:
            if episode.live is None:
                episode.live = live.open(episode.task, 0)
            return await episode.live.call(call, past)

        return call, await self.live_calls.make(ask) or _unanswered(wanted, call)

    def close(self) -> None:
        """Give up the calls in flight."""
        self.live_calls.close()

    def _likeliest(self, wanted: WantedCall) -> Candidate:
        return self.directory.find(wanted.category, wanted.tool, wanted.api)[0]


def _unanswered(wanted: WantedCall, call: Call) -> Response:
    """A typed error for a call that nothing answered."""
    if wanted.arguments is not None:
        return miss(call)
    if wanted.problem.startswith("arguments are not JSON"):
        return Response.of("", error=PARSE_ERROR, status=Status.BAD_INPUT)
    return refuse(f"The arguments are wrong: {wanted.problem}", Status.BAD_INPUT)
