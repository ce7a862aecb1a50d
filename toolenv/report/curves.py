"""Curves as SVG: steps of pass rates over what passing costs, as a file or as a part of a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import floor, log10

from jinja2 import Environment, StrictUndefined

__all__ = ["COLOURS", "curves_svg"]

COLOURS = ("#4269d0", "#e4572e", "#3a923a", "#a463f2", "#b8860b", "#17a2b8", "#d6336c", "#666666")
"""What series are drawn in, in turn; a page overrides them by class for its dark theme."""

_WIDTH, _HEIGHT, _LEFT, _TOP = 640, 300, 56, 20
_LONGEST_NAME = 30
_DASHES = ("", "7 3", "2 3", "9 3 2 3")

_TEMPLATE = Environment(autoescape=True, undefined=StrictUndefined).from_string(
    """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{ width }} {{ height }}" role="img"
 aria-label="{{ title }}" class="curves" font-family="system-ui, sans-serif" font-size="12">
<title>{{ title }}</title>
<rect width="100%" height="100%" fill="white" class="ground"/>
{% for y, label in shares %}<path d="M{{ left }} {{ y }}H{{ right }}" stroke="#ddd" class="grid"/>
<text x="{{ left - 6 }}" y="{{ y + 4 }}" text-anchor="end" fill="#444" class="label">{{ label
 }}</text>
{% endfor %}{% for x, label in ticks %}<path d="M{{ x }} {{ bottom }}v5" stroke="#444"
 class="axis"/>
<text x="{{ x }}" y="{{ bottom + 18 }}" text-anchor="middle" fill="#444" class="label">{{ label
 }}</text>
{% endfor %}<path d="M{{ left }} {{ bottom }}H{{ right }}" stroke="#444" class="axis"/>
<text x="{{ (left + right) / 2 }}" y="{{ bottom + 36 }}" text-anchor="middle" fill="#222"
 class="label">{{ across }}</text>
{% for line in lines %}<path d="{{ line.path }}" fill="none" stroke="{{ line.colour }}"
 stroke-width="2" stroke-dasharray="{{ line.dash }}" class="series-{{ line.series }}"/>
<path d="M{{ line.x }} {{ line.y }}h20" stroke="{{ line.colour }}" stroke-width="3"
 stroke-dasharray="{{ line.dash }}" class="series-{{ line.series }}"/>
<text x="{{ line.x + 26 }}" y="{{ line.y + 4 }}" fill="#222" class="label">{{ line.name }}</text>
{% endfor %}</svg>
"""
)


def curves_svg(
    curves: Mapping[str, Sequence[tuple[float, float]]],
    *,
    title: str = "Pass rate within so many policy calls",
    across: str = "policy calls of one episode",
) -> str:
    """Step curves with a legend, as the text of an SVG file.

    Args:
        curves: Points of each curve, by its name: where it rises, and to which share (0 to 1).
        title: What the picture is called.
        across: What the horizontal axis counts.
    """
    most = max((at for points in curves.values() for at, _ in points), default=1)
    whole = all(isinstance(at, int) for points in curves.values() for at, _ in points)
    right, bottom = _LEFT + _WIDTH, _TOP + _HEIGHT

    def across_at(at: float) -> float:
        return round(_LEFT + _WIDTH * at / (most or 1), 1)

    def up_at(share: float) -> float:
        return round(bottom - _HEIGHT * share, 1)

    lines = []
    for number, (name, points) in enumerate(curves.items()):
        path = f"M{_LEFT} {bottom}"
        for at, share in points:
            path += f"H{across_at(at)}V{up_at(share)}"
        lines.append(
            {
                "name": name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…",
                "path": f"{path}H{right}",
                "series": number % len(COLOURS),
                "colour": COLOURS[number % len(COLOURS)],
                "dash": _DASHES[number % len(_DASHES)],
                "x": _LEFT + 210 * (number % 3),
                "y": bottom + 60 + 20 * (number // 3),
            }
        )
    return _TEMPLATE.render(
        title=title,
        across=across,
        width=right + 24,
        height=bottom + 60 + 20 * -(-len(lines) // 3),
        left=_LEFT,
        right=right,
        bottom=bottom,
        shares=[(up_at(tenth / 5), f"{20 * tenth} %") for tenth in range(6)],
        ticks=[(across_at(at), f"{at:,.6g}") for at in _ticks(most, whole=whole)],
        lines=lines,
    )


def _ticks(most: float, *, whole: bool) -> list[float]:
    """At most eleven places from 0 on, a round number apart."""
    if most <= 0:
        return [0]
    rough = most / 10
    power = 10.0 ** floor(log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    if whole:
        step = max(1.0, step)
    return [number * step for number in range(int(most / step * 1.001) + 1)]
