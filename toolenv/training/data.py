"""Training rows: opened, checked before the first step, and those left out that do not fit."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from toolenv.errors import FormatError
from toolenv.fingerprint import fingerprint
from toolenv.jsontext import parse
from toolenv.preferences.pairs import without_ids
from toolenv.training.configuration import Kind

__all__ = ["Kept", "data_fingerprint", "fitting", "open_rows", "refuse_equal_sides", "tools_of"]

COLUMNS: Final[dict[Kind, tuple[str, ...]]] = {
    "sft": ("messages",),
    "dpo": ("prompt", "chosen", "rejected"),
    "kto": ("prompt", "completion", "label"),
    "reward": ("prompt", "chosen", "rejected"),
    "grpo": (),
}
_MADE_BY: Final[dict[Kind, str]] = {
    "sft": "toolenv dataset sft RUN --out DATA",
    "dpo": "toolenv pairs RUN --out DATA",
    "kto": "toolenv pairs RUN --out DATA --as kto",
    "reward": "toolenv pairs RUN --out DATA --as reward",
    "grpo": "",
}


def open_rows(place: str, kind: Kind) -> Any:
    """The rows of a kind of training, as a ``datasets.Dataset``.

    Args:
        place: A folder with a table of that kind (``sft.parquet``, ``dpo.jsonl``, a saved dataset),
            a saved dataset's own folder, or a Parquet or JSON Lines file.
        kind: Which training.

    Raises:
        FormatError: There are no rows, they cannot be read, or a column is missing.
    """
    import datasets

    path = Path(place)
    made = f"Make them with: {_MADE_BY[kind]}."
    if not place or not path.exists():
        raise FormatError("There are no such data.", where=place or "data", fix=made)
    datasets.disable_progress_bars()
    try:
        rows = _open(path, kind)
    except FormatError:
        raise
    except Exception as error:  # what the library raises for damaged files is not bounded
        raise FormatError(f"The data cannot be read: {str(error)[:300]}", where=place) from error
    if rows is None:
        raise FormatError(f"There is no table for {kind} here.", where=place, fix=made)
    if not len(rows):
        raise FormatError("The dataset is empty.", where=place, fix=made)
    wanted = COLUMNS[kind]
    if kind == "sft" and "prompt" in rows.column_names:
        wanted = ("prompt", "completion")
    missing = [name for name in wanted if name not in rows.column_names]
    if missing:
        raise FormatError(
            f"The rows have no column {missing[0]!r}; they have {', '.join(rows.column_names)}.",
            where=place,
            fix=made,
        )
    return rows


def _open(path: Path, kind: Kind) -> Any:
    import datasets

    if path.is_dir():
        for folder in (path / kind, path):
            if (folder / "state.json").is_file():
                return datasets.load_from_disk(str(folder))
        for suffix in (".parquet", ".jsonl"):
            if (path / f"{kind}{suffix}").is_file():
                if (path / "README.md").is_file():  # its header declares the columns
                    # kept by content: else by the folder's last name, whatever is in it now
                    kept = Path(
                        datasets.config.HF_DATASETS_CACHE, data_fingerprint(str(path), kind)
                    )
                    return datasets.load_dataset(
                        str(path), kind, split="train", cache_dir=str(kept)
                    )
                return _open(path / f"{kind}{suffix}", kind)
        return None
    if path.stat().st_size == 0:
        raise FormatError("The dataset is empty.", where=str(path))
    format = "parquet" if path.suffix == ".parquet" else "json"
    return datasets.load_dataset(format, data_files=str(path), split="train")


def data_fingerprint(place: str, kind: Kind) -> str:
    """A digest of the files that hold the rows, wherever they lie."""
    path = Path(place)
    if path.is_dir():
        inside = path / kind
        files = sorted(inside.glob("*.arrow")) if inside.is_dir() else []
        files = (
            files
            or sorted(file for file in path.iterdir() if file.stem == kind)
            or sorted(path.glob("*.arrow"))
        )
    else:
        files = [path]
    digests = []
    for file in files:
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16))
        digests.append(digest.hexdigest())
    return fingerprint("data", digests)


def refuse_equal_sides(rows: Any, place: str) -> None:
    """Refuse pairs that prefer nothing.

    Raises:
        FormatError: A pair has equal sides.
    """
    equal = [
        number
        for number, row in enumerate(rows)
        if without_ids(row["chosen"]) == without_ids(row["rejected"])
    ]
    if equal:
        raise FormatError(
            f"Both sides of row {equal[0]} say the same ({len(equal)} of {len(rows)} rows are so).",
            where=place,
            fix="Leave them out: 'toolenv pairs' does.",
        )


class Kept(NamedTuple):
    """The rows that fit, and what was counted."""

    rows: Any
    counts: dict[str, int]


def fitting(rows: Any, measured: Sequence[int], longest: int, place: str) -> Kept:
    """The rows all of whose conversations fit; the others are left out, never cut.

    Args:
        rows: The rows.
        measured: The length of each one's longest conversation, in tokens.
        longest: Most tokens.
        place: Where they are from.

    Raises:
        FormatError: None fits.
    """
    places = [number for number, length in enumerate(measured) if length <= longest]
    if not places:
        raise FormatError(
            f"No row fits: the shortest has {min(measured)} tokens, and {longest} are allowed.",
            where=place,
            fix="Raise max_length, as far as the model can read, or use shorter conversations.",
        )
    left_out = len(measured) - len(places)
    counts = {"rows": len(places), **({"too long": left_out} if left_out else {})}
    return Kept(rows.select(places) if left_out else rows, counts)


def tools_of(row: dict[str, Any]) -> list[dict[str, Any]] | None:
    """A row's functions, which stand in it as JSON text or as they are."""
    tools = row.get("tools")
    found: Any = parse(tools) if isinstance(tools, str) else tools
    return found or None
