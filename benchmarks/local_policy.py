"""A local model through many concurrent episodes, against plain batches of the same prompts.

``python -m benchmarks.local_policy [--device cuda] [--hidden 1024 --layers 16] [--model FOLDER]``

The episodes are run with and without what the policy keeps of the prompts that it has read.

Without ``--model`` it makes a Llama with random weights. Its messages are nonsense and never end by
themselves, so that both sides generate the same number of tokens. Both sides get the same prompts,
in the same batch size; the plain side gets them already tokenised, all at once, in the best order.
Tokens per second of processor time are told too: on a busy machine wall time says little.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.measure import table
from tests.agents.tiny_models import make_tiny_model
from toolenv.agents import ReACT, TransformersPolicy
from toolenv.agents.policies.generation import Continuation, Prompt
from toolenv.env import ToolEnv
from toolenv.limits import Budget
from toolenv.mini import mini_tasks

REPEATS = 5


class Speed(NamedTuple):
    """Tokens a second, of wall time and of the processor's."""

    wall: float
    processor: float


class Stopwatch:
    """Times what has been done since it was made."""

    def __init__(self) -> None:
        self._began = time.perf_counter(), time.process_time()

    def speed(self, tokens: int) -> Speed:
        wall, processor = self._began
        return Speed(
            tokens / (time.perf_counter() - wall), tokens / (time.process_time() - processor)
        )


class Watched(TransformersPolicy):
    """Remembers its prompts and what it says to them."""

    def __init__(self, model: str | Path, **options: Any) -> None:
        super().__init__(model, **options)
        self.prompts: list[Prompt] = []
        self.tokens = 0

    def _generate(self, prompts: list[Prompt]) -> list[Continuation]:
        said = super()._generate(prompts)
        self.prompts += prompts
        self.tokens += sum(one.tokens for one in said)
        return said


def through_episodes(policy: Watched, episodes: int, turns: int) -> Speed:
    """Tokens a second through so many concurrent ReACT episodes."""
    agent = ReACT(policy, budget=Budget(policy_calls=turns))
    tasks = mini_tasks()

    async def together() -> None:
        env = ToolEnv()
        runs = (agent.arun(env, tasks[n % len(tasks)], seed=n) for n in range(episodes))
        await asyncio.gather(*runs)

    policy.prompts, policy.tokens = [], 0
    policy.forget()  # what an earlier repeat has read
    watch = Stopwatch()
    asyncio.run(together())
    return watch.speed(policy.tokens)


def plainly(policy: Watched, prompts: Sequence[Prompt]) -> Speed:
    """Tokens a second of ``generate`` on the same prompts, sorted by length."""
    import torch

    loaded = policy.load()
    ordered = sorted(prompts, key=lambda prompt: len(prompt.tokens))
    size, tokens = policy.batch_size, 0
    watch = Stopwatch()
    for at in range(0, len(ordered), size):
        batch = ordered[at : at + size]
        width = max(len(prompt.tokens) for prompt in batch)
        rows = [[loaded.padding] * (width - len(p.tokens)) + [*p.tokens] for p in batch]
        mask = [[0] * (width - len(p.tokens)) + [1] * len(p.tokens) for p in batch]
        with torch.inference_mode():
            said = loaded.model.generate(
                input_ids=torch.tensor(rows, device=loaded.model.device),
                attention_mask=torch.tensor(mask, device=loaded.model.device),
                max_new_tokens=policy.sampling.longest,
                do_sample=policy.sampling.temperature > 0,
            )[:, width:].tolist()
        for row in said:
            end = next((n for n, token in enumerate(row) if token in loaded.ends), len(row))
            tokens += min(end + 1, len(row))
    return watch.speed(tokens)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--episodes", type=int, default=32)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=64, help="of a message")
    parser.add_argument("--temperature", type=float, default=1.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = given.model or make_tiny_model(
            Path(folder), hidden=given.hidden, layers=given.layers, context=32768
        )
        policy, reading_all = (
            Watched(
                model,
                device=given.device,
                dtype=given.dtype,
                batch_size=given.batch_size,
                max_new_tokens=given.tokens,
                temperature=given.temperature,
                prefix_cache=kept,
            )
            for kept in (1.0, 0.0)
        )
        for one in (policy, reading_all):
            if not given.model:
                one.load().model.generation_config.eos_token_id = None  # random weights never end
            through_episodes(one, given.batch_size, 1)
        loaded = policy.load()
        ours, without, plain = [], [], []
        for _ in range(REPEATS):
            ours.append(through_episodes(policy, given.episodes, given.turns))
            without.append(through_episodes(reading_all, given.episodes, given.turns))
            plain.append(plainly(policy, policy.prompts))
    parameters = sum(weight.numel() for weight in loaded.model.parameters()) / 1e6
    lengths = [len(prompt.tokens) for prompt in policy.prompts]
    place = f"{loaded.model.device.type}, {parameters:.1f} million parameters"
    table(
        f"Local policy: {place}, {given.episodes} episodes of {given.turns} turns, batches of "
        f"{given.batch_size}, prompts of {min(lengths)} to {max(lengths)} tokens",
        [
            ("tokens/s through episodes", "", _median([one.wall for one in ours])),
            ("tokens/s, reading all of each prompt", "", _median([one.wall for one in without])),
            ("tokens/s of plain generate", "", _median([one.wall for one in plain])),
            (
                f"ratio, on {loaded.model.device.type}",
                "at least 0.8 on a GPU",
                _median([one.wall / other.wall for one, other in zip(ours, plain, strict=True)]),
            ),
            (
                "ratio by processor time",
                "",
                _median([a.processor / b.processor for a, b in zip(ours, plain, strict=True)]),
            ),
        ],
    )


def _median(found: Sequence[float]) -> str:
    return f"{statistics.median(found):.2f} ({min(found):.2f}–{max(found):.2f})"


if __name__ == "__main__":
    main()
