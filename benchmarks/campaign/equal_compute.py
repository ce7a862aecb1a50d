"""How many steps of imitation cost what some preferences cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["BATCH", "steps_for_equal_compute"]

BATCH = 16
"""Pairs of a step, and rows of a step that imitates in their place."""


def steps_for_equal_compute(model: Path, pairs: Path, rows: Path, epochs: float) -> int:
    """The steps of supervised fine-tuning, of 16 rows each, for the compute of DPO.

    A token costs one unit forward and two backward. Of a pair, both sides go forward and backward
    through the policy and forward through the reference: four units a token. A row of imitation
    costs three.

    Args:
        model: The model, for its tokenizer.
        pairs: A folder with a ``dpo`` table.
        rows: A folder with an ``sft`` table.
        epochs: Passes over the pairs.
    """
    from transformers import AutoTokenizer

    from toolenv.training.data import open_rows, tools_of
    from toolenv.training.templates import Rendered

    rendered = Rendered(AutoTokenizer.from_pretrained(model))

    def tokens(row: dict[str, Any], *sides: list[Any]) -> int:
        return sum(len(rendered.tokens(side, tools_of(row))) for side in sides)

    of_pairs = sum(
        tokens(row, row["prompt"] + row["chosen"], row["prompt"] + row["rejected"])
        for row in open_rows(str(pairs), "dpo")
    )
    imitated = open_rows(str(rows), "sft")
    of_rows = sum(tokens(row, row["messages"]) for row in imitated)
    units = 4 * of_pairs * epochs
    return max(1, round(units / (3 * of_rows / len(imitated) * BATCH)))
