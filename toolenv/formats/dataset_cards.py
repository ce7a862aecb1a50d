"""The README of a folder of tables, as dataset hubs and ``datasets.load_dataset`` read it.

Its header (YAML between two lines of ``---``) names the tables, their files by split and their
columns, so that nothing is inferred; see the "dataset card" documentation of Hugging Face.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from toolenv.formats.files import write_text
from toolenv.formats.row_columns import Columns, Kind
from toolenv.formats.row_files import RowFormat, row_path
from toolenv.jsontext import JsonValue, render

__all__ = ["CardTable", "dataset_card", "write_card"]


class CardTable(NamedTuple):
    """One table of a folder.

    Args:
        name: What ``load_dataset(folder, name)`` calls it.
        columns: Its columns.
        files: By split, a path in the folder; a folder stands for the saved dataset in it.
        content: A digest of the files. ``load_dataset`` keeps what it has read under the folder's
            last name and the header: with the digest in it, other rows are never taken for these.
    """

    name: str
    columns: Columns
    files: Mapping[str, str]
    content: str = ""


def dataset_card(text: str, tables: Sequence[CardTable]) -> str:
    """A README: the header that programs read, then the text that people read.

    Args:
        text: Markdown.
        tables: The tables of the folder, the one that is loaded by default first.
    """
    configurations: list[JsonValue] = [
        {
            "config_name": table.name,
            "data_files": [
                {"split": split, "path": path if "." in path else f"{path}/*.arrow"}
                for split, path in table.files.items()
            ],
            **({"description": table.content} if table.content else {}),
            **({"default": True} if number == 0 else {}),
        }
        for number, table in enumerate(tables)
    ]
    features: list[JsonValue] = [
        {"config_name": table.name, "features": _features(table.columns)} for table in tables
    ]
    # JSON is YAML too
    header = {"configs": configurations, "dataset_info": features}
    lines = [f"{key}: {render(value)}" for key, value in header.items()]
    return "\n".join(["---", *lines, "---", "", text.strip(), ""])


def write_card(folder: Path, text: str, tables: Mapping[str, Columns], format: RowFormat) -> None:
    """Write the README of tables that ``row_files`` wrote to a folder, each one split.

    Raises:
        FormatError: It cannot be written.
        OSError: A table cannot be read.
    """
    named = [
        CardTable(
            name,
            columns,
            {"train": row_path(Path(), name, format).as_posix()},
            _digest(row_path(folder, name, format)),
        )
        for name, columns in tables.items()
    ]
    write_text(folder / "README.md", dataset_card(text, named))


def _digest(table: Path) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for file in sorted(table.glob("*.arrow")) if table.is_dir() else [table]:
        with file.open("rb") as stream:
            hashlib.file_digest(stream, lambda: digest)
    return digest.hexdigest()


def _features(columns: Columns) -> list[JsonValue]:
    return [{"name": name, **_feature(kind)} for name, kind in columns.items()]


def _feature(kind: Kind) -> dict[str, JsonValue]:
    if isinstance(kind, list):
        inner = _feature(kind[0])
        return {"list": inner.get("dtype", inner.get("struct", inner))}
    if isinstance(kind, Mapping):
        return {"struct": _features(kind)}
    return {"dtype": kind}
