"""Imitation gets the steps that cost what the preferences cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.campaign.equal_compute import steps_for_equal_compute
from tests.training.tiny import tiny_tokenizer

datasets = pytest.importorskip("datasets")

PROMPT = [{"role": "user", "content": "What is the weather in Lisbon?"}]
LONG = {"role": "assistant", "content": "It is mild, with some clouds in the evening."}
SHORT = {"role": "assistant", "content": "Mild."}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_tokenizer(tmp_path_factory.mktemp("model"))


def written(place: Path, kind: str, rows: list[dict[str, Any]]) -> Path:
    datasets.Dataset.from_list(rows).save_to_disk(str(place / kind))
    return place


def pairs_of(place: Path, count: int) -> Path:
    row = {"prompt": PROMPT, "chosen": [LONG], "rejected": [SHORT]}
    return written(place, "dpo", [row] * count)


def tokens(model: Path, *messages: dict[str, str]) -> int:
    import transformers

    tokenizer: Any = transformers.AutoTokenizer.from_pretrained(model)
    return len(tokenizer.apply_chat_template([*messages], return_dict=False))


def test_a_pair_is_both_sides_at_four_units_a_token_and_a_row_at_three(
    model: Path, tmp_path: Path
) -> None:
    rows = [{"messages": [*PROMPT, LONG]}, {"messages": [*PROMPT, SHORT]}] * 3
    both = tokens(model, *PROMPT, LONG) + tokens(model, *PROMPT, SHORT)
    pairs, own = pairs_of(tmp_path / "pairs", 120), written(tmp_path / "own", "sft", rows)
    expected = (120 * both * 4) / (16 * (both / 2) * 3)
    assert expected == 20
    assert steps_for_equal_compute(model, pairs, own, 1) == 20
    assert steps_for_equal_compute(model, pairs, own, 2.5) == 50


def test_longer_rows_take_fewer_steps_and_one_is_the_least(model: Path, tmp_path: Path) -> None:
    pairs = pairs_of(tmp_path / "pairs", 120)
    short = written(tmp_path / "short", "sft", [{"messages": [*PROMPT, SHORT]}])
    long = written(tmp_path / "long", "sft", [{"messages": [*PROMPT, LONG]}])
    assert steps_for_equal_compute(model, pairs, long, 1) < 20
    assert steps_for_equal_compute(model, pairs, short, 1) > 20
    assert steps_for_equal_compute(model, pairs_of(tmp_path / "few", 1), long, 1) == 1
