"""The loss falls on the assistant's tokens alone, as TRL's own trainers prepare the rows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import datasets

from tests.training.data import Made
from toolenv.jsontext import parse, render
from toolenv.training.configuration import (
    DPOConfiguration,
    KTOConfiguration,
    RewardConfiguration,
    SFTConfiguration,
)
from toolenv.training.supervised import (
    dpo_trainer,
    kto_trainer,
    reward_trainer,
    sft_trainer,
)


def rows_of(folder: Path, table: str) -> list[dict[str, Any]]:
    return list(datasets.load_dataset(str(folder), table, split="train"))


def said_by_the_assistant(text: str) -> list[str]:
    """What stands between the begin of an assistant's turn and its end, the end included."""
    turns = text.split("<|begin|>assistant\n")[1:]
    return [turn.partition("<|end|>")[0] + "<|end|>" for turn in turns]


def test_imitation_trains_every_token_of_the_assistant_and_none_else(
    made: Made, tmp_path: Path
) -> None:
    chosen = SFTConfiguration(model=str(made.model), data=str(made.demonstrations))
    trainer, counts = sft_trainer(chosen, tmp_path)
    tokenizer = trainer.processing_class

    assert counts == {"rows": len(trainer.train_dataset)}
    for prepared, row in zip(
        trainer.train_dataset, rows_of(made.demonstrations, "sft"), strict=True
    ):
        whole = tokenizer.apply_chat_template(
            row["messages"], tools=parse(row["tools"]), tokenize=False
        )
        assert tokenizer.decode(prepared["input_ids"]) == whole
        trained = [
            token
            for token, label in zip(prepared["input_ids"], prepared["labels"], strict=True)
            if label != -100
        ]
        assert tokenizer.decode(trained) == "".join(said_by_the_assistant(whole))


def test_a_teachers_decision_is_trained_and_nothing_that_the_student_said(
    made: Made, tmp_path: Path
) -> None:
    rows = [
        {"prompt": row["messages"][:-1], "completion": row["messages"][-1:], "tools": row["tools"]}
        for row in rows_of(made.demonstrations, "sft")
        if len(row["messages"]) > 3  # the prompt has a turn of the assistant's
    ]
    data = tmp_path / "taught.jsonl"
    data.write_text("".join(f"{render(row)}\n" for row in rows))
    trainer, _ = sft_trainer(SFTConfiguration(model=str(made.model), data=str(data)), tmp_path)
    tokenizer = trainer.processing_class

    assert len(trainer.train_dataset) == len(rows) > 0
    for prepared, row in zip(trainer.train_dataset, rows, strict=True):
        whole = tokenizer.apply_chat_template(
            [*row["prompt"], *row["completion"]], tools=parse(row["tools"]), tokenize=False
        )
        assert tokenizer.decode(prepared["input_ids"]) == whole
        trained = [label for label in prepared["labels"] if label != -100]
        assert tokenizer.decode(trained) == said_by_the_assistant(whole)[-1]


def test_preferences_train_one_turn_of_the_assistant_and_nothing_that_came_back(
    made: Made, tmp_path: Path
) -> None:
    chosen = DPOConfiguration(model=str(made.model), data=str(made.pairs))
    trainer, _ = dpo_trainer(chosen, tmp_path)
    tokenizer = trainer.processing_class

    rows = rows_of(made.pairs, "dpo")
    for prepared, row in zip(trainer.train_dataset, rows, strict=True):
        prompt = tokenizer.apply_chat_template(
            row["prompt"], tools=parse(row["tools"]), tokenize=False, add_generation_prompt=True
        )
        assert tokenizer.decode(prepared["prompt_ids"]) == prompt
        for side in ("chosen", "rejected"):
            (turn,) = row[side]
            completion = tokenizer.decode(prepared[f"{side}_ids"])
            assert completion.rstrip("\n").endswith("<|end|>")
            assert completion.count("<|begin|>") == 0
            assert turn["tool_calls"][0]["function"]["name"] in completion


def test_reward_models_read_all_that_was_compared(made: Made, tmp_path: Path) -> None:
    chosen = RewardConfiguration(model=str(made.model), data=str(made.pairs))
    trainer, counts = reward_trainer(chosen, tmp_path)

    rows = rows_of(made.pairs, "reward")
    assert len(trainer.train_dataset) == len(rows) == counts["rows"]
    for prepared, row in zip(trainer.train_dataset, rows, strict=True):
        for side in ("chosen", "rejected"):
            text = trainer.processing_class.decode(prepared[f"{side}_ids"])
            assert text.count("<|begin|>assistant") == sum(
                message["role"] == "assistant" for message in row["prompt"] + row[side]
            )


def test_labelled_decisions_train_one_turn_and_are_told_from_another_prompt(
    made: Made, tmp_path: Path
) -> None:
    """How far the policy has gone is estimated by a prompt with another prompt's completion."""
    chosen = KTOConfiguration(model=str(made.model), data=str(made.pairs), batch_size=3)
    trainer, counts = kto_trainer(chosen, tmp_path)
    tokenizer = trainer.processing_class
    prepared = list(trainer.train_dataset)

    rows = rows_of(made.pairs, "kto")
    assert counts["rows"] == len(prepared) == counts["desirable"] + counts["undesirable"]
    assert len(rows) == counts["rows"] + counts.get("alone in a batch", 0)
    assert len(prepared) % 3 != 1
    written = {
        (
            tokenizer.apply_chat_template(
                row["prompt"], tools=parse(row["tools"]), tokenize=False, add_generation_prompt=True
            ),
            row["completion"][0]["tool_calls"][0]["function"]["name"],
            row["label"],
        )
        for row in rows
    }
    for begin in range(0, len(prepared), 3):
        batch = prepared[begin : begin + 3]
        for row, before in zip(batch, [batch[-1], *batch], strict=False):
            completion = tokenizer.decode(row["completion_ids"])
            (name,) = re.findall(r'"name": "(\w+)"', completion)
            assert (tokenizer.decode(row["prompt_ids"]), name, row["label"]) in written
            assert completion.rstrip("\n").endswith("<|end|>") and "<|begin|>" not in completion
            assert row["KL_completion_ids"] == before["completion_ids"]
            assert row["prompt_ids"] != before["prompt_ids"]


def test_what_is_rare_among_labels_weighs_more(made: Made, tmp_path: Path) -> None:
    rows = rows_of(made.pairs, "kto")
    few = [row for row in rows if row["label"]][:2] + [row for row in rows if not row["label"]][:4]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(render, few)))

    def weights(**settings: Any) -> tuple[float, float]:
        chosen = KTOConfiguration(
            model=str(made.model), data=str(tmp_path / "rows.jsonl"), **settings
        )
        trainer, counts = kto_trainer(chosen, tmp_path / "out")
        assert counts == {"rows": 6, "desirable": 2, "undesirable": 4}
        return trainer.desirable_weight, trainer.undesirable_weight

    assert weights() == (2.0, 1.0)
    assert weights(undesirable_weight=0.5) == (1.0, 0.5)
    assert weights(desirable_weight=1.0, undesirable_weight=1.0) == (1.0, 1.0)


def test_an_estimate_is_cut_at_what_the_model_reads_and_no_row_is(
    made: Made, tmp_path: Path
) -> None:
    sides = [("long " * 50, "short", True), ("short", "long " * 40, False)]
    rows = [
        {
            "prompt": [{"role": "user", "content": asked}],
            "completion": [{"role": "assistant", "content": answered}],
            "label": label,
        }
        for asked, answered, label in sides
    ]
    data = tmp_path / "rows.jsonl"
    data.write_text("\n".join(map(render, rows)))

    def prepared(limit: int | None) -> tuple[list[int], list[int]]:
        chosen = KTOConfiguration(model=str(made.model), data=str(data), max_length=limit)
        trainer, _ = kto_trainer(chosen, tmp_path / "out")
        batch = trainer.data_collator(list(trainer.train_dataset))
        own, mixed = batch["attention_mask"], batch["KL_attention_mask"]
        return own.sum(1).tolist(), mixed.sum(1).tolist()

    own, mixed = prepared(None)
    assert max(mixed) > max(own) > min(mixed)
    assert prepared(max(own)) == (own, [min(length, max(own)) for length in mixed])


def test_a_length_limit_leaves_rows_out_and_cuts_none(made: Made, tmp_path: Path) -> None:
    def prepared(limit: int | None) -> tuple[list[int], dict[str, int]]:
        chosen = SFTConfiguration(
            model=str(made.model), data=str(made.demonstrations), max_length=limit
        )
        trainer, counts = sft_trainer(chosen, tmp_path)
        return [len(row["input_ids"]) for row in trainer.train_dataset], counts

    every, _ = prepared(None)
    limit = sorted(every)[len(every) // 2]
    kept, counts = prepared(limit)

    assert kept == [length for length in every if length <= limit]
    assert counts == {"rows": len(kept), "too long": len(every) - len(kept)}
