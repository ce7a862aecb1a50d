"""The control of preferences: the same pairs, sides by lot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.campaign.random_sides import draw_sides
from toolenv.training.data import open_rows

datasets = pytest.importorskip("datasets")

COUNT = 400


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("pairs")
    rows = [
        {
            "prompt": [{"role": "user", "content": f"Question {number}"}],
            "chosen": said(f"right {number}"),
            "rejected": said(f"wrong {number}"),
            "source": "steps",
        }
        for number in range(COUNT)
    ]
    datasets.Dataset.from_list(rows).save_to_disk(str(place / "dpo"))
    return place


def drawn(pairs: Path, out: Path, seed: int) -> list[dict[str, Any]]:
    draw_sides(pairs, out, seed)
    return [*open_rows(str(out), "dpo")]


def is_swapped(row: dict[str, Any]) -> bool:
    return str(row["chosen"][0]["content"]).startswith("wrong")


def test_about_half_are_swapped_and_nothing_else_is_touched(pairs: Path, tmp_path: Path) -> None:
    before, after = [*open_rows(str(pairs), "dpo")], drawn(pairs, tmp_path, 0)
    assert len(after) == COUNT
    for old, new in zip(before, after, strict=True):
        sides = ("rejected", "chosen") if is_swapped(new) else ("chosen", "rejected")
        assert (new["chosen"], new["rejected"]) == (old[sides[0]], old[sides[1]])
        assert (new["prompt"], new["source"]) == (old["prompt"], old["source"])
    assert 0.4 * COUNT < sum(map(is_swapped, after)) < 0.6 * COUNT


def test_a_seed_gives_one_order_and_another_seed_another(pairs: Path, tmp_path: Path) -> None:
    first = drawn(pairs, tmp_path / "first", 7)
    assert drawn(pairs, tmp_path / "again", 7) == first
    assert drawn(pairs, tmp_path / "other", 8) != first
