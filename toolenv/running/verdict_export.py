"""Verdicts as the result files of ToolBench's and StableToolBench's evaluators.

One file for each set of tasks (a task's split), agent, policy and seed, since theirs hold one
attempt per task::

    OUT/<model>/<set>_<model>.json, .csv         StableToolBench's pass rates
    OUT/<set>_<model>.json, .csv                 ToolBench's pass rates
    OUT/<set>_<model>.csv                        final answer correctness
    OUT/<set>_<reference>_<candidate>.json, .csv preferences
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from toolenv.episodes import Episode
from toolenv.formats import (
    write_pass_results,
    write_pass_table,
    write_preference_results,
    write_preference_table,
)
from toolenv.formats.toolbench.pass_results import (
    write_fac_table,
    write_toolbench_pass_results,
    write_toolbench_pass_table,
)
from toolenv.judging.evaluator_results import (
    fac_rows,
    pass_results,
    preference_results,
    preference_rows,
    toolbench_pass_results,
    toolbench_pass_rows,
)
from toolenv.judging.verdicts import PassVerdict, WinVerdict
from toolenv.running.folder import RunFolder
from toolenv.running.judging import Reference, ReferenceEpisodes
from toolenv.running.records import EpisodeKey
from toolenv.running.verdict_sets import AnyVerdict

__all__ = ["export_verdicts"]

V = TypeVar("V", PassVerdict, WinVerdict)


def export_verdicts(
    run: RunFolder,
    verdicts: Sequence[AnyVerdict],
    out: Path,
    references: Sequence[Reference] = (),
    compatibility: str = "",
) -> list[Path]:
    """Write verdicts as their evaluators do; attempts that were not made are left out, as there.

    Args:
        run: The run that was judged.
        verdicts: A set of it.
        out: The folder to write into; files of the same names are replaced.
        references: What was compared with, for preferences.
        compatibility: ``toolbench`` or ``fac`` for their pass rates; else StableToolBench's.

    Returns:
        The files.
    """
    episodes = {EpisodeKey.of(episode): episode for episode in run.episodes()}
    passes = [one for one in verdicts if isinstance(one, PassVerdict)]
    wins = [one for one in verdicts if isinstance(one, WinVerdict)]
    write = {"toolbench": _toolbench, "fac": _fac}.get(compatibility, _stabletoolbench)
    written: list[Path] = []
    for (name, model), rows in _by_file(passes).items():
        written += write(out, name, model, rows, _by_task(rows, episodes))
    others = {one.name: ReferenceEpisodes(one) for one in references}
    for (name, model), pairs in _by_file(wins).items():
        for reference in dict.fromkeys(pair.reference for pair in pairs):
            own = [pair for pair in pairs if pair.reference == reference]
            found = _by_task(own, episodes)
            theirs = {
                pair.task: episode
                for pair in own
                if (episode := others[reference].episode(_key(pair))) is not None
            }
            names = (_plain(reference), model)
            written += _preferences(out, name, names, own, theirs, found)
    return written


def _by_file(verdicts: Iterable[V]) -> dict[tuple[str, str], list[V]]:
    """Verdicts by set and model, as files are named."""
    rows = list(verdicts)
    several = len({verdict.seed for verdict in rows}) > 1
    found: dict[tuple[str, str], list[V]] = defaultdict(list)
    for verdict in rows:
        model = _plain(f"{verdict.policy}_{verdict.agent}")
        model += f"_seed{verdict.seed}" if several else ""
        found[_plain(verdict.split or "tasks"), model].append(verdict)
    return dict(found)


def _plain(name: str) -> str:
    """A name as it can stand in a file's."""
    return re.sub(r"[^\w.@-]+", "-", name).strip("-") or "unnamed"


def _key(verdict: AnyVerdict) -> EpisodeKey:
    return EpisodeKey(verdict.task, verdict.agent, verdict.policy, verdict.seed)


def _by_task(
    verdicts: Iterable[AnyVerdict], episodes: Mapping[EpisodeKey, Episode]
) -> dict[str, Episode]:
    return {one.task: episodes[_key(one)] for one in verdicts if _key(one) in episodes}


def _pair(place: Path, name: str, *writers: tuple[str, Callable[[Path], None]]) -> list[Path]:
    place.mkdir(parents=True, exist_ok=True)
    found = []
    for suffix, write in writers:
        path = place / f"{name}{suffix}"
        write(path)
        found.append(path)
    return found


def _stabletoolbench(
    out: Path, name: str, model: str, rows: Sequence[PassVerdict], found: Mapping[str, Episode]
) -> list[Path]:
    results = pass_results(rows, found, model)
    return _pair(
        out / model,
        f"{name}_{model}",
        (".json", lambda path: write_pass_results(results, path)),
        (".csv", lambda path: write_pass_table(results, path)),
    )


def _toolbench(
    out: Path, name: str, model: str, rows: Sequence[PassVerdict], found: Mapping[str, Episode]
) -> list[Path]:
    results = toolbench_pass_results(rows, episodes=found)
    table = toolbench_pass_rows(results, model)
    return _pair(
        out,
        f"{name}_{model}",
        (".json", lambda path: write_toolbench_pass_results(results, path)),
        (".csv", lambda path: write_toolbench_pass_table(table, path)),
    )


def _fac(
    out: Path, name: str, model: str, rows: Sequence[PassVerdict], found: Mapping[str, Episode]
) -> list[Path]:
    table = fac_rows(rows, found)
    return _pair(out, f"{name}_{model}", (".csv", lambda path: write_fac_table(table, path)))


def _preferences(
    out: Path,
    name: str,
    names: tuple[str, str],
    pairs: Sequence[WinVerdict],
    theirs: Mapping[str, Episode],
    found: Mapping[str, Episode],
) -> list[Path]:
    results = preference_results(pairs, *names)
    table = preference_rows(pairs, *names, theirs, found)
    return _pair(
        out,
        f"{name}_{names[0]}_{names[1]}",
        (".json", lambda path: write_preference_results(results, path)),
        (".csv", lambda path: write_preference_table(table, path)),
    )
