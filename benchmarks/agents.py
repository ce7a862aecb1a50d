"""What an agent costs by itself: policy and simulator instantaneous, every step in the journal.

Episodes of 50 messages (25 turns); ReACT takes one after the other, DFSDT with two children a node
spends as many policy calls. One figure is the time of a whole episode by its turns or nodes.

    python -m benchmarks.agents
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from statistics import median

from benchmarks.measure import Timing, table
from benchmarks.step import WEATHER
from toolenv import Task, ToolEnv
from toolenv.agents import DFSDT, Agent, ReACT
from toolenv.episodes import Branch, Call, FunctionCall, Message, Response
from toolenv.jsontext import JsonValue
from toolenv.limits import Budget
from toolenv.running.journal import Journal
from toolenv.running.records import EpisodeKey
from toolenv.simulators import Session, SimulatorBase

TURNS = 25
"""A turn adds two messages to the conversation: the policy's and the observation."""

_SAID = Message(
    "Let me look at the weather.",
    (FunctionCall("search_for_city_weather", '{"city":"Paris","days":3}', "call-1"),),
)
_GIVES_UP = Message(
    "",
    (FunctionCall("Finish", '{"return_type":"give_up_and_restart"}', "call-2"),),
)


class Instantaneous:
    """Says the same at once, and gives up where the branch has its length."""

    name = fingerprint = "instantaneous"

    async def __call__(
        self,
        messages: Sequence[dict[str, JsonValue]],
        functions: Sequence[dict[str, JsonValue]],
        *,
        seed: int,
    ) -> Message:
        return _SAID if len(messages) < 2 * TURNS else _GIVES_UP


class Constant(SimulatorBase):
    """Answers at once, with the same 100 characters; its own session, since it has no state."""

    fingerprint = "constant"
    response = Response.of("sunny, " * 11, source="local", origin="local")

    def open(self, task: Task, seed: int) -> Session:
        return self

    async def call(self, call: Call, past: Branch) -> Response | None:
        return self.response

    def fork(self) -> Session:
        return self


async def attempt(agent: Agent, env: ToolEnv, journal: Journal, seed: int) -> tuple[float, int]:
    """Microseconds of one episode, journal included, and its number of steps."""
    began = time.perf_counter()
    key = EpisodeKey("1", agent.name, agent.policy.name, seed)
    writer = journal.begin(key)
    episode = await agent.arun(env, "1", seed=seed, observer=writer.step)
    writer.end(episode)
    return (time.perf_counter() - began) * 1e6, len(episode.steps)


def measure(repeats: int = 200) -> dict[str, Timing]:
    """Microseconds of a turn or node, agents taking turns."""
    task = Task(id="1", instruction="How is the weather in Paris?", apis=tuple(WEATHER.apis))
    env = ToolEnv([task], Constant(), max_steps=1_000)
    policy = Instantaneous()
    agents: dict[str, Agent] = {
        "ReACT": ReACT(policy),
        "DFSDT": DFSDT(policy, breadth=2, budget=Budget(policy_calls=4 * TURNS)),
    }
    found: dict[str, list[float]] = {name: [] for name in agents}
    seeds = count()

    async def all_of(journal: Journal) -> None:
        for repeat in range(repeats + 20):
            for name, agent in agents.items():
                spent, steps = await attempt(agent, env, journal, next(seeds))
                if repeat >= 20:
                    found[name].append(spent / steps)

    with tempfile.TemporaryDirectory() as folder, Journal(Path(folder, "j")) as journal:
        asyncio.run(all_of(journal))
    return {name: Timing(median(times), min(times), max(times)) for name, times in found.items()}


def main() -> None:
    """Measure and print."""
    found = measure()
    react, dfsdt = found["ReACT"], found["DFSDT"]
    table(
        f"agents, {2 * TURNS} messages a branch, every step in the journal",
        [
            ("figure", "asked", "measured"),
            ("ReACT, a turn", "at most 20 µs (goal 12)", str(react)),
            (
                "DFSDT, a node, against ReACT's turn",
                "at most 1.3 times",
                f"{dfsdt.median / react.median:.2f} times: {dfsdt}",
            ),
        ],
    )


if __name__ == "__main__":
    main()
