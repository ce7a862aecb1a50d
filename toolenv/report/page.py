"""The report: runs as one HTML file that needs no network and believes nothing it shows.

Everything from a run is escaped, characters that act are made visible, and a content security
policy allows the page's own script and style by their digests and nothing else. The same runs give
the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from toolenv.episodes import Call, Episode, Response, Step
from toolenv.errors import JournalError
from toolenv.report.summary import calls_by_source, count, group_results
from toolenv.report.tree import arguments_text, lines, status_text
from toolenv.report.visible import cut, visible
from toolenv.running.atomic import write_atomically
from toolenv.running.folder import RunFolder
from toolenv.running.records import EpisodeKey
from toolenv.running.results import Result

__all__ = ["write_report"]

_OUTCOMES = ("passed", "failed", "unsure", "infrastructure_error")


def write_report(
    run_folders: Sequence[RunFolder | Path | str],
    path: Path | str,
    *,
    title: str = "",
    episodes: int = 200,
    text_length: int = 20_000,
) -> None:
    """Write runs as one self-contained HTML page.

    Args:
        run_folders: The runs, opened or by their folders.
        path: The file to write.
        title: The page's heading; the runs' names by default.
        episodes: How many episodes the page holds with all their steps, the runs taking turns,
            each in the order of its results. The others are listed in a table.
        text_length: How many characters of one text the page holds; what is cut is said.

    Raises:
        JournalError: A run cannot be read, or the page not written.
    """
    if not run_folders:
        raise JournalError("No run was named.", fix="Name at least one run folder.")
    opened = [run if isinstance(run, RunFolder) else RunFolder.open(run) for run in run_folders]
    names = _names(opened)
    rows = [
        (name, result) for name, run in zip(names, opened, strict=True) for result in run.results()
    ]
    kept = _kept(rows, episodes)
    environment = _environment(text_length)
    style, script = (_source(environment, name) for name in ("report.css", "report.js"))
    run_of = {id(result): name for name, result in rows}
    leaderboard = group_results(
        (result for _, result in rows), lambda r: (run_of[id(r)], r.agent, r.policy)
    )
    page = environment.get_template("report.html").generate(
        title=title or ", ".join(names),
        style=Markup(style),
        script=Markup(script),
        style_hash=_digest(style),
        script_hash=_digest(script),
        runs=[(name, run.manifest) for name, run in zip(names, opened, strict=True)],
        total=len(rows),
        tasks=len({task for run in opened for task in run.tasks}),
        leaderboard=sorted(leaderboard.items(), key=lambda item: (-(item[1].rate or 0.0), item[0])),
        undecided=any(group.decided != group.episodes for group in leaderboard.values()),
        splits=sorted({result.split for _, result in rows}),
        per_split=group_results(
            (result for _, result in rows),
            lambda r: (run_of[id(r)], r.agent, r.policy, r.split),
        ),
        ended=count({result.ended: 1} for _, result in rows),
        missed=any(group.missed for group in leaderboard.values()),
        sources=calls_by_source(result for _, result in rows),
        origins=count(result.calls_by_origin for _, result in rows),
        outcomes=_OUTCOMES,
        episodes=_with_steps(names, opened, kept),
        left_out=[(name, result) for name, result in rows if (name, result.key) not in kept],
    )
    write_atomically(Path(path), (piece.encode() for piece in page))


def _names(runs: Sequence[RunFolder]) -> list[str]:
    """The runs' folder names, numbered where two are alike."""
    names: list[str] = []
    for run in runs:
        name = plain = run.path.resolve().name
        number = 1
        while name in names:
            number += 1
            name = f"{plain} ({number})"
        names.append(name)
    return names


def _kept(rows: Sequence[tuple[str, Result]], limit: int) -> dict[tuple[str, EpisodeKey], int]:
    """Which episodes the page holds with their steps, and in which order."""
    turn: dict[str, int] = {}
    places: list[tuple[int, int, tuple[str, EpisodeKey]]] = []
    for place, (name, result) in enumerate(rows):
        turn[name] = turn.get(name, 0) + 1
        places.append((turn[name], place, (name, result.key)))
    return {key: place for _, place, key in sorted(places)[: max(0, limit)]}


def _with_steps(
    names: Sequence[str], runs: Sequence[RunFolder], kept: dict[tuple[str, EpisodeKey], int]
) -> list[tuple[str, Episode]]:
    found: list[tuple[int, str, Episode]] = []
    for name, run in zip(names, runs, strict=True):
        wanted = {key: place for (of, key), place in kept.items() if of == name}
        found += [(wanted[EpisodeKey.of(e)], name, e) for e in run.episodes(wanted)]
    found.sort(key=lambda item: item[0])
    return [(name, episode) for _, name, episode in found]


def _environment(text_length: int) -> Environment:
    environment = Environment(
        loader=PackageLoader("toolenv.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )

    def shortened(text: str, length: int = text_length) -> tuple[str, int]:
        return cut(text, length)

    environment.filters["visible"] = visible
    environment.filters["cut"] = shortened
    environment.globals.update(
        lines=lines, paired=_paired, arguments=arguments_text, status=status_text, pretty=_pretty
    )
    return environment


def _paired(step: Step) -> Iterator[tuple[Call | None, Response | None]]:
    return zip_longest(step.calls, step.responses)


def _pretty(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _source(environment: Environment, name: str) -> str:
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


def _digest(text: str) -> str:
    """A digest by which a content security policy allows an inline script or style."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
