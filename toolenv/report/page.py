"""The report: runs as one HTML file that needs no network and believes nothing it shows.

Tables and figures of the whole are in the page as HTML and SVG; the list of episodes and the
episodes themselves are compressed data (``toolenv.report.chunks``), which the page's script shows
as text once they are asked for. Everything from a run is escaped, characters that act are made
visible, and a content security policy allows the page's own script and style by their digests and
nothing else: no network, no script or markup from a text. The same runs give the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from toolenv.judging.agreement import Label
from toolenv.judging.error_taxonomy import ERROR_KINDS
from toolenv.report.chunks import EpisodeChunks, packed
from toolenv.report.curves import curves_svg
from toolenv.report.episode_data import TEXT_LENGTH, episode_data
from toolenv.report.index import index_data
from toolenv.report.overview import Overview, overview_of
from toolenv.report.overview_tables import tables_of
from toolenv.report.runs import JudgedSet, ReportedRun, Row, open_runs, row_of_episode
from toolenv.report.tables import cell_text
from toolenv.report.verdicts import judged_figures, judged_lines
from toolenv.report.visible import visible
from toolenv.running.atomic import write_atomically
from toolenv.running.folder import RunFolder
from toolenv.running.records import EpisodeKey

__all__ = ["content_security_policy", "page_pieces", "write_report"]

_SCRIPTS: Final = (
    "elements.js",
    "data.js",
    "routes.js",
    "tree.js",
    "verdicts.js",
    "steps.js",
    "list.js",
    "compare.js",
    "page.js",
)
"""The page's script, in the order in which its files are joined."""


def write_report(
    run_folders: Sequence[RunFolder | Path | str],
    path: Path | str,
    *,
    title: str = "",
    text_length: int = TEXT_LENGTH,
    labels: Sequence[Label] = (),
    report: Callable[[int, int | None], None] = lambda done, total: None,
) -> Overview:
    """Write runs as one self-contained HTML page, which holds every step of every episode.

    Args:
        run_folders: The runs, opened or by their folders.
        path: The file to write.
        title: The page's heading; the runs' names by default.
        text_length: How many characters of one text the page holds; what is cut is said.
        labels: What people say of the episodes, for the verdicts' agreement with them.
        report: Told how many episodes were read, and of how many.

    Returns:
        The figures of the whole.

    Raises:
        JournalError: A run cannot be read, or the page not written.
    """
    runs = open_runs(run_folders)
    total = sum(len(run.folder.outcomes()) for run in runs)
    with EpisodeChunks() as chunks:
        rows: list[Row] = []
        for run in runs:
            for episode in run.folder.episodes():
                key = EpisodeKey.of(episode)
                verdicts = run.verdicts_on(key)
                chunks.add(
                    (run.name, key), episode_data(episode, verdicts, text_length=text_length)
                )
                rows.append(row_of_episode(run.name, episode))
                report(len(rows), total)
        places = {run.name: place for place, run in enumerate(runs)}
        rows.sort(key=lambda row: (places[row.run], row.result.key))
        order = [(row.run, row.result.key) for row in rows]
        overview = overview_of([run.name for run in runs], rows)
        pieces = page_pieces(
            runs,
            overview,
            title=title,
            index=packed(index_data(runs, rows, chunks.places(order))),
            chunks=chunks.packed(order),
            labels=labels,
        )
        write_atomically(Path(path), (piece.encode() for piece in pieces))
    return overview


def page_pieces(
    runs: Sequence[ReportedRun],
    overview: Overview,
    *,
    title: str = "",
    index: str = "",
    chunks: Iterable[str] = (),
    live: bool = False,
    labels: Sequence[Label] = (),
) -> Iterator[str]:
    """The page, piece by piece.

    Args:
        runs: The runs.
        overview: Their figures.
        title: The page's heading; the runs' names by default.
        index: The list of episodes, packed.
        chunks: The episodes, packed.
        live: Whether the list and the episodes are asked for where the page comes from, again and
            again, instead of being in it.
        labels: What people say of the episodes.
    """
    names = {player: visible(overview.label(player)) for player in overview.players}
    yield from (
        _environment()
        .get_template("report.html")
        .generate(
            title=title or ", ".join(run.name for run in runs),
            policy=content_security_policy(live=live),
            style=Markup(_style()),
            script=Markup(_script()),
            live=live,
            runs=[(run.name, run.folder.manifest) for run in runs],
            total=sum(group.episodes for group in overview.groups.values()),
            tasks=len(
                {
                    (name, task.instruction)
                    for run in runs
                    for name, task in run.folder.tasks.items()
                }
            ),
            tables=tables_of(overview),
            curves=[
                Markup(
                    curves_svg(
                        {names[player]: points for player, points in curves.items()},
                        title=f"Pass rate by {name}",
                        across=f"{name} of one episode",
                    )
                )
                for name, curves in overview.curves.items()
            ],
            judged=[
                (run.name, one.name, _judged_lines(run, one, labels))
                for run in runs
                for one in run.judged
            ],
            index=Markup(index),
            chunks=map(Markup, chunks),
        )
    )


def content_security_policy(*, live: bool = False) -> str:
    """What the page may do: its own style and script; where it is live, ask where it comes from.

    Markup that is put into the page from a text is refused altogether (trusted types).
    """
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src '{_digest(_style())}'",
            f"script-src '{_digest(_script())}'",
            f"connect-src {chr(39)}{'self' if live else 'none'}{chr(39)}",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def _judged_lines(run: ReportedRun, judged: JudgedSet, labels: Sequence[Label]) -> list[str]:
    compatibility = judged.manifest.settings.get("compatibility")
    figures = judged_figures(
        judged.verdicts,
        compatibility if isinstance(compatibility, str) else None,
        list(run.folder.tasks),
        judged.manifest.seed,
        labels,
    )
    return list(judged_lines(figures))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("toolenv.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["visible"] = visible
    environment.filters["cell"] = cell_text
    environment.filters["kind"] = lambda cell: type(cell).__name__
    environment.globals.update(pretty=_pretty, error_kinds=ERROR_KINDS)
    return environment


def _pretty(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


@cache
def _style() -> str:
    return _source("report.css")


@cache
def _script() -> str:
    joined = "\n".join(_source(name) for name in _SCRIPTS)
    return f'"use strict";\n(() => {{\n{joined}}})();\n'


def _source(name: str) -> str:
    return files("toolenv.report").joinpath("templates", name).read_text("utf-8")


def _digest(text: str) -> str:
    """A digest by which a content security policy allows an inline script or style."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
