"""The learning curve: how often checkpoints pass, over the steps that made them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from toolenv.errors import ConfigurationError
from toolenv.files import replacing
from toolenv.training.evaluating import Evaluated

__all__ = ["draw_learning_curve"]


def draw_learning_curve(rows: Sequence[Evaluated], path: Path) -> bool:
    """Draw pass rates over steps, a line for each training, agent and split, with intervals.

    Args:
        rows: How checkpoints did.
        path: The file to write; its suffix says the format (``.svg``, ``.png``, ``.pdf``).

    Returns:
        Whether there was anything to draw: checkpoints that say how many steps made them.

    Raises:
        ConfigurationError: matplotlib is not installed.
    """
    lines: dict[str, list[Evaluated]] = defaultdict(list)
    for row in rows:
        if row.checkpoint.step is not None:
            name = f"{Path(row.checkpoint.training).name}, {row.agent}"
            lines[f"{name}, {row.split}" if row.split else name].append(row)
    if not lines:
        return False
    try:
        import matplotlib
    except ImportError as error:
        raise ConfigurationError(
            f"The learning curve needs {error.name}, which is not installed.",
            fix="pip install 'toolenv[figures]', or leave it out: --no-figure.",
        ) from None
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"svg.hashsalt": "toolenv", "svg.fonttype": "none"}):
        figure = Figure(figsize=(8, 5), layout="constrained")
        axes = figure.add_subplot()
        for name, found in lines.items():
            found.sort(key=lambda row: row.checkpoint.step or 0)
            steps = [row.checkpoint.step or 0 for row in found]
            (line,) = axes.plot(steps, [row.passed.value for row in found], "o-", label=name)
            axes.fill_between(
                steps,
                [row.passed.low for row in found],
                [row.passed.high for row in found],
                alpha=0.15,
                color=line.get_color(),
                linewidth=0,
            )
        axes.set_ylim(0, 1)
        axes.set_xlabel("steps of the optimizer")
        axes.set_ylabel("share of episodes that pass")
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
        with replacing(path) as new:
            figure.savefig(new, format=path.suffix.lstrip("."), metadata={"Date": None})
    return True
