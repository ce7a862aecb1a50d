"""``fork()`` by length of history; and a long episode copied and pickled.

python -m benchmarks.fork
"""

from __future__ import annotations

import copy
import pickle  # noqa: TID251  what is measured is that episodes pickle
import time

from benchmarks.measure import interleaved, table
from benchmarks.step import ACTION, WEATHER, environment
from toolenv import ToolEnv
from toolenv.simulators import LocalSimulator


def grown(steps: int) -> ToolEnv:
    """An environment whose branch has so many steps, with its messages in use."""
    env = environment(LocalSimulator([WEATHER]))
    for _ in range(steps):
        env.step(ACTION)
        assert env.messages
    return env


def main() -> None:
    """Measure and print."""
    lengths = {"10": 10, "50 messages": 24, "50": 50, "500": 500}
    environments = {name: grown(steps) for name, steps in lengths.items()}
    found = interleaved({name: env.fork for name, env in environments.items()}, calls=5000)
    episode = grown(5000).episode()
    began = time.perf_counter()
    twin = pickle.loads(pickle.dumps(episode))  # noqa: S301  our own bytes, made in this line
    assert twin == episode
    pickled = time.perf_counter() - began
    began = time.perf_counter()
    assert copy.deepcopy(episode) == episode
    copied = time.perf_counter() - began
    table(
        "fork()",
        [
            ("figure", "asked", "measured"),
            ("at 50 messages", "at most 5 µs", str(found["50 messages"])),
            (
                "at 500 steps against 10",
                "at most 1.2 times",
                f"{found['500'].median / found['10'].median:.2f} times: {found['500']}",
            ),
            ("episode of 5,000 steps pickles and unpickles", "works", f"{pickled * 1e3:.0f} ms"),
            ("episode of 5,000 steps deep-copies", "works", f"{copied * 1e3:.0f} ms"),
        ],
    )


if __name__ == "__main__":
    main()
