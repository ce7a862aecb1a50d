"""The campaign's tables, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.campaign.contrasts import PRIMARY, SECONDARY, Contrast, Measured
from toolenv.judging.bootstrap import Estimate

__all__ = ["contrast_table", "pass_table"]


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


def contrast_table(measured: Measured) -> str:
    """The contrasts, pooled over the splits."""
    lines = ["| claim | contrast | difference (95 %) | excludes zero |", "|---|---|---|---|"]
    for title, contrasts in (("primary", PRIMARY), ("secondary", SECONDARY)):
        lines.append(f"| *{title}* | | | |")
        lines += _rows(measured, contrasts)
    return "\n".join(lines)


def _rows(measured: Measured, contrasts: Sequence[Contrast]) -> list[str]:
    rows = []
    for contrast in contrasts:
        found = measured.difference(contrast)
        if found is None:
            continue
        scale, digits = (100, 1) if contrast.of == "passed" else (1, 2)
        value, low, high = (f"{end * scale:+.{digits}f}" for end in found)
        told, answer = f"{value} ({low} to {high})", "no"
        if found.low != found.low:  # of one training
            told, answer = value, "–"
        elif found.low > 0 or found.high < 0:
            answer = "yes"
        sides = " − ".join(
            f"{method}, {agent}" for method, agent in (contrast.better, contrast.worse)
        )
        rows.append(f"| {contrast.claim} | {sides} | {told} | {answer} |")
    return rows


def _share(found: Estimate) -> str:
    value, low, high = (100 * end for end in found)
    return f"{value:.1f}" if low != low else f"{value:.1f} ({low:.0f}–{high:.0f})"
