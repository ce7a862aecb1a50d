"""How fast imitation goes: tokens a second, how busy the device is, and what memory it takes.

    python -m benchmarks.training_speed [--steps 60] [--on tiny tiny-again large lora-1b]

``tiny`` and ``large`` are sizes of ``toolenv train new``; ``tiny-bfloat16`` and ``tiny-again`` are
the first as the campaign trains it, in bfloat16 mixed with float32, with the two forms of the
compact template; ``lora-1b`` is a LoRA adapter of rank 16 on a model with the shape of Llama 3.2 1B
and random weights, over real conversations. After each comes the same with all the work that a
step need not do (``toolenv.training.spared_work``). Every one is a process of its own; the first
fifth of its steps does not count.
"""

from __future__ import annotations

import argparse
import multiprocessing
import shutil
import statistics
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.campaign.commands import carry_out
from benchmarks.campaign.recipe import Recipe, demonstrations
from benchmarks.measure import table

SETTINGS: dict[str, dict[str, Any]] = {
    "tiny": {"batch_size": 16, "precision": "float32"},
    "tiny-bfloat16": {"batch_size": 16, "precision": "bfloat16"},
    "tiny-again": {"batch_size": 16, "precision": "bfloat16", "chat_template": "compact-again"},
    "large": {"batch_size": 64},
    "lora-1b": {"batch_size": 32, "lora": {"rank": 16}, "learning_rate": 1e-4},
}
LLAMA_1B = {
    "vocab_size": 128_256,
    "hidden_size": 2_048,
    "intermediate_size": 8_192,
    "num_hidden_layers": 16,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 64,
    "tie_word_embeddings": True,
}


class Speed(NamedTuple):
    """What one training came to."""

    parameters: int
    trained: int
    tokens_a_second: float
    seconds_a_step: float
    busy: float | None
    memory: float | None


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--rows", type=int, default=4_000)
    parser.add_argument("--on", nargs="+", choices=[*SETTINGS], default=["tiny"])
    given = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as place:
        expert = Recipe(expert_tasks=given.rows)
        carry_out(demonstrations(expert)[:2], Path(place))
        for name in given.on:
            found, unspared = (_in_a_process(name, place, given.steps, s) for s in (True, False))
            rows.append(
                (f"{name}: parameters (trained)", "", f"{found.parameters:,} ({found.trained:,})")
            )
            rows.append((f"{name}: tokens a second", "", f"{found.tokens_a_second:,.0f}"))
            rows.append((f"{name}: a step", "", f"{found.seconds_a_step * 1e3:.0f} ms"))
            more = unspared.seconds_a_step / found.seconds_a_step
            rows.append((f"{name}: with what is spared", "", f"{more:.2f} times that"))
            if found.busy is not None and found.memory is not None:
                rows.append((f"{name}: device busy, median", "", f"{found.busy:.0f} %"))
                rows.append((f"{name}: peak memory", "", f"{found.memory / 2**30:.1f} GiB"))
    table("imitation", rows)


def _in_a_process(name: str, place: str, steps: int, spared: bool) -> Speed:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measure, (name, place, steps, spared))


def _measure(name: str, place: str, steps: int, spared: bool) -> Speed:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, TrainerCallback

    from toolenv.training.configuration import SFTConfiguration
    from toolenv.training.from_scratch import SIZES, make_model
    from toolenv.training.spared_work import spared_work
    from toolenv.training.supervised import sft_trainer

    folder, out = Path(place, name), Path(place, f"{name}-trained")
    data = str(Path(place, "data/sft"))
    shutil.rmtree(folder, ignore_errors=True)
    make_model(data, folder, SIZES.get(name.partition("-")[0], SIZES["tiny"]))
    if name == "lora-1b":
        ends = {"bos_token_id": None, "eos_token_id": 1, "pad_token_id": 0}
        torch.manual_seed(0)
        LlamaForCausalLM(LlamaConfig(**LLAMA_1B, **ends)).to(torch.bfloat16).save_pretrained(folder)
    settings = {"learning_rate": 1e-3, **SETTINGS[name], "max_steps": steps, "bucket": 8}
    configuration = SFTConfiguration(model=str(folder), data=data, **settings)
    trainer, _ = sft_trainer(configuration, out)
    on_gpu = torch.cuda.is_available()
    times: list[tuple[float, float]] = []
    busy: list[float] = []

    class Watching(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if on_gpu:
                torch.cuda.synchronize()
                busy.append(torch.cuda.utilization())
            times.append((time.perf_counter(), float(trainer._total_train_tokens)))

    trainer.add_callback(Watching())
    with spared_work(trainer.model) if spared else nullcontext():
        trainer.train()
    skipped = steps // 5
    (began, before), (ended, after) = times[skipped], times[-1]
    spent = ended - began
    parameters = list(trainer.model.parameters())
    return Speed(
        sum(one.numel() for one in parameters),
        sum(one.numel() for one in parameters if one.requires_grad),
        (after - before) / spent,
        spent / (len(times) - 1 - skipped),
        statistics.median(busy[skipped:]) if on_gpu else None,
        torch.cuda.max_memory_allocated() if on_gpu else None,
    )


if __name__ == "__main__":
    main()
