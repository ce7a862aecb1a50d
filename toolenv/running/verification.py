"""Verifying a run: are its files whole, is it still the same run, and does it happen again?

Three questions, in that order, since each is cheaper than the next. What cannot be run again (a
policy that asks a server without recorded completions, a simulator that asks one, a person) is
found before anything runs, with its reason and the number of its episodes.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict, JsonValue

from toolenv import bridge
from toolenv.running.configuration import RunConfiguration
from toolenv.running.episode_differences import EpisodeDifference, episode_differences
from toolenv.running.examination import (
    Remade,
    changed_parts,
    damaged_files,
    not_replayable,
    remade,
    unlike_versions,
)
from toolenv.running.folder import RunFolder
from toolenv.running.records import EpisodeKey
from toolenv.seeds import derive

__all__ = ["Examination", "Verification", "verify_run"]

_SHOWN = 5
"""How many differences of an episode are named."""


class Examination(BaseModel):
    """What is known of a run before any of it is run again.

    Args:
        episodes: How many finished episodes it has.
        unfinished: How many attempts have not finished.
        files: What is wrong with its files, one sentence each.
        versions: What made the run in another version than is here; that alone proves nothing.
        changed: What its results depend on that is not what it was.
        not_replayable: Why episodes cannot be run again, and how many.
        notes: What else limits what this verification says.
        chosen: How many episodes will be run again.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    episodes: int
    unfinished: int
    files: tuple[str, ...]
    versions: tuple[str, ...]
    changed: tuple[str, ...]
    not_replayable: dict[str, int]
    notes: tuple[str, ...]
    chosen: int


class Verification(BaseModel):
    """What a verification found.

    Args:
        run: The run's folder.
        examination: What was known before.
        replayed: How many episodes were run again.
        different: How many of them differ.
        unpriced: Of how many the money was not compared, because no price table is given.
        differences: In what, by episode; of each the first few.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str
    examination: Examination
    replayed: int
    different: int
    unpriced: int
    differences: tuple[EpisodeDifference, ...]

    @property
    def matches(self) -> bool:
        """Whether nothing differs of all that was looked at."""
        return not (self.examination.files or self.examination.changed or self.differences)


def verify_run(
    path: Path | str,
    *,
    sample: int | None = None,
    seed: int = 0,
    changes: Mapping[str, JsonValue] | None = None,
    live: bool = False,
    force: bool = False,
    concurrency: int = 16,
    examined: Callable[[Examination], None] = lambda examination: None,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Verification:
    """Check a run's files and fingerprints, run its episodes again, and say what differs.

    Nothing is written: not to the run, and not to stores of completions. Episodes of a run that was
    extended with tasks afterwards were run in an environment with fewer tasks, and have its
    fingerprint; that is no difference where all other parts of the environment are the same.

    Args:
        path: The run's folder.
        sample: Run only so many episodes again, drawn with the seed; None for all, 0 for none.
        seed: What the sample is drawn from.
        changes: Settings that are others than the manifest says: ``tasks``, ``simulator``,
            ``completions`` and ``prices`` that were moved.
        live: Run also what asks servers and people, who may answer otherwise now.
        force: Run again also where the run would be another one today.
        concurrency: Episodes in flight.
        examined: Told what was found before anything is run.
        report: Told how many episodes were run again, and of how many.

    Raises:
        ToolenvError: The run cannot be read, or what it was made from cannot be opened.
    """
    with RunFolder.open(path, skip_corrupt=True) as run:
        files = damaged_files(run)
        with remade(run, changes or {}) as made:
            changed = changed_parts(run, made)
            reasons, replayable = not_replayable(run, made, live=live)
            chosen = sorted(replayable) if force or not changed else []
            if sample is not None and sample < len(chosen):
                chosen = random.Random(derive("verify", seed)).sample(chosen, sample)
            examination = Examination(
                episodes=len(run.finished()),
                unfinished=len(run.unfinished()),
                files=tuple(files),
                versions=tuple(unlike_versions(run)),
                changed=tuple(changed),
                not_replayable=reasons,
                notes=tuple(_notes(run, made.configuration)),
                chosen=len(chosen),
            )
            examined(examination)
            replay = _Replay(made, lambda done: report(done, len(chosen)))
            report(0, len(chosen))
            bridge.run_on_loop(lambda: replay.all(run, set(chosen), concurrency))
    return Verification(
        run=str(path),
        examination=examination,
        replayed=replay.done,
        different=replay.different,
        unpriced=replay.unpriced,
        differences=tuple(sorted(replay.differences, key=lambda one: one.episode)),
    )


class _Replay:
    """Runs episodes again beside their records, as many in flight as asked for."""

    def __init__(self, made: Remade, report: Callable[[int], None]) -> None:
        self._made = made
        self._report = report
        self.done = self.different = self.unpriced = 0
        self.differences: list[EpisodeDifference] = []

    async def all(self, run: RunFolder, keys: set[EpisodeKey], concurrency: int) -> None:
        recorded = run.episodes(keys)
        smaller = run.manifest.smaller_environments()

        async def work() -> None:
            for before in recorded:
                item = self._made.planned[EpisodeKey.of(before)]
                again = await item.agent.arun(self._made.env, item.task, seed=item.seed)
                if (environment := before.fingerprints.get("environment")) in smaller:
                    named = {**again.fingerprints, "environment": environment}
                    again = replace(again, fingerprints=named)
                priced = self._made.configuration.prices is not None
                found = episode_differences(
                    before, again, apart_from=() if priced else ("money",), most=_SHOWN
                )
                self.unpriced += not priced and before.cost.money > 0
                self.differences += found
                self.different += bool(found)
                self.done += 1
                self._report(self.done)
                await asyncio.sleep(0)  # lets Ctrl-C and other episodes in where nothing waits

        async with asyncio.TaskGroup() as group:
            for _ in range(min(concurrency, len(keys))):
                group.create_task(work())


def _notes(run: RunFolder, configuration: RunConfiguration) -> list[str]:
    found = []
    if run.manifest.smaller_environments():
        found.append(
            "The run was extended with tasks: episodes of before name the environment with the "
            "tasks of then, all other parts of which are the same."
        )
    if configuration.seconds is not None:
        found.append(f"Episodes end after {configuration.seconds} s, which depends on the machine.")
    if any(one.startswith("store:") for one in configuration.simulator):
        found.append("A store can still grow: freeze it to a snapshot for a run that stays.")
    return found
