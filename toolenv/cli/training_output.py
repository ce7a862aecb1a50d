"""What the commands of training show."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from toolenv.cli.output import plain

if TYPE_CHECKING:
    from toolenv.judging.bootstrap import Estimate
    from toolenv.training.evaluating import Evaluated

__all__ = ["checkpoint_table", "quiet_libraries", "write_rows_beside"]


def checkpoint_table(rows: Sequence[Evaluated]) -> Table:
    """Checkpoints side by side; their splits, where they have any."""
    table = Table()
    table.add_column("checkpoint", overflow="fold")
    of_splits = any(row.split for row in rows)
    split = ["split"] if of_splits else []
    for name in ("step", "agent", *split, "episodes", "passed", "steps", "policy calls"):
        table.add_column(name, no_wrap=name in ("passed", "episodes"))
    for row in rows:
        step = row.checkpoint.step
        table.add_row(
            plain(row.checkpoint.name.removesuffix(f"-checkpoint-{step}")),
            "" if step is None else str(step),
            plain(row.agent),
            *([plain(row.split or "all")] if of_splits else []),
            str(row.episodes),
            _share(row.passed),
            _mean(row.steps),
            _mean(row.policy_calls),
        )
    return table


def write_rows_beside(rows: Sequence[Evaluated], path: Path) -> None:
    """Write the rows as JSON."""
    from toolenv.files import replacing
    from toolenv.jsontext import render

    with replacing(path) as new:
        new.write_text(f"{render([row.as_json() for row in rows])}\n", encoding="utf-8")


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Without the libraries' own bars and notices, which say nothing that a user can act on."""
    with suppress(ImportError):  # what needs them says so
        import transformers

        transformers.utils.logging.disable_progress_bar()
        transformers.utils.logging.set_verbosity_error()
    with suppress(ImportError):
        import datasets

        datasets.disable_progress_bars()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def _share(estimate: Estimate) -> str:
    if estimate.value != estimate.value:
        return "–"
    return f"{estimate.value:.1%} {100 * estimate.low:.0f}–{100 * estimate.high:.0f}"


def _mean(estimate: Estimate) -> str:
    return f"{estimate.value:.2f}" if estimate.value == estimate.value else "–"
