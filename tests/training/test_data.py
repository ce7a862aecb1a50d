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
from toolenv.training.configuration import SFTConfiguration
from toolenv.training.data import data_fingerprint, open_rows
from toolenv.training.supervised import sft_trainer


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


def test_some_of_the_rows_are_drawn_from_the_seed(made: Made, tmp_path: Path) -> None:
    def trained(**settings: Any) -> list[list[int]]:
        chosen = SFTConfiguration(model=str(made.model), data=str(made.demonstrations), **settings)
        return [*sft_trainer(chosen, tmp_path)[0].train_dataset["input_ids"]]

    all_rows = trained()
    some = trained(rows=4)
    assert len(some) == 4
    assert all(row in all_rows for row in some)
    assert trained(rows=4) == some
    assert any(trained(rows=4, seed=seed) != some for seed in range(1, 5))
    assert trained(rows=10_000) == all_rows


@pytest.mark.parametrize("given", ["text", "file"])
def test_a_template_of_one_s_own_is_trained_with_and_kept(
    made: Made, tmp_path: Path, given: str
) -> None:
    own = (
        (made.model / "chat_template.jinja")
        .read_text(encoding="utf-8")
        .replace("<|begin|>tools", "<|begin|>functions")
    )
    file = tmp_path / "own.jinja"
    file.write_text(own, encoding="utf-8")
    chosen = SFTConfiguration(
        model=str(made.model),
        data=str(made.demonstrations),
        chat_template=own if given == "text" else str(file),
    )
    assert chosen.identity()["chat_template"] == own
    trainer, _ = sft_trainer(chosen, tmp_path)
    assert "<|begin|>functions" in trainer.processing_class.decode(
        trainer.train_dataset[0]["input_ids"]
    )
    trainer.save_model(str(tmp_path / "model"))
    kept = (tmp_path / "model" / "chat_template.jinja").read_text(encoding="utf-8")
    assert kept == own
