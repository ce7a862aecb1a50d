"""What a run's journal holds, as other programs read it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import zstandard

from toolenv.running.records import EpisodeKey


def journal_of(folder: Path) -> list[dict[str, Any]]:
    with zstandard.open(folder / "journal.jsonl.zst", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def attempts_of(folder: Path) -> Counter[EpisodeKey]:
    return Counter(
        EpisodeKey(row["task"], row["agent"], row["policy"], row["seed"])
        for row in journal_of(folder)
        if row.get("record") == "episode"
    )
