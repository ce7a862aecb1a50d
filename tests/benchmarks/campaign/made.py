"""A campaign's folder, runs with given outcomes, and a policy that often gives up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from tests.running.judged_runs import written
from tests.training.tiny import tiny_policy
from toolenv.apis import FINISH
from toolenv.episodes import Cost, Episode, FunctionCall, Message
from toolenv.jsontext import JsonValue, render
from toolenv.mini.benchmark import ExpertPolicy
from toolenv.tasks import Task
from toolenv.training.folder import TrainingRecord

__all__ = ["Passes", "Wavering", "made_campaign", "measured_run"]

ROOT = "/somewhere/of/ours/campaign"
"""Where the commands were carried out, which nobody needs to know."""

_COMMANDS = {
    "runs/expert": ["run", "--tasks", "toolenv.mini.benchmark:train_tasks?seed=0&count=8"],
    "data/sft": ["dataset", "sft", f"{ROOT}/runs/expert"],
    "seed-0/models/sft": ["train", "sft", "--model", "models/base", "--data", f"{ROOT}/data/sft"],
    "seed-0/runs/explored": [
        *("run", "--agent", "dfsdt?breadth=3&siblings=hidden"),
        *("--policy", f"transformers:{ROOT}/seed-0/models/sft?temperature=0.5"),
    ],
    "seed-0/data/pairs": ["pairs", f"{ROOT}/seed-0/runs/explored", "--source", "steps"],
    "seed-0/models/dpo": [
        *("train", "dpo", "--model", f"{ROOT}/seed-0/models/sft"),
        *("--data", f"{ROOT}/seed-0/data/pairs"),
    ],
    "seed-0/models/grpo": ["train", "grpo", "--model", f"{ROOT}/seed-0/models/sft"],
}


Passes = Callable[[int, int], bool]
"""Whether the training of a seed passes a task, both by number."""


def measured_run(
    out: Path,
    tasks: Sequence[Task],
    seeds: Sequence[int],
    method: str,
    agent: str,
    passes: Passes,
    *,
    calls: int,
    on: str = "test",
) -> None:
    """Write what each seed's run would leave behind."""
    for seed in seeds:
        episodes = [
            Episode(
                task,
                (),
                agent=agent,
                policy=method,
                outcome="passed" if passes(seed, number) else "failed",
                cost=Cost(policy_calls=calls + number % 2),
            )
            for number, task in enumerate(tasks)
        ]
        written(out / f"seed-{seed}" / on / method / agent, episodes, [*tasks]).close()


class Wavering(ExpertPolicy):
    """The expert, who gives up one time in three."""

    name = "wavering"

    async def __call__(
        self,
        messages: Sequence[dict[str, JsonValue]],
        functions: Sequence[dict[str, JsonValue]],
        *,
        seed: int,
    ) -> Message:
        if seed % 3 == 0:
            return Message(calls=(FunctionCall(FINISH, '{"return_type":"give_up_and_restart"}'),))
        return await super().__call__(messages, functions, seed=seed)


def made_campaign(root: Path) -> Path:
    """Write a folder with two stages that have learned nothing, and return the seed's folder."""
    (root / "done").mkdir(parents=True)
    for number, (out, command) in enumerate(_COMMANDS.items()):
        row = {"out": out, "command": command, "seconds": number + 0.5}
        (root / "done" / f"{out.replace('/', '-')}.json").write_text(render(row))
    for seed, stage in enumerate(("sft", "dpo")):
        model = tiny_policy(root / "seed-0" / "models" / stage, context=8192, seed=seed)
        record = TrainingRecord(
            kind=stage,
            state="finished",
            steps=5,
            rows={"rows": 69},
            versions={"toolenv": "0.1.0", "torch": "2.13.0"},
        )
        (model / "training.json").write_text(record.model_dump_json())
        (model / "training_args.bin").write_bytes(b"pickled")
        (model / "checkpoint-5").mkdir()
        (model / "checkpoint-5" / "optimizer.pt").write_bytes(b"pickled")
    return root / "seed-0"
