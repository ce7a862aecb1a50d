"""Curves as SVG: well-formed, escaped, to scale."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from toolenv.report.curves import curves_svg

SVG = "{http://www.w3.org/2000/svg}"


def test_every_curve_is_a_line_with_its_name() -> None:
    root = ElementTree.fromstring(curves_svg({"one": [(1, 0.5), (4, 1.0)], "two": []}))
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert {"one", "two", "0 %", "100 %", "4"} <= set(texts)
    lines = [path.get("d") for path in root.iter(f"{SVG}path") if path.get("fill") == "none"]
    assert len(lines) == 2


def test_it_rises_where_the_points_say() -> None:
    root = ElementTree.fromstring(curves_svg({"one": [(2, 0.25), (4, 1.0)]}))
    (line,) = [path.get("d") for path in root.iter(f"{SVG}path") if path.get("fill") == "none"]
    # 640 wide from 56, 300 high down to 320: half-way at a quarter, the end at the top
    assert line == "M56 320H376.0V245.0H696.0V20.0H696"


def test_names_are_shown_and_never_obeyed() -> None:
    hostile = "</text><script>alert(1)</script>"
    root = ElementTree.fromstring(curves_svg({hostile: [(1, 1.0)]}, title=hostile, across=hostile))
    assert not list(root.iter(f"{SVG}script"))
    assert hostile in [text.text for text in root.iter(f"{SVG}text")]
