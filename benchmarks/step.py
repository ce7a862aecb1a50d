"""One ``step`` with a 1 KB response and argument validation, against plain Gymnasium.

The baseline is a ``gymnasium.Env`` that does the same tool call with the standard library:
``json.loads``, dispatch, ``json.dumps``.

    python -m benchmarks.step
"""

from __future__ import annotations

import json
import string
import tempfile
from pathlib import Path
from typing import Any

import gymnasium
from gymnasium.spaces import Text

from benchmarks.measure import interleaved, table
from toolenv import Task, ToolEnv
from toolenv.simulators import LocalSimulator, LocalTool, RecordedSimulator
from toolenv.snapshots import Recorded, Snapshot, freeze

WEATHER = LocalTool("Weather", "City Weather", "Weather of cities.")
REPORT = {"city": "Paris", "report": "x" * 960, "temperature": 21}
"""About 1 KB when rendered."""


@WEATHER.api()
def search(city: str, days: int = 1) -> dict[str, Any]:
    """Search the weather report of a city.

    Args:
        city: Name of the city.
        days: Days ahead.
    """
    return REPORT


ACTION = '{"name": "search_for_city_weather", "arguments": {"city": "Paris", "days": 3}}'


class PlainEnv(gymnasium.Env[str, str]):
    """The same tool call in plain Gymnasium."""

    observation_space = action_space = Text(4096, min_length=0, charset=string.printable)

    def __init__(self) -> None:
        self.tools = {"search_for_city_weather": lambda city, days=1: REPORT}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        return "", {}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        call = json.loads(action)
        body = self.tools[call["name"]](**call["arguments"])
        return json.dumps({"error": "", "response": body}), 0.0, False, False, {}


def environment(simulator: LocalSimulator | RecordedSimulator) -> ToolEnv:
    """A ``ToolEnv`` with one task and no limit that would end the episode."""
    task = Task(id="1", instruction="How is the weather in Paris?", apis=tuple(WEATHER.apis))
    env = ToolEnv([task], simulator, max_steps=1 << 60)
    env.reset(seed=0)
    return env


def main() -> None:
    """Measure and print."""
    plain = PlainEnv()
    plain.reset(seed=0)
    local = environment(LocalSimulator([WEATHER]))
    observation = local.step(ACTION)[0]
    step = local.branch.path()[0]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "one.snap")
        call, response = step.calls[0], step.responses[0]
        assert call.api is not None
        others = [
            Recorded(call.api, json.dumps({"city": f"City {number}"}), response)
            for number in range(10_000)
        ]
        freeze([Recorded(call.api, call.text, response), *others], file)
        frozen = environment(RecordedSimulator(Snapshot(file)))
        assert frozen.step(ACTION)[0] == observation
        found = interleaved(
            {
                "plain": lambda: plain.step(ACTION),
                "local": lambda: local.step(ACTION),
                "snapshot": lambda: frozen.step(ACTION),
            },
            calls=2000,
        )
    base = found["plain"].median
    table(
        f"one step, response of {len(observation)} characters; plain Gymnasium {found['plain']}",
        [
            ("figure", "asked", "measured"),
            (
                "local simulator",
                "at most 4 times plain (goal 2)",
                f"{found['local'].median / base:.2f} times: {found['local']}",
            ),
            (
                "snapshot of 10,001 responses",
                "at most 6 times plain (goal 4)",
                f"{found['snapshot'].median / base:.2f} times: {found['snapshot']}",
            ),
        ],
    )


if __name__ == "__main__":
    main()
