"""Checkpoints side by side: each runs the same episodes, and rates come with their intervals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from toolenv.errors import ConfigurationError
from toolenv.jsontext import JsonValue, parse
from toolenv.judging.bootstrap import Estimate, ratio_estimates
from toolenv.judging.pass_rate import score_interval
from toolenv.running.configuration import RunConfiguration
from toolenv.running.results import Result
from toolenv.running.runner import run
from toolenv.running.tally import Progress
from toolenv.seeds import derive
from toolenv.training.folder import TrainingRecord, checkpoints_of
from toolenv.training.models import model_source

__all__ = ["Checkpoint", "Evaluated", "checkpoints_at", "evaluate"]


class Checkpoint(NamedTuple):
    """A model to evaluate.

    Args:
        name: What tables and folders call it.
        path: Its folder.
        training: What was trained: checkpoints of one training make one curve.
        step: Steps of the optimizer that made it; None where nothing says so.
    """

    name: str
    path: Path
    training: str
    step: int | None


class Evaluated(NamedTuple):
    """How a checkpoint did, with an agent, on a split.

    Args:
        checkpoint: The checkpoint.
        agent: The agent's name.
        split: The split; empty for all tasks together.
        episodes: How many episodes.
        passed: The share that carried out their tasks, with its 95 % interval over tasks.
        steps: The mean number of steps of the chosen branch.
        policy_calls: The mean number of messages, over all branches.
        misses: How many calls no simulator answered.
        run: The run's folder.
    """

    checkpoint: Checkpoint
    agent: str
    split: str
    episodes: int
    passed: Estimate
    steps: Estimate
    policy_calls: Estimate
    misses: int
    run: Path

    def as_json(self) -> dict[str, JsonValue]:
        """The row as a JSON object."""
        return {
            "checkpoint": self.checkpoint.name,
            "training": self.checkpoint.training,
            "step": self.checkpoint.step,
            "agent": self.agent,
            "split": self.split,
            "episodes": self.episodes,
            "passed": _ends(self.passed),
            "steps": _ends(self.steps),
            "policy_calls": _ends(self.policy_calls),
            "misses": self.misses,
            "run": str(self.run),
        }


def checkpoints_at(places: Sequence[Path]) -> list[Checkpoint]:
    """The checkpoints that some folders are, or hold: a training's, and its final model.

    Raises:
        ConfigurationError: A folder holds no model, or two have one name.
    """
    found: list[Checkpoint] = []
    for place in places:
        record = TrainingRecord.read(place)
        inside = checkpoints_of(place)
        found += [
            Checkpoint(f"{place.name}-{path.name}", path, str(place), _step_of(path))
            for path in inside
        ]
        if record is not None and record.state == "finished":
            if inside and found[-1].step == record.steps:
                found.pop()  # the final model is the last checkpoint
            found.append(Checkpoint(place.name, place, str(place), record.steps))
        elif not inside:
            if not place.exists():
                raise ConfigurationError(
                    "There is no such folder.", where=str(place), fix="Check the path."
                )
            if (
                not (place / "config.json").is_file()
                and not (place / "adapter_config.json").is_file()
            ):
                raise ConfigurationError(
                    "The folder holds no model and no checkpoint.",
                    where=str(place),
                    fix="Name a training's folder, one of its checkpoints, or a model's folder.",
                )
            is_one = place.name.startswith("checkpoint-")
            name = f"{place.parent.name}-{place.name}" if is_one else place.name
            training = str(place.parent) if is_one else str(place)
            found.append(Checkpoint(name, place, training, _step_of(place)))
    names = [one.name for one in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigurationError(f"Two checkpoints are called {twice!r}.", fix="Rename a folder.")
    return found


def evaluate(
    checkpoints: Sequence[Checkpoint],
    configuration: RunConfiguration,
    out: Path,
    *,
    options: str = "",
    report: Callable[[str, Progress], None] = lambda name, progress: None,
) -> list[Evaluated]:
    """Run each checkpoint on the same episodes; what is there already is not done again.

    Args:
        checkpoints: The models.
        configuration: What is run; its policies are replaced.
        out: Where each checkpoint's run goes, by its name.
        options: Options of the local policy, as ``temperature=0&max_new_tokens=128``.
        report: Told how far each run is.

    Returns:
        A row for each checkpoint and agent, and one for each split where there are several.

    Raises:
        ToolenvError: A model cannot be loaded, or a run is of something else.
    """
    rows: list[Evaluated] = []
    for checkpoint in checkpoints:
        chosen = configuration.model_copy(update={"policies": (_policy(checkpoint, options),)})
        place = out / checkpoint.name

        def tell(progress: Progress, name: str = checkpoint.name) -> None:
            report(name, progress)

        folder = run(chosen, place, resume=(place / "manifest.json").exists(), report=tell)
        grouped: dict[str, list[Result]] = defaultdict(list)
        for result in folder.results():
            grouped[result.agent].append(result)
        for agent, results in grouped.items():
            rows.append(_row(checkpoint, agent, "", results, place))
            splits = sorted({result.split for result in results})
            if len(splits) > 1:
                rows += [
                    _row(checkpoint, agent, split, [r for r in results if r.split == split], place)
                    for split in splits
                ]
    return rows


def _policy(checkpoint: Checkpoint, options: str) -> str:
    source = model_source(str(checkpoint.path))
    given = [f"adapter={quote(source.adapter)}"] if source.adapter else []
    given += [options] if options else []
    return f"transformers:{source.model}" + (f"?{'&'.join(given)}" if given else "")


def _row(
    checkpoint: Checkpoint, agent: str, split: str, results: Sequence[Result], place: Path
) -> Evaluated:
    seed = derive("evaluate", agent, split)
    tasks = [result.task for result in results]

    def mean(values: Sequence[float]) -> Estimate:
        by_task: dict[str, list[float]] = defaultdict(list)
        for task, value in zip(tasks, values, strict=True):
            by_task[task].append(value)
        parts = [[sum(own)] for own in by_task.values()]
        wholes = [[float(len(own))] for own in by_task.values()]
        return ratio_estimates(parts, wholes, seed, widened=True)[0]

    return Evaluated(
        checkpoint,
        agent,
        split,
        len(results),
        score_interval(tasks, [float(r.outcome == "passed") for r in results], seed),
        mean([float(result.chosen_steps) for result in results]),
        mean([float(result.cost.policy_calls) for result in results]),
        sum(result.misses for result in results),
        place,
    )


def _step_of(path: Path) -> int | None:
    try:
        state = parse((path / "trainer_state.json").read_bytes())
    except (OSError, ValueError):
        return None
    step = state.get("global_step") if isinstance(state, dict) else None
    return step if isinstance(step, int) else None


def _ends(estimate: Estimate) -> JsonValue:
    return [round(end, 6) if end == end else None for end in estimate]
