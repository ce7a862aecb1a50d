"""Judging a run: every attempt that was to be made, many at a time, written down beside the run."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from toolenv import bridge
from toolenv.episodes import Episode
from toolenv.errors import ConfigurationError
from toolenv.judging.grounding import GROUNDED_PASS
from toolenv.judging.judge import Case, Judge
from toolenv.judging.metrics import Figure, Measured, Unit, summarise_metrics
from toolenv.judging.verdicts import PassVerdict, WinVerdict
from toolenv.running.folder import RunFolder
from toolenv.running.records import EpisodeKey
from toolenv.running.verdict_sets import AnyVerdict, VerdictManifest, VerdictSet

__all__ = [
    "Reference",
    "ReferenceEpisodes",
    "attempts",
    "grounded_passes",
    "judge_run",
    "references_of",
]


class Reference(NamedTuple):
    """What a run is compared with: one agent and policy of a run.

    Args:
        name: What verdicts call it.
        run: The run.
        agent: The agent's name.
        policy: The policy's name.
    """

    name: str
    run: RunFolder
    agent: str
    policy: str


def attempts(run: RunFolder) -> list[EpisodeKey]:
    """Every attempt that was to be made: all tasks for each agent, policy and seed of the run.

    An attempt that crashed, or was never begun, is among them: what is missing is not left out of
    the denominator.
    """
    begun = [*run.outcomes(), *(EpisodeKey.of(episode) for episode in run.unfinished())]
    players = dict.fromkeys((key.agent, key.policy) for key in sorted(begun))
    seeds = {key.seed for key in begun}
    planned = run.manifest.configuration.get("seeds")
    if isinstance(planned, list):
        seeds |= {seed for seed in planned if isinstance(seed, int)}
    return [
        EpisodeKey(task, agent, policy, seed)
        for task in run.tasks
        for agent, policy in players
        for seed in sorted(seeds)
    ]


def references_of(run: RunFolder, name: str = "") -> list[Reference]:
    """The agents and policies of a run, as references.

    Args:
        run: The run.
        name: What they are called: the run's name, with agent and policy where there are several.
    """
    players = list(dict.fromkeys((key.agent, key.policy) for key in attempts(run)))
    name = name or run.path.name
    if len(players) == 1:
        return [Reference(name, run, *players[0])]
    return [Reference(f"{name}: {agent} {policy}", run, agent, policy) for agent, policy in players]


def grounded_passes(
    run: RunFolder, verdicts: Sequence[AnyVerdict], seed: int = 0
) -> dict[tuple[str, str], Figure]:
    """How many attempts passed without making an answer up, by agent and policy.

    Args:
        run: The run.
        verdicts: A set of pass verdicts on it; an attempt that was not made is a failed one.
        seed: What the draws of intervals derive from.
    """
    decided = {
        EpisodeKey(one.task, one.agent, one.policy, one.seed): one
        for one in verdicts
        if isinstance(one, PassVerdict)
    }
    units: dict[tuple[str, str], list[Unit]] = defaultdict(list)
    for episode in run.episodes(set(decided)):
        verdict = decided.pop(EpisodeKey.of(episode))
        judged = replace(episode, outcome=verdict.decision)
        units[episode.agent, episode.policy].append(Unit.of(judged, [GROUNDED_PASS]))
    for key in decided:
        units[key.agent, key.policy].append(Unit(key.task, (), (Measured(0.0),)))
    return {
        player: summarise_metrics(found, [GROUNDED_PASS], seed)[0]
        for player, found in units.items()
    }


def judge_run(
    run: RunFolder,
    judge: Judge[PassVerdict | WinVerdict],
    name: str,
    *,
    references: Sequence[Reference] = (),
    seed: int = 0,
    concurrency: int = 64,
    replace: bool = False,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> VerdictSet:
    """Judge every attempt of a run and write the verdicts beside it.

    What a model replied is recorded by the judge, so after a crash the same command goes on where
    it was.

    Args:
        run: The run.
        judge: The judge; one that compares needs references.
        name: The name of the set.
        references: What each attempt is compared with; one verdict for each.
        seed: What all sampling derives from.
        concurrency: Attempts that are judged at a time.
        replace: Write over a set of that name that another judge made.
        report: Told how many verdicts there are, and of how many.

    Raises:
        ConfigurationError: Another judge's set has that name, or there is nothing to judge.
        ToolenvError: The run cannot be read, or the verdicts cannot be written.
    """
    found = VerdictSet(run.path, name)
    manifest = VerdictManifest(
        kind=str(judge.settings.get("kind", "")),
        judge=judge.fingerprint,
        settings=judge.settings,
        seed=seed,
        tasks=run.manifest.tasks,
        references={one.name: one.run.manifest.tasks for one in references},
    )
    if found and not replace:
        there = found.manifest().model_copy(update={"counts": {}})
        if there != manifest:
            raise ConfigurationError(
                f"The run has verdicts {name!r} of another judge, seed or reference.",
                where=str(found.path),
                fix="Give the new ones another name (--name), or write over them (--replace).",
            )
    names = Counter(one.name for one in references)
    if twice := [one for one, times in names.items() if times > 1]:
        raise ConfigurationError(
            f"Two references are called {twice[0]!r}.", fix="Name each once; rename a run's folder."
        )
    keys = attempts(run)
    if not keys:
        raise ConfigurationError("The run has no attempts to judge.", where=str(run.path))
    cases = _cases(run, keys, references)
    compared = sum(not _is_own(run, one, key) for one in references for key in keys)
    total = compared if references else len(keys)
    verdicts: list[AnyVerdict] = []
    report(0, total)

    async def work() -> None:
        for case in cases:
            verdicts.append(await judge.judge(case, seed=seed))
            report(len(verdicts), total)
            await asyncio.sleep(0)  # lets Ctrl-C in where nothing waits

    async def all_of_them() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(concurrency, max(1, total))):
                group.create_task(work())

    bridge.run_on_loop(all_of_them)
    counts: Counter[str] = Counter(verdict.decision for verdict in verdicts)
    counted = {"verdicts": len(verdicts), **dict(sorted(counts.items()))}
    found.write(verdicts, manifest.model_copy(update={"counts": counted}))
    return found


def _cases(
    run: RunFolder, keys: Sequence[EpisodeKey], references: Sequence[Reference]
) -> Iterator[Case]:
    """What is judged: finished attempts as they stand in the journal, then those without one."""
    others = [ReferenceEpisodes(reference) for reference in references]
    missing: dict[EpisodeKey, None] = dict.fromkeys(keys)
    for episode in run.episodes():
        key = EpisodeKey.of(episode)
        if key in missing:
            del missing[key]
            yield from _against(run, key, episode, others)
    for key in missing:
        yield from _against(run, key, None, others)


def _against(
    run: RunFolder, key: EpisodeKey, episode: Episode | None, others: Sequence[ReferenceEpisodes]
) -> Iterator[Case]:
    alone = Case(run.tasks[key.task], key.agent, key.policy, key.seed, episode)
    if not others:
        yield alone
    for other in others:
        if not other.is_same(run, key):
            yield alone._replace(reference=other.episode(key), reference_name=other.reference.name)


class ReferenceEpisodes:
    """A reference's episodes, by task: of the same seed where there is one, else its first."""

    def __init__(self, reference: Reference) -> None:
        self.reference = reference
        self._by_task: dict[str, dict[int, Episode]] = {}
        _, run, agent, policy = reference
        wanted = {k for k in run.outcomes() if (k.agent, k.policy) == (agent, policy)}
        for episode in run.episodes(wanted):
            self._by_task.setdefault(episode.task.id, {})[episode.seed] = episode

    def episode(self, key: EpisodeKey) -> Episode | None:
        """What an attempt is compared with; None where the reference has none of the task."""
        by_seed = self._by_task.get(key.task, {})
        return by_seed.get(key.seed) or (by_seed[min(by_seed)] if by_seed else None)

    def is_same(self, run: RunFolder, key: EpisodeKey) -> bool:
        """Whether an attempt is the reference's own."""
        return _is_own(run, self.reference, key)


def _is_own(run: RunFolder, reference: Reference, key: EpisodeKey) -> bool:
    """Whether a reference is the attempt itself, which is not compared."""
    same = Path(reference.run.path).resolve() == Path(run.path).resolve()
    return same and (key.agent, key.policy) == (reference.agent, reference.policy)
