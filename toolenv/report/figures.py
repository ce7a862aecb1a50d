"""The report's figures for a paper, as SVG and PNG: the same runs give the same bytes.

They are drawn by matplotlib (extra ``figures``); which version of it is part of what the bytes
depend on.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from toolenv.errors import ConfigurationError
from toolenv.report.curves import COLOURS
from toolenv.report.overview import Overview, Player
from toolenv.report.visible import cut, visible
from toolenv.running.atomic import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["write_figures"]

_LONGEST_LABEL: Final = 40

_SETTINGS: Final[dict[str, Any]] = {
    "svg.hashsalt": "toolenv",
    "svg.fonttype": "path",
    "text.parse_math": False,  # a name is no formula
    "text.usetex": False,
    "font.family": ["DejaVu Sans"],  # comes with matplotlib, so that machines do not differ
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#e3e3e3",
    "figure.dpi": 100,
    "savefig.dpi": 200,
}
_WITHOUT_DATE: Final = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}


def write_figures(found: Overview, folder: Path) -> list[Path]:
    """Draw every figure that there is something for.

    Args:
        found: What is drawn.
        folder: Where to; made where absent.

    Returns:
        The files.

    Raises:
        ConfigurationError: matplotlib is not installed.
        JournalError: A file cannot be written.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigurationError(
            f"Figures need {error.name}.", fix="Install it: pip install 'toolenv[figures]'."
        ) from error
    written: list[Path] = []
    settings: Any = {**matplotlib.rcParamsDefault, **_SETTINGS}  # whatever this machine's are
    with matplotlib.rc_context(settings):
        for name, draw in _drawings(found).items():
            figure = Figure(layout="constrained")
            draw(figure)
            for suffix, metadata in _WITHOUT_DATE.items():
                data = io.BytesIO()
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", UserWarning)  # a name the font has no signs for
                    figure.savefig(data, format=suffix, metadata=metadata)
                written.append(folder / f"{name}.{suffix}")
                write_atomically(written[-1], [data.getvalue()])
    return written


def _drawings(found: Overview) -> dict[str, Callable[[Figure], None]]:
    if not found.players:
        return {}
    drawings: dict[str, Callable[[Figure], None]] = {
        "pass-rates": lambda figure: _pass_rates(figure, found)
    }
    if len(found.splits) > 1:
        drawings["splits"] = lambda figure: _splits(figure, found)
    for cost in found.curves:
        drawings[f"pass-by-{cost.replace(' ', '-')}"] = lambda figure, cost=cost: _curves(  # type: ignore[misc]
            figure, found, cost
        )
    if found.errors:
        drawings["errors"] = lambda figure: _errors(figure, found)
    if any(found.sources.values()):
        drawings["sources"] = lambda figure: _shares(figure, found, found.sources, "source")
    if any(found.origins.values()):
        drawings["origins"] = lambda figure: _shares(figure, found, found.origins, "origin")
    return drawings


def _labels(found: Overview, players: Sequence[Player]) -> list[str]:
    return [_label(found.label(player)) for player in players]


def _label(text: str) -> str:
    kept, missing = cut(" ".join(visible(text).split()), _LONGEST_LABEL)
    return f"{kept}…" if missing else kept or "(no name)"


def _axes(figure: Figure, width: float, height: float) -> Axes:
    figure.set_size_inches(width, height)
    return figure.add_subplot()


def _percent(axes: Axes, which: str = "x") -> None:
    axis = axes.xaxis if which == "x" else axes.yaxis
    (axes.set_xlim if which == "x" else axes.set_ylim)(0, 1)
    axis.set_major_formatter(lambda share, _: f"{100 * share:.0f} %")
    axes.grid(axis="x" if which == "x" else "y")


def _legend(figure: Figure, labels: Sequence[str]) -> None:
    """A key to series that are drawn as areas in the usual colours."""
    from matplotlib.patches import Patch

    keys = [Patch(color=COLOURS[number % len(COLOURS)]) for number in range(len(labels))]
    figure.legend(keys, labels, loc="outside lower center", ncols=3)


def _pass_rates(figure: Figure, found: Overview) -> None:
    axes = _axes(figure, 6, 0.9 + 0.34 * len(found.players))
    for place, player in enumerate(found.players):
        group = found.groups[player]
        if group.rate is not None:
            low, high = group.interval
            axes.plot([low, high], [place, place], color=COLOURS[0], linewidth=2.5, alpha=0.45)
            axes.plot([group.rate], [place], "o", color=COLOURS[0], markersize=6)
    axes.set_yticks(range(len(found.players)), _labels(found, found.players))
    axes.set_ylim(len(found.players) - 0.5, -0.5)
    _percent(axes)
    axes.set_xlabel("pass rate, with 95 % intervals")


def _splits(figure: Figure, found: Overview) -> None:
    width = 0.8 / len(found.players)
    axes = _axes(figure, max(6.0, 0.4 * len(found.players) * len(found.splits) + 1), 3.4)
    for number, player in enumerate(found.players):
        places, rates, below, above = [], [], [], []
        for place, split in enumerate(found.splits):
            group = found.per_split.get((player, split))
            if group is not None and group.rate is not None:
                low, high = group.interval
                places.append(place + (number - (len(found.players) - 1) / 2) * width)
                rates.append(group.rate)
                below.append(max(0.0, group.rate - low))
                above.append(max(0.0, high - group.rate))
        axes.bar(
            places,
            rates,
            width * 0.92,
            yerr=[below, above],
            color=COLOURS[number % len(COLOURS)],
            error_kw={"linewidth": 1, "capsize": 2},
        )
    axes.set_xticks(
        range(len(found.splits)), [_label(split or "no split") for split in found.splits]
    )
    _percent(axes, "y")
    axes.set_ylabel("pass rate")
    _legend(figure, _labels(found, found.players))


def _curves(figure: Figure, found: Overview, cost: str) -> None:
    axes = _axes(figure, 6, 3.6)
    curves = found.curves[cost]
    most = max((at for points in curves.values() for at, _ in points), default=1.0)
    lines = []
    for number, player in enumerate(found.players):
        points = [(0.0, 0.0), *curves[player]]
        points.append((most * 1.03, points[-1][1]))
        lines += axes.step(
            [at for at, _ in points],
            [share for _, share in points],
            where="post",
            color=COLOURS[number % len(COLOURS)],
            linestyle=("-", "--", ":", "-.")[number % 4],
        )
    axes.set_xlim(0, most * 1.03)
    _percent(axes, "y")
    axes.set_xlabel(f"{cost} of one episode")
    axes.set_ylabel("passed within")
    figure.legend(lines, _labels(found, found.players), loc="outside lower center", ncols=3)


def _errors(figure: Figure, found: Overview) -> None:
    axes = _axes(figure, 6, 1.2 + 0.16 * len(found.errors) * (len(found.players) + 1))
    height = 0.8 / len(found.players)
    for number, player in enumerate(found.players):
        axes.barh(
            [
                kind + (number - (len(found.players) - 1) / 2) * height
                for kind in range(len(found.errors))
            ],
            [
                by_player[player].episodes / found.groups[player].episodes
                for by_player in found.errors.values()
            ],
            height * 0.92,
            color=COLOURS[number % len(COLOURS)],
        )
    axes.set_yticks(range(len(found.errors)), [kind.replace("_", " ") for kind in found.errors])
    axes.set_ylim(len(found.errors) - 0.5, -0.5)
    _percent(axes)
    axes.set_xlabel("share of episodes in which it occurs")
    _legend(figure, _labels(found, found.players))


def _shares(
    figure: Figure, found: Overview, counts: Mapping[Player, Mapping[str, int]], what: str
) -> None:
    players = [player for player in found.players if counts[player]]
    axes = _axes(figure, 6, 1.3 + 0.36 * len(players))
    kinds = sorted({kind for player in players for kind in counts[player]})
    ends = [0.0] * len(players)
    for number, kind in enumerate(kinds):
        widths = [counts[player].get(kind, 0) / sum(counts[player].values()) for player in players]
        axes.barh(range(len(players)), widths, 0.7, left=ends, color=COLOURS[number % len(COLOURS)])
        ends = [end + width for end, width in zip(ends, widths, strict=True)]
    axes.set_yticks(range(len(players)), _labels(found, players))
    axes.set_ylim(len(players) - 0.5, -0.5)
    _percent(axes)
    axes.set_xlabel(f"share of calls, by {what}")
    _legend(figure, [_label(kind) for kind in kinds])
