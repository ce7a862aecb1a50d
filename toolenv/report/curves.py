"""Curves as one SVG file: steps of pass rates over policy calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jinja2 import Environment, StrictUndefined

__all__ = ["curves_svg"]

_COLOURS = ("#4269d0", "#e4572e", "#3a923a", "#a463f2", "#b8860b", "#17a2b8", "#d6336c", "#666666")
_WIDTH, _HEIGHT, _LEFT, _TOP = 640, 300, 56, 20

_TEMPLATE = Environment(autoescape=True, undefined=StrictUndefined).from_string(
    """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{ width }} {{ height }}" role="img"
 font-family="system-ui, sans-serif" font-size="12">
<title>{{ title }}</title>
<rect width="100%" height="100%" fill="white"/>
{% for y, label in shares %}<path d="M{{ left }} {{ y }}H{{ right }}" stroke="#ddd"/>
<text x="{{ left - 6 }}" y="{{ y + 4 }}" text-anchor="end" fill="#444">{{ label }}</text>
{% endfor %}{% for x, label in ticks %}<path d="M{{ x }} {{ bottom }}v5" stroke="#444"/>
<text x="{{ x }}" y="{{ bottom + 18 }}" text-anchor="middle" fill="#444">{{ label }}</text>
{% endfor %}<path d="M{{ left }} {{ bottom }}H{{ right }}" stroke="#444"/>
<text x="{{ (left + right) / 2 }}" y="{{ bottom + 36 }}" text-anchor="middle" fill="#222">{{
 across }}</text>
{% for line in lines %}<path d="{{ line.path }}" fill="none" stroke="{{ line.colour }}"
 stroke-width="2"/>
<path d="M{{ line.x }} {{ line.y }}h20" stroke="{{ line.colour }}" stroke-width="3"/>
<text x="{{ line.x + 26 }}" y="{{ line.y + 4 }}" fill="#222">{{ line.name }}</text>
{% endfor %}</svg>
"""
)


def curves_svg(
    curves: Mapping[str, Sequence[tuple[int, float]]],
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
    right, bottom = _LEFT + _WIDTH, _TOP + _HEIGHT

    def across_at(at: float) -> float:
        return round(_LEFT + _WIDTH * at / most, 1)

    def up_at(share: float) -> float:
        return round(bottom - _HEIGHT * share, 1)

    lines = []
    for number, (name, points) in enumerate(curves.items()):
        path = f"M{_LEFT} {bottom}"
        for at, share in points:
            path += f"H{across_at(at)}V{up_at(share)}"
        lines.append(
            {
                "name": name,
                "path": f"{path}H{right}",
                "colour": _COLOURS[number % len(_COLOURS)],
                "x": _LEFT + 210 * (number % 3),
                "y": bottom + 60 + 20 * (number // 3),
            }
        )
    step = max(1, -(-most // 10))
    return _TEMPLATE.render(
        title=title,
        across=across,
        width=right + 24,
        height=bottom + 60 + 20 * -(-len(lines) // 3),
        left=_LEFT,
        right=right,
        bottom=bottom,
        shares=[(up_at(tenth / 5), f"{20 * tenth} %") for tenth in range(6)],
        ticks=[(across_at(at), at) for at in range(0, most + 1, step)],
        lines=lines,
    )
