"""A run before any of it is run again: its files, what it depends on, what can be run again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from toolenv.agents.policies import HumanPolicy, RecordedPolicy
from toolenv.env import ToolEnv
from toolenv.errors import JournalError
from toolenv.jsontext import JsonValue, render
from toolenv.running.configuration import RunConfiguration
from toolenv.running.folder import RunFolder
from toolenv.running.manifest import describe_run, task_differences
from toolenv.running.planning import (
    Planned,
    endpoints_of,
    fingerprints_of,
    open_completions,
    plan,
)
from toolenv.running.records import EpisodeKey
from toolenv.running.results import Result, read_results, result_of, row_of
from toolenv.simulators.specification import RECORDED
from toolenv.specification_text import parse_specification

__all__ = [
    "Remade",
    "changed_parts",
    "damaged_files",
    "not_replayable",
    "remade",
    "unlike_versions",
]


_KEPT_APART = ("completions", "prices")
"""Options that results do not depend on and that running again needs; used where still there."""


class Remade(NamedTuple):
    """A run as it would be made today, with nothing of it run.

    Args:
        configuration: The run's own, read from its manifest.
        env: The environment of all its episodes.
        planned: Its episodes.
    """

    configuration: RunConfiguration
    env: ToolEnv
    planned: Mapping[EpisodeKey, Planned]


@contextmanager
def remade(run: RunFolder, changes: Mapping[str, JsonValue]) -> Iterator[Remade]:
    """Open what a run was made from; policies give recorded completions and record none.

    Args:
        run: The run.
        changes: Settings that are others than the manifest says, such as a snapshot that was moved.

    Raises:
        JournalError: The manifest does not say how the run was made.
        ToolenvError: What it was made from cannot be opened.
    """
    before = run.manifest.settings()
    kept = {
        name: place
        for name in _KEPT_APART
        if isinstance(place := before.get(name), str) and Path(place).exists()
    }
    try:
        configuration = RunConfiguration.model_validate(
            {**kept, **run.manifest.configuration, **changes}
        )
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"]))
        raise JournalError(
            f"Does not say how the run was made: {where}: {problem['msg']}.",
            where=str(run.path / "manifest.json"),
            fix="Only what 'toolenv run' has made can be made again.",
        ) from None
    env = configuration.open_environment()
    completions = open_completions(configuration.completions)
    try:
        planned = plan(configuration, env.tasks, completions, env.offered).episodes
        for item in planned:
            if isinstance(item.agent.policy, RecordedPolicy):
                item.agent.policy.replay_only = True
        yield Remade(configuration, env, {item.key: item for item in planned})
    finally:
        env.simulator.close()
        env.close()
        if completions is not None:
            completions.close()


def damaged_files(run: RunFolder) -> list[str]:
    """What is wrong with a run's files, one sentence each: tasks, journal, results, counts.

    Args:
        run: The run, opened so that what is damaged in the journal is skipped.

    Raises:
        JournalError: The tasks cannot be read, or the journal cannot at all.
    """
    found = []
    manifest, _ = describe_run(run.tasks.values())
    if manifest.tasks != run.manifest.tasks:
        found.append("tasks.jsonl holds other tasks than the manifest was made for.")
    if damages := run.damaged():
        found.append(
            f"journal: {len(damages)} damaged pieces, such as {damages[0].length} bytes from byte "
            f"{damages[0].offset} on; what they held does not count as finished."
        )
    if (path := run.path / "results.jsonl").exists():
        try:
            found += _differing_rows({row.key: row for row in read_results(path)}, run)
        except JournalError as error:
            found.append(str(error))
        counted = run.manifest.counts.get("episodes")
        finished = len(run.finished())
        if counted not in (None, finished):
            found.append(f"manifest.json counts {counted} episodes; {finished} have finished.")
    return found


def _differing_rows(rows: dict[EpisodeKey, Result], run: RunFolder) -> Iterator[str]:
    differing, lacking = [], []
    for episode in run.episodes():
        key = EpisodeKey.of(episode)
        row = rows.pop(key, None)
        if row is None:
            lacking.append(key)
        elif render(row_of(row)) != render(row_of(result_of(episode))):
            differing.append(key)
    for keys, what in (
        (differing, "rows are not what the journal says"),
        (lacking, "finished episodes have no row"),
        (list(rows), "rows have no finished episode in the journal"),
    ):
        if keys:
            yield f"results.jsonl: {len(keys)} {what}, such as {_named(min(keys))}."


def unlike_versions(run: RunFolder) -> list[str]:
    """What made the run in another version than is here; that alone proves nothing."""
    now = describe_run(())[0].versions
    before = run.manifest.versions
    return [
        f"{name}: {before[name]} then, {now.get(name, 'none')} now"
        for name in before
        if before[name] != now.get(name)
    ]


def changed_parts(run: RunFolder, made: Remade) -> list[str]:
    """What the results depend on that is not what it was: fingerprints, tasks, episodes."""
    tasks = list({item.task.id: item.task for item in made.planned.values()}.values())
    now, _ = describe_run(
        tasks,
        run.manifest.configuration,  # what was made again was read from it
        fingerprints_of(made.env, list(made.planned.values())),
        made.env.fingerprint_parts,
    )
    found = run.manifest.differences(now)
    if now.tasks != run.manifest.tasks:
        found.append(task_differences(list(run.tasks.values()), tasks))
    if unplanned := run.finished() - set(made.planned):
        found.append(
            f"episodes ({len(unplanned)} that the configuration does not make, such as "
            f"{_named(min(unplanned))})"
        )
    return found


def not_replayable(
    run: RunFolder, made: Remade, *, live: bool = False
) -> tuple[dict[str, int], set[EpisodeKey]]:
    """Why finished episodes cannot be run again, with their numbers, and those that can.

    Args:
        run: The run.
        made: The same today.
        live: Whether servers and people are asked again.
    """
    asked = endpoints_of(list(made.planned.values()))
    network = [
        specification
        for specification in made.configuration.simulator
        if (simulator := parse_specification(specification).simulator) is not None
        and simulator.kind not in {*RECORDED, "local"}
    ]
    reasons: Counter[str] = Counter()
    replayable = set()
    for key, outcome in run.outcomes().items():
        item = made.planned.get(key)
        if outcome == "infrastructure_error":
            reason = "broken by infrastructure"
        elif item is None:
            reason = "not of the configuration"
        elif live:
            reason = ""
        elif network:
            reason = f"the simulator {network[0]} asks what may have changed"
        elif key.policy in asked:
            reason = (
                f"the policy {key.policy} asks {asked[key.policy]}, and no completions are given"
            )
        elif isinstance(item.agent.policy, HumanPolicy):
            reason = "a person decided"
        else:
            reason = ""
        if reason:
            reasons[reason] += 1
        else:
            replayable.add(key)
    return dict(reasons.most_common()), replayable


def _named(key: EpisodeKey) -> str:
    return f"{key.task} {key.agent} {key.policy} seed {key.seed}"
