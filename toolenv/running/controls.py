"""Running the controls of a benchmark: does it put what must be best above what must be worst?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from toolenv.agents.policies.solutions import solution_of
from toolenv.env_settings import load_tasks
from toolenv.episodes import Episode
from toolenv.errors import ConfigurationError
from toolenv.formats.gold import Gold, read_gold
from toolenv.judging.controls import CONTROLS, ControlOrder, order_controls
from toolenv.judging.gold_metrics import AST_ACCURACY
from toolenv.judging.metrics import Measured
from toolenv.judging.rewards import WORTH
from toolenv.running.configuration import RunConfiguration
from toolenv.running.folder import RunFolder
from toolenv.running.runner import run
from toolenv.running.tally import Progress

__all__ = ["ControlRun", "run_controls"]

_NOTHING_KNOWN: Final = (
    "Give tasks a check, or gold calls and an answer: see docs/checks.md and docs/metrics.md."
)


class ControlRun(NamedTuple):
    """What the controls came to.

    Args:
        run: The run, with all episodes.
        order: Whether they come in their order.
        unsolved: Tasks that the oracle did not do, although it knows their solution.
        unknown: Tasks whose solution is not known; they were not run.
        by_calls: How many of the tasks have no check: their score is the share of the gold calls
            that were made.
    """

    run: RunFolder
    order: ControlOrder
    unsolved: tuple[str, ...]
    unknown: tuple[str, ...]
    by_calls: int


def run_controls(
    configuration: RunConfiguration,
    out: Path | str,
    *,
    gold: Path | None = None,
    noise: float = 0.3,
    resume: bool = False,
    report: Callable[[Progress], None] = lambda progress: None,
) -> ControlRun:
    """Run an oracle, a noisy oracle, random calls and nothing on the same tasks, and order them.

    An episode's score is 1 where the check passes, a half where it cannot tell; of a task without a
    check it is the share of the gold calls that were made.

    Args:
        configuration: Tasks, simulator, agent, seeds; its policies are not read.
        out: The run folder.
        gold: A gold file; else what the tasks carry.
        noise: The chance that the noisy oracle spoils a message.
        resume: Go on with the run that is there.
        report: Told how far it is, after each episode.

    Raises:
        ConfigurationError: No task has a solution that is known, or there is more than one agent.
    """
    if len(configuration.agents) > 1:
        raise ConfigurationError("The controls are run with one agent.", where="agents")
    if not 0 < noise < 1:
        raise ConfigurationError(
            f"A noisy oracle spoils some messages, not {noise} of them.",
            where="noise",
            fix="Give a chance between 0 and 1.",
        )
    known = read_gold(gold) if gold is not None else {}
    tasks = configuration.choose(load_tasks(configuration.tasks, configuration.split))
    unknown = tuple(task.id for task in tasks if solution_of(task, known.get(task.id)) is None)
    solved = {task.id: task for task in tasks if task.id not in unknown}
    if not solved:
        raise ConfigurationError(
            f"Of none of {len(tasks)} tasks is the solution known.",
            where=configuration.tasks,
            fix=_NOTHING_KNOWN,
        )
    oracle = f"oracle:{gold}" if gold is not None else "oracle"
    policies = dict(
        zip(CONTROLS, (oracle, f"{oracle}?noise={noise:g}", "random", "nothing"), strict=True)
    )
    only = configuration.only if not unknown else tuple(solved)
    wanted = configuration.model_copy(update={"policies": tuple(policies.values()), "only": only})
    folder = run(wanted, out, resume=resume, report=report)
    scores = _scores(folder, {policy: name for name, policy in policies.items()}, known)
    order = order_controls(scores)
    missed = tuple(task for task in solved if scores["oracle"][task] < 1)
    by_calls = sum(task.check is None for task in solved.values())
    return ControlRun(folder, order, missed, unknown, by_calls)


def _scores(
    folder: RunFolder, names: Mapping[str, str], gold: Mapping[str, Gold]
) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in names.values()}
    for episode in folder.episodes():
        found[names[episode.policy]][episode.task.id].append(_score(episode, gold))
    return {
        name: {task: sum(scores) / len(scores) for task, scores in by_task.items()}
        for name, by_task in found.items()
    }


def _score(episode: Episode, gold: Mapping[str, Gold]) -> float:
    if episode.task.check is not None:
        return WORTH[episode.outcome]
    measured = AST_ACCURACY.measure(episode, gold.get(episode.task.id) or Gold.of(episode.task))
    return measured.part / measured.whole if isinstance(measured, Measured) else 0.0
