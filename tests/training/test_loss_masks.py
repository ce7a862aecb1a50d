"""The loss falls on the assistant's tokens alone, as TRL's own trainers prepare the rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets

from tests.training.data import Made
from toolenv.jsontext import parse
from toolenv.training.configuration import (
    DPOConfiguration,
    RewardConfiguration,
    SFTConfiguration,
)
from toolenv.training.supervised import dpo_trainer, reward_trainer, sft_trainer


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


def test_preferences_of_kto_are_taken_as_they_are(made: Made, tmp_path: Path) -> None:
    import transformers
    import trl

    model = transformers.AutoModelForCausalLM.from_pretrained(made.model)
    tokenizer = transformers.AutoTokenizer.from_pretrained(made.model)
    rows = datasets.load_dataset(str(made.pairs), "kto", split="train").select(range(4))
    arguments = trl.KTOConfig(
        output_dir=str(tmp_path),
        use_cpu=True,
        bf16=False,
        report_to="none",
        max_length=None,
        per_device_train_batch_size=2,
    )
    trainer = trl.KTOTrainer(model, args=arguments, train_dataset=rows, processing_class=tokenizer)

    assert len(trainer.train_dataset) == 4


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
