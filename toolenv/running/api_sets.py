"""The same tasks with the APIs they need, those that were retrieved, and all there are.

The first says what the policy can do, the second what it does where APIs must be found, the third
what it does without finding them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from toolenv.env_settings import load_tasks
from toolenv.errors import ConfigurationError
from toolenv.formats import write_tasks
from toolenv.running.configuration import RunConfiguration
from toolenv.running.folder import RunFolder
from toolenv.running.runner import run
from toolenv.running.tally import Progress
from toolenv.tasks import Task

__all__ = ["API_SETS", "gold_tasks", "run_api_sets"]

API_SETS = ("gold", "retrieved", "all")
"""Which APIs are offered."""


def gold_tasks(tasks: Sequence[Task]) -> list[Task]:
    """Tasks that offer only what their source calls relevant; those that do not say are left out.

    Raises:
        ConfigurationError: None says so.
    """
    found = []
    for task in tasks:
        wanted = set(task.relevant or ())
        apis = tuple(api for api in task.apis if (api.tool, api.name) in wanted)
        if apis:
            found.append(Task.model_validate({**dict(task), "apis": apis}))
    if not found:
        raise ConfigurationError(
            "No task lists the APIs that are relevant for it.",
            where="tasks",
            fix="Give tasks with 'relevant APIs' and their documents; open-domain files have none.",
        )
    return found


def run_api_sets(
    configuration: RunConfiguration,
    out: Path,
    *,
    resume: bool = False,
    report: Callable[[str], Callable[[Progress], None]],
) -> dict[str, RunFolder]:
    """Run the tasks three times, which differ in what is offered alone.

    Args:
        configuration: A run with a retriever.
        out: The folder that gets one run folder for each of ``API_SETS``.
        resume: Go on with what is there.
        report: Makes, for the name of a run, what is told how far it is.

    Returns:
        The run folders, by set.

    Raises:
        ConfigurationError: There is no retriever, or no task says what is relevant.
    """
    if configuration.retriever is None:
        raise ConfigurationError(
            "No retriever is named.", where="retriever", fix="Name one, such as hybrid:FOLDER."
        )
    tasks = gold_tasks(load_tasks(configuration.tasks, configuration.split))
    out.mkdir(parents=True, exist_ok=True)
    gold, ids = out / "gold.tasks.jsonl", {task.id for task in tasks}
    write_tasks(tasks, gold)
    only = configuration.only or tuple(task.id for task in tasks)
    chosen = {"only": tuple(name for name in only if name in ids)}
    index = configuration.retriever.partition(":")[2].partition("|")[0].partition("?")[0]
    changes: dict[str, dict[str, object]] = {
        "gold": {"tasks": str(gold), "split": None, "retriever": None, "search_apis": False},
        "retrieved": {},
        "all": {"retriever": f"every:{index}", "search_apis": False},
    }
    return {
        name: run(
            configuration.model_copy(update={**chosen, **changes[name]}),
            out / name,
            resume=resume,
            report=report(name),
        )
        for name in API_SETS
    }
