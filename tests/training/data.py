"""Data for training, made once: demonstrations and pairs of a policy that stumbles."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

from tests.preferences.stumbling import stumbling_run
from tests.training.tiny import tiny_policy
from toolenv.preferences import (
    PairCounts,
    PairSettings,
    collect_pairs,
    explored_by_task,
    export_pairs,
)
from toolenv.preferences.demonstrations import SFT_COLUMNS, demonstrations, sft_rows
from toolenv.preferences.exporting import export_rows
from toolenv.preferences.rows import PAIR_FORMS


class Made(NamedTuple):
    """Folders of a tiny model and of the data to train it on."""

    model: Path
    demonstrations: Path
    pairs: Path


def make(place: Path) -> Made:
    run = stumbling_run(place / "run", seeds=[0]).path
    found = Made(tiny_policy(place / "model"), place / "sft", place / "pairs")
    counts = PairCounts()
    pairs = collect_pairs(explored_by_task([run]), PairSettings(), counts)
    export_pairs(pairs, found.pairs, counts, forms=tuple(PAIR_FORMS))
    tally = Counter[str]()
    rows = sft_rows(demonstrations(explored_by_task([run]), tally), tally)
    export_rows(
        rows,
        found.demonstrations,
        "sft",
        SFT_COLUMNS,
        format="parquet",
        text=["# Demonstrations"],
        counts=tally,
    )
    return found
