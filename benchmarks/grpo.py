"""GRPO's attempts in the environment: TRL's own tool loop against ours, batch by latency.

``python -m benchmarks.grpo [--batches 4 16] [--latencies 0 0.05 0.2]``

Every attempt makes two calls, each of which takes so long, and finishes. What is said is scripted
on both sides, so that the time is that of calls, templates, and one forward pass of a tiny model.
TRL's routes (a method for all APIs, or an environment for each set of them) share one loop, which
resolves the calls of one attempt after the other; ours is ``rollout_func``.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.measure import table
from tests.agents.scripted import TASK, answering, saying, tool
from tests.training.scripted import scripted_generation, written
from tests.training.tiny import tiny_policy
from toolenv.env import ToolEnv
from toolenv.simulators import FaultPlan, Latency, LocalSimulator, inject_faults
from toolenv.training.configuration import GRPOConfiguration
from toolenv.training.grpo import grpo_trainer
from toolenv.training.rollouts import TrainedPolicy

REPEATS = 3
TURNS = [saying("one"), saying("two"), answering("done")]


def said(prompt: str, seed: int) -> str:
    return written(TURNS[prompt.count("<|begin|>assistant\n") - 1])


class Calls:
    """TRL's form of an environment: its public methods are the functions."""

    latency = 0.0

    def reset(self, **row: Any) -> None:
        """Begin."""

    def call_api(self, name: str, arguments: str) -> str:
        """Call an API.

        Args:
            name: The API's name.
            arguments: Its arguments, as JSON.
        """
        time.sleep(self.latency)
        return arguments


def ours(model: Path, out: Path, batch: int, latency: float) -> Any:
    simulator: Any = LocalSimulator([tool], version="1")
    if latency:
        simulator = inject_faults(simulator, FaultPlan(latency=Latency(median=latency)))
    configuration = GRPOConfiguration(
        model=str(model),
        batch_size=batch,
        group=batch,
        max_steps=1,
        max_new_tokens=64,
        device="cpu",
    )
    TrainedPolicy._generate = scripted_generation(said)  # type: ignore[method-assign,assignment]
    return grpo_trainer(configuration, out, ToolEnv([TASK], simulator))


def theirs(model: Path, out: Path, batch: int, latency: float) -> Any:
    import transformers
    import trl
    from datasets import Dataset
    from trl.chat_template_utils import add_response_schema, qwen3_chat_template

    tokenizer = transformers.AutoTokenizer.from_pretrained(model)
    tokenizer.chat_template = qwen3_chat_template
    tokenizer = add_response_schema(tokenizer)
    arguments = trl.GRPOConfig(
        output_dir=str(out),
        per_device_train_batch_size=batch,
        num_generations=batch,
        max_completion_length=1500,
        use_cpu=True,
        bf16=False,
        report_to="none",
        gradient_checkpointing=False,
    )
    kind = type("Timed", (Calls,), {"latency": latency})
    trainer = trl.GRPOTrainer(
        model=transformers.AutoModelForCausalLM.from_pretrained(model),
        reward_funcs=lambda completions, **_: [0.0] * len(completions),
        args=arguments,
        train_dataset=Dataset.from_list([{"prompt": [{"role": "user", "content": "Go."}]}]),
        processing_class=tokenizer,
        environment_factory=kind,
    )
    call = '<tool_call>\n{"name": "call_api", "arguments": {"name": "f", "arguments": "{}"}}\n'
    texts = [f"{call}</tool_call>"] * 2 + ["Done."]
    turn = iter(range(1_000_000))

    def generate(prompts: Sequence[Any], *_: Any, **__: Any) -> tuple[list[list[int]], None]:
        text = texts[next(turn) % 3]
        ids = tokenizer(text, add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
        return [ids] * len(prompts), None

    trainer._generate_single_turn = generate
    return trainer


def seconds(trainer: Any, batch: int) -> float:
    """The least seconds of a batch of attempts."""
    rows = [dict(trainer.train_dataset[0]) for _ in range(batch)]
    found = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        trainer._generate_and_score_completions([dict(row) for row in rows])
        found.append(time.perf_counter() - began)
    return min(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, nargs="+", default=[4, 16])
    parser.add_argument("--latencies", type=float, nargs="+", default=[0.0, 0.05, 0.2])
    given = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as place:
        model = tiny_policy(Path(place, "model"))
        for batch in given.batches:
            for latency in given.latencies:
                mine = seconds(ours(model, Path(place, "ours"), batch, latency), batch)
                other = seconds(theirs(model, Path(place, "theirs"), batch, latency), batch)
                rows.append(
                    (
                        f"{batch} attempts, 2 calls of {latency:g} s each",
                        f"TRL's loop {other:.2f} s",
                        f"ours {mine:.2f} s, {other / mine:.1f} times as fast",
                    )
                )
    table("A batch of attempts", rows)


if __name__ == "__main__":
    main()
