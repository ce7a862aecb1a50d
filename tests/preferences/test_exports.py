"""What is written is what trainers read: no merged arguments, a card, counts, nothing cut."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import datasets
import pytest

from tests.preferences.stumbling import stumbling_run
from tests.preferences.trees import explored, step
from tests.training.tiny import tiny_tokenizer
from toolenv.env import ToolEnv
from toolenv.episodes import ROOT
from toolenv.errors import FormatError
from toolenv.formats.row_files import RowFormat
from toolenv.jsontext import parse
from toolenv.preferences import (
    LeakCheck,
    PairCounts,
    PairSettings,
    Source,
    TokenLimit,
    collect_pairs,
    explored_by_task,
    export_pairs,
)
from toolenv.preferences.demonstrations import (
    SFT_COLUMNS,
    demonstrations,
    sft_rows,
    toolbench_rows,
)
from toolenv.preferences.exporting import Exported, export_rows
from toolenv.preferences.prompts import PROMPT_COLUMNS, prompt_rows
from toolenv.preferences.rows import PAIR_FORMS


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stumbling_run(tmp_path_factory.mktemp("runs") / "run").path


def export(run: Path, out: Path, format: RowFormat = "parquet", **options: Any) -> Exported:
    counts, leaks = PairCounts(), LeakCheck()
    pairs = collect_pairs(explored_by_task([run]), PairSettings(), counts, leaks)
    return export_pairs(pairs, out, counts, format=format, leaks=leaks, **options)


def rows_of(folder: Path, table: str, format: RowFormat) -> list[dict[str, Any]]:
    if format == "datasets":
        return list(datasets.load_from_disk(str(folder / table)))
    cache = str(folder.parent / "cache" / folder.name)
    return list(datasets.load_dataset(str(folder), table, split="train", cache_dir=cache))


def test_all_formats_hold_the_same_and_load_by_their_card(run: Path, tmp_path: Path) -> None:
    formats: tuple[RowFormat, ...] = ("parquet", "jsonl", "datasets")
    every = {}
    for format in formats:
        exported = export(run, tmp_path / format, format, forms=tuple(PAIR_FORMS))
        every[format] = {form: rows_of(tmp_path / format, form, format) for form in PAIR_FORMS}
        assert {form: len(rows) for form, rows in every[format].items()} == exported.rows

    assert every["parquet"] == every["jsonl"] == every["datasets"]
    (first, *_) = every["parquet"]["dpo"]
    assert [message["role"] for message in first["prompt"]][:2] == ["system", "user"]
    assert [message["role"] for message in first["chosen"] + first["rejected"]] == ["assistant"] * 2
    told = parse(first["provenance"])
    assert isinstance(told, dict) and {"margin", "prefix", "chosen", "rejected"} == set(told)


def test_arguments_of_one_call_are_never_merged_with_those_of_another(
    run: Path, tmp_path: Path
) -> None:
    export(run, tmp_path / "out")
    rows = rows_of(tmp_path / "out", "dpo", "parquet")

    keys = {
        frozenset(call["function"]["arguments"])
        for row in rows
        for message in row["prompt"] + row["chosen"] + row["rejected"]
        for call in message.get("tool_calls", ())
    }
    assert len(keys) > 4
    assert not any(None in row["prompt"][1].values() for row in rows)
    assert all("tool_calls" not in row["prompt"][0] for row in rows)


def test_the_same_run_gives_the_same_bytes(run: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        export(run, tmp_path / name)

    for file in ("dpo.parquet", "README.md", "report.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_the_winner_of_a_search_is_the_later_sibling_and_the_card_warns(
    run: Path, tmp_path: Path
) -> None:
    exported = export(run, tmp_path / "out")

    (warning,) = exported.warnings
    assert "later sibling in 100%" in warning
    assert warning in (tmp_path / "out" / "README.md").read_text()


def test_rows_that_are_too_long_are_left_out_and_counted_never_cut(
    run: Path, tmp_path: Path
) -> None:
    folder = tiny_tokenizer(tmp_path / "tokenizer")
    whole = export(run, tmp_path / "whole")
    limit = TokenLimit(folder, 900)
    exported = export(run, tmp_path / "short", limit=limit)

    left_out: Any = exported.report["dropped"]
    dropped = sum(count for why, count in left_out.items() if "900" in why)
    assert dropped + exported.rows["dpo"] == whole.rows["dpo"]
    assert exported.rows["dpo"] > 0 < dropped
    for row in rows_of(tmp_path / "short", "dpo", "parquet"):
        tools: Any = parse(row["tools"])
        assert limit.fits(row["prompt"] + row["chosen"], tools)


def test_nothing_to_write_says_why(tmp_path: Path) -> None:
    run = stumbling_run(tmp_path / "react", agent="react", seeds=[0])

    with pytest.raises(FormatError, match=r"None of 48 episodes branches.*--agent dfsdt"):
        export(run.path, tmp_path / "out")
    assert not (tmp_path / "out" / "dpo.parquet").exists()


def test_trees_without_success_say_which_sources_need_none(tmp_path: Path) -> None:
    lost = explored([step(ROOT, 0, "gave_up"), step(ROOT, 1, "error", "b")])
    counts = PairCounts()
    pairs = collect_pairs([[lost]], PairSettings(), counts)

    with pytest.raises(FormatError, match=r"None of 1 episodes .* \(errors, repeats\)"):
        export_pairs(pairs, tmp_path / "out", counts)


def test_sources_that_were_looked_at_are_not_advised(tmp_path: Path) -> None:
    lost = explored([step(ROOT, 0, "gave_up"), step(ROOT, 1, "error", "b")])
    cases: list[tuple[tuple[Source, ...], str]] = [
        (("repeats",), r"Add what needs no success \(errors\), or"),
        (("errors", "repeats"), r"Use a better policy, or give more episodes\."),
    ]
    for sources, advice in cases:
        counts = PairCounts()
        pairs = collect_pairs([[lost]], PairSettings(sources=sources), counts)
        with pytest.raises(FormatError, match=advice):
            export_pairs(pairs, tmp_path / "out", counts)


def test_demonstrations_are_the_paths_that_carried_out_their_tasks(
    run: Path, tmp_path: Path
) -> None:
    counts = Counter[str]()
    groups = explored_by_task([run])
    found = demonstrations(groups, counts, most_per_task=1)
    export_rows(
        sft_rows(found, counts),
        tmp_path / "sft",
        "sft",
        SFT_COLUMNS,
        format="parquet",
        text=["# Demonstrations"],
        counts=counts,
    )
    rows = rows_of(tmp_path / "sft", "sft", "parquet")

    assert len({row["task"] for row in rows}) == len(rows) == counts["tasks with a path"]
    for row in rows:
        assert row["messages"][-1]["tool_calls"][0]["function"]["name"] == "Finish"
        assert not any("already tried" in str(message) for message in row["messages"])


def test_toolbench_records_end_with_a_call_and_hold_all_before(run: Path) -> None:
    found = list(demonstrations(explored_by_task([run]), Counter()))
    records = list(toolbench_rows(found))

    calls = sum(len(step.calls) for _, branch in found for step in branch.path())
    assert len(records) == calls
    for record in records:
        said: Any = record["conversations"]
        assert [one["from"] for one in said[:2]] == ["system", "user"]
        assert said[-1]["from"] == "assistant"
        assert said[-1]["value"].startswith("\nThought: ")
        assert str(record["id"]).startswith(f"Step {len(said) - 1}: ")


def test_prompts_are_what_the_policy_sees_first() -> None:
    env = ToolEnv(split="I1-inst")
    rows = list(prompt_rows(env))
    env.reset(seed=5, options={"task": 0})

    assert len(rows) == len(env.tasks)
    assert rows[0]["prompt"] == env.messages
    assert parse(str(rows[0]["tools"])) == env.functions
    assert set(rows[0]) == set(PROMPT_COLUMNS)
