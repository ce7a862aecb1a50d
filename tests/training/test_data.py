"""Rows are opened from whatever ``toolenv dataset`` and ``toolenv pairs`` write, or from a file."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.training.data import Made
from toolenv.formats.row_files import RowFormat, row_path, write_rows
from toolenv.jsontext import render
from toolenv.preferences.demonstrations import SFT_COLUMNS
from toolenv.training.data import data_fingerprint, open_rows


@pytest.mark.parametrize("format", ["parquet", "jsonl", "datasets"])
def test_every_format_gives_the_same_rows(made: Made, tmp_path: Path, format: RowFormat) -> None:
    rows: list[dict[str, Any]] = list(open_rows(str(made.demonstrations), "sft"))
    place = row_path(tmp_path, "sft", format)
    write_rows(rows, place, SFT_COLUMNS, format)

    assert list(open_rows(str(tmp_path), "sft")) == rows
    assert list(open_rows(str(place), "sft")) == rows


def test_the_rows_are_those_of_the_folder_now_not_of_another_of_its_name(
    made: Made, tmp_path: Path
) -> None:
    """``datasets`` keeps what it has read under the folder's last name and its card."""
    rows: list[dict[str, Any]] = list(open_rows(str(made.demonstrations), "sft"))
    for project, there in (("one", rows[:1]), ("other", rows[:2]), ("one", rows[:3])):
        folder = tmp_path / project / "sft"
        write_rows(there, row_path(folder, "sft", "parquet"), SFT_COLUMNS, "parquet")
        shutil.copy(made.demonstrations / "README.md", folder)
        assert list(open_rows(str(folder), "sft")) == there


def test_a_file_of_one_s_own_is_taken_as_it_is(made: Made, tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    said = [{"role": "user", "content": "?"}, {"role": "assistant", "content": "!"}]
    file.write_text(f"{render({'messages': said})}\n" * 3)

    assert [row["messages"] for row in open_rows(str(file), "sft")] == [said] * 3


def test_the_digest_is_of_the_rows_wherever_they_lie(made: Made, tmp_path: Path) -> None:
    shutil.copytree(made.pairs, tmp_path / "moved")
    (tmp_path / "moved" / "README.md").write_text("another card")

    same = data_fingerprint(str(made.pairs), "dpo")
    assert data_fingerprint(str(tmp_path / "moved"), "dpo") == same
    assert data_fingerprint(str(made.pairs), "reward") != same
