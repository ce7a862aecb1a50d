"""The campaign's tables, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from benchmarks.campaign.contrasts import PRIMARY, SECONDARY, Contrast, Measured
from toolenv.judging.bootstrap import Estimate

__all__ = ["CAMPAIGN", "contrast_table", "pass_table", "split_table"]

CAMPAIGN: Final[Mapping[str, Sequence[Contrast]]] = {"primary": PRIMARY, "secondary": SECONDARY}
"""The contrasts that were written down for the campaign."""


def pass_table(measured: Measured) -> str:
    """Pass rates in percent by split and over all, with 95 % intervals, steps and policy calls."""
    splits = list(dict.fromkeys(measured.splits.tolist()))
    parts = [*splits] if len(splits) > 1 else []
    lines = [
        f"| passed, % | {' | '.join([*parts, 'all'])} | steps | policy calls |",
        f"|---|{'---|' * (len(parts) + 3)}",
    ]
    for method in measured.methods:
        cells = [_share(measured.estimate(method, "passed", part)) for part in [*parts, ""]]
        cells += [f"{measured.estimate(method, of).value:.2f}" for of in ("steps", "policy_calls")]
        lines.append(f"| {method[0]}, {method[1]} | {' | '.join(cells)} |")
    return "\n".join(lines)


def contrast_table(measured: Measured, titled: Mapping[str, Sequence[Contrast]] = CAMPAIGN) -> str:
    """Contrasts, pooled over the splits.

    Args:
        measured: What was measured.
        titled: The contrasts by title, those that were written down for the campaign by default;
            one of which a side is missing is left out.
    """
    lines = ["| claim | contrast | difference (95 %) | excludes zero |", "|---|---|---|---|"]
    for title, contrasts in titled.items():
        rows = [row for contrast in contrasts for row in _row(measured, contrast)]
        lines += [f"| *{title}* | | | |", *rows] if rows else []
    return "\n".join(lines)


def split_table(measured: Measured, contrasts: Sequence[Contrast]) -> str:
    """Contrasts, split by split: differences with 95 % intervals."""
    splits = list(dict.fromkeys(measured.splits.tolist()))
    lines = [f"| claim | contrast | {' | '.join(splits)} |", f"|---|---|{'---|' * len(splits)}"]
    for contrast in contrasts:
        told = [_told(measured, contrast, split) for split in splits]
        if None not in told:
            named = f"{contrast.claim} | {_sides(contrast)}"
            lines.append(f"| {named} | {' | '.join(map(str, told))} |")
    return "\n".join(lines)


def _row(measured: Measured, contrast: Contrast) -> list[str]:
    found = measured.difference(contrast)
    if found is None:
        return []
    answer = "no"
    if found.low != found.low:  # of one training
        answer = "–"
    elif found.low > 0 or found.high < 0:
        answer = "yes"
    told = _told(measured, contrast)
    return [f"| {contrast.claim} | {_sides(contrast)} | {told} | {answer} |"]


def _told(measured: Measured, contrast: Contrast, split: str = "") -> str | None:
    found = measured.difference(contrast, split)
    if found is None:
        return None
    scale, digits = (100, 1) if contrast.of == "passed" else (1, 2)
    value, low, high = (f"{end * scale:+.{digits}f}" for end in found)
    return value if found.low != found.low else f"{value} ({low} to {high})"


def _sides(contrast: Contrast) -> str:
    return " − ".join(f"{method}, {agent}" for method, agent in (contrast.better, contrast.worse))


def _share(found: Estimate) -> str:
    value, low, high = (100 * end for end in found)
    return f"{value:.1f}" if low != low else f"{value:.1f} ({low:.0f}–{high:.0f})"
