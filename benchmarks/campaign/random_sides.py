"""The control of preference learning: the same pairs, which side is preferred drawn by lot."""

from __future__ import annotations

import random
from pathlib import Path

from toolenv.seeds import derive

__all__ = ["draw_sides"]


def draw_sides(pairs: Path, out: Path, seed: int) -> None:
    """Copy a folder of pairs, with the sides of each in an order that says nothing.

    Args:
        pairs: A folder with a ``dpo`` table, as ``toolenv pairs`` writes it.
        out: The folder to write.
        seed: What the order derives from.
    """
    from toolenv.training.data import open_rows

    draw = random.Random(derive("random sides", seed))

    def drawn(row: dict[str, object]) -> dict[str, object]:
        if draw.random() < 0.5:
            return {"chosen": row["rejected"], "rejected": row["chosen"]}
        return {}

    open_rows(str(pairs), "dpo").map(drawn, load_from_cache_file=False).save_to_disk(
        str(out / "dpo")
    )
