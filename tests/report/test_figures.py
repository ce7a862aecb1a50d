"""The report's figures as files for a paper."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tests.report.runs_by_hand import HOSTILE, hostile, mixed
from tests.report.test_tables import overview
from toolenv.report.overview import overview_of

pytest.importorskip("matplotlib", reason="the extra 'figures' is not installed")
from toolenv.report.figures import write_figures

NAMES = [
    "pass-rates",
    "splits",
    "pass-by-policy-calls",
    "pass-by-tokens",
    "pass-by-money",
    "errors",
    "sources",
    "origins",
]


def test_each_figure_is_an_svg_and_a_png_and_equal_runs_give_equal_bytes(tmp_path: Path) -> None:
    once = write_figures(overview(mixed()), tmp_path / "once")
    again = write_figures(overview(mixed()[::-1]), tmp_path / "again")
    assert [path.name for path in once] == [
        f"{name}{suffix}" for name in NAMES for suffix in (".svg", ".png")
    ]
    for one, other in zip(once, again, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name
    for path in once:
        if path.suffix == ".svg":
            assert ElementTree.parse(path).getroot().tag == "{http://www.w3.org/2000/svg}svg"
        else:
            assert path.read_bytes().startswith(b"\x89PNG")


def test_names_are_drawn_and_never_obeyed(tmp_path: Path) -> None:
    texts = [*HOSTILE[::3], r"$\frac{1}{0}$", "$x", "many\nlines"]
    for path in write_figures(
        overview([hostile(t, n) for n, t in enumerate(texts)]), tmp_path / "figures"
    ):
        if path.suffix == ".svg":
            root = ElementTree.parse(path).getroot()
            assert not [one for one in root.iter() if "script" in str(one.tag)]


def test_of_nothing_nothing_is_drawn(tmp_path: Path) -> None:
    assert write_figures(overview_of(["run"], []), tmp_path) == []
