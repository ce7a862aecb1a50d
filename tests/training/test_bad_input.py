"""What is wrong is said before the first step, with what to do about it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.training.data import Made
from tests.training.tiny import MARKED_TEMPLATE
from toolenv.errors import ConfigurationError, FormatError, ToolenvError
from toolenv.jsontext import parse, render
from toolenv.training.configuration import (
    DPOConfiguration,
    KTOConfiguration,
    Lora,
    SFTConfiguration,
    configure,
)
from toolenv.training.supervised import train_on_rows


def refusal(kind: str, model: Path, data: Path, out: Path, **settings: Any) -> str:
    chosen = {"sft": SFTConfiguration, "dpo": DPOConfiguration, "kto": KTOConfiguration}[kind]
    with pytest.raises(ToolenvError) as refused:
        train_on_rows(chosen(model=str(model), data=str(data), **settings), out)
    assert not (out / "training.json").exists()
    return str(refused.value)


def with_template(made: Made, place: Path, template: str | None) -> Path:
    """The tiny model with another chat template."""
    shutil.copytree(made.model, place)
    (place / "chat_template.jinja").unlink()
    if template is not None:
        (place / "chat_template.jinja").write_text(template)
    return place


def pair(chosen: str, rejected: str) -> dict[str, Any]:
    said = [{"role": "assistant", "content": text} for text in (chosen, rejected)]
    return {"prompt": [{"role": "user", "content": "?"}], "chosen": said[:1], "rejected": said[1:]}


def labelled(*labels: object) -> str:
    """Rows of KTO with these labels, as JSON Lines."""
    rows = [
        {
            "prompt": [{"role": "user", "content": f"{number}?"}],
            "completion": [{"role": "assistant", "content": "!"}],
            "label": label,
        }
        for number, label in enumerate(labels)
    ]
    return "\n".join(map(render, rows))


def test_an_empty_dataset(made: Made, tmp_path: Path) -> None:
    (tmp_path / "none.jsonl").write_text("")
    (tmp_path / "folder").mkdir()

    assert "The dataset is empty" in refusal(
        "sft", made.model, tmp_path / "none.jsonl", tmp_path / "out"
    )
    assert "There is no table for sft here. Make them with: toolenv dataset sft" in refusal(
        "sft", made.model, tmp_path / "folder", tmp_path / "out"
    )
    assert "There are no such data" in refusal("sft", made.model, tmp_path / "no", tmp_path / "out")


def test_rows_of_another_kind(made: Made, tmp_path: Path) -> None:
    said = refusal("dpo", made.model, made.demonstrations / "sft.parquet", tmp_path / "out")

    assert "The rows have no column 'prompt'" in said
    assert "toolenv pairs RUN" in said

    said = refusal("kto", made.model, made.pairs / "dpo.parquet", tmp_path / "out")

    assert "The rows have no column 'completion'; they have prompt, chosen" in said
    assert "toolenv pairs RUN --out DATA --as kto" in said


def test_a_teachers_rows_without_what_it_says(made: Made, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"prompt":[{"role":"user","content":"?"}],"tools":"[]"}')
    said = refusal("sft", made.model, tmp_path / "rows.jsonl", tmp_path / "out")

    assert "The rows have no column 'completion'; they have prompt, tools" in said


def test_an_unknown_way_to_attend(made: Made, tmp_path: Path) -> None:
    said = refusal("sft", made.model, made.demonstrations, tmp_path / "out", attention="squinting")

    assert said.startswith("attention: The model cannot compute attention by 'squinting'")


def test_a_tokenizer_without_a_template(made: Made, tmp_path: Path) -> None:
    model = with_template(made, tmp_path / "model", None)

    for kind, data in (("sft", made.demonstrations), ("dpo", made.pairs), ("kto", made.pairs)):
        said = refusal(kind, model, data, tmp_path / "out")
        assert "The tokenizer has no chat template. Set tokenizer.chat_template" in said


def test_a_template_that_is_not_there(made: Made, tmp_path: Path) -> None:
    none = str(tmp_path / "none.jinja")
    said = refusal("sft", made.model, made.demonstrations, tmp_path / "out", chat_template=none)
    assert "There is no such chat template." in said
    assert none in said
    assert "compact or compact-again" in said


def test_a_template_that_does_not_mark_the_assistant(made: Made, tmp_path: Path) -> None:
    unmarked = MARKED_TEMPLATE.replace("{% generation %}", "").replace("{% endgeneration %}", "")
    model = with_template(made, tmp_path / "model", unmarked)

    said = refusal("sft", model, made.demonstrations, tmp_path / "out")

    assert "does not mark what the assistant says" in said and "{% generation %}" in said


def test_a_template_that_leaves_the_end_of_a_turn_unmarked(made: Made, tmp_path: Path) -> None:
    short = MARKED_TEMPLATE.replace("<|end|>{% endgeneration %}", "{% endgeneration %}<|end|>")
    model = with_template(made, tmp_path / "model", short)

    said = refusal("sft", model, made.demonstrations, tmp_path / "out")

    assert "never learns to stop" in said


def test_a_template_that_swallows_calls(made: Made, tmp_path: Path) -> None:
    deaf = MARKED_TEMPLATE.replace("message.tool_calls or []", "[]")
    model = with_template(made, tmp_path / "model", deaf)

    for kind in ("dpo", "kto"):
        assert "does not show calls" in refusal(kind, model, made.pairs, tmp_path / "out")


def test_a_template_that_writes_a_prompt_otherwise_once_it_is_answered(
    made: Made, tmp_path: Path
) -> None:
    other = MARKED_TEMPLATE.replace(
        "{% if add_generation_prompt %}<|begin|>", "{% if add_generation_prompt %}<|begin|>now the "
    )
    model = with_template(made, tmp_path / "model", other)

    for kind in ("dpo", "kto"):
        said = refusal(kind, model, made.pairs, tmp_path / "out")
        assert "writes a prompt otherwise once it is answered" in said


def test_a_row_in_which_the_assistant_says_nothing(made: Made, tmp_path: Path) -> None:
    asked = [{"role": "user", "content": "?"}]
    answered = [*asked, {"role": "assistant", "content": "!"}]
    rows = tmp_path / "rows.jsonl"
    rows.write_text("\n".join(render({"messages": said}) for said in (answered, asked)))
    said = refusal("sft", made.model, rows, tmp_path / "out")
    assert "The assistant says nothing in row 1" in said and "Leave it out" in said


def test_a_pair_with_equal_sides(made: Made, tmp_path: Path) -> None:
    data = tmp_path / "pairs.jsonl"
    data.write_text("\n".join(render(pair(*sides)) for sides in (("a", "b"), ("c", "c"))))

    said = refusal("dpo", made.model, data, tmp_path / "out")

    assert "Both sides of row 1 say the same (1 of 2 rows are so)." in said


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([True, True], "All 2 rows that fit are desirable: there is nothing to tell them from."),
        ([False] * 3, "All 3 rows that fit are undesirable"),
        ([True, None], "The label of row 1 is None, neither true nor false. Say true of what"),
        (["good", "bad"], "The label of row 0 is 'good', neither true nor false."),
    ],
)
def test_labels_that_tell_nothing_apart(
    made: Made, tmp_path: Path, labels: list[object], said: str
) -> None:
    (tmp_path / "rows.jsonl").write_text(labelled(*labels))

    assert said in refusal("kto", made.model, tmp_path / "rows.jsonl", tmp_path / "out")


def test_a_batch_in_which_no_row_has_another(made: Made) -> None:
    given = {"model": str(made.model), "data": str(made.pairs), "batch_size": 1}

    with pytest.raises(ConfigurationError, match=r"batch_size: Input should be greater .* to 2"):
        configure(KTOConfiguration, None, given)


def test_a_limit_that_no_row_fits(made: Made, tmp_path: Path) -> None:
    said = refusal("sft", made.model, made.demonstrations, tmp_path / "out", max_length=10)

    assert "No row fits: the shortest has" in said and "10 are allowed. Raise max_length" in said


def test_a_model_that_is_not_there_or_not_whole(made: Made, tmp_path: Path) -> None:
    (tmp_path / "half").mkdir()
    shutil.copy(made.model / "config.json", tmp_path / "half")

    assert "There is no such folder" in refusal(
        "sft", tmp_path / "nowhere", made.demonstrations, tmp_path / "out"
    )
    assert "The model cannot be loaded" in refusal(
        "sft", tmp_path / "half", made.demonstrations, tmp_path / "out"
    )


def test_a_tokenizer_of_another_model(made: Made, tmp_path: Path) -> None:
    shutil.copytree(made.model, tmp_path / "model")
    config: Any = parse((made.model / "config.json").read_bytes())
    (tmp_path / "model" / "config.json").write_text(render({**config, "vocab_size": 100}))

    said = refusal(
        "sft", tmp_path / "model", made.demonstrations, tmp_path / "out", from_scratch=True
    )

    assert "and the model knows 100" in said


def test_options_that_trl_does_not_know_or_that_are_settings(made: Made, tmp_path: Path) -> None:
    given = (made.model, made.demonstrations, tmp_path / "out")

    assert "TRL refuses the settings" in refusal("sft", *given, options={"no_such_option": 1})
    assert "options.seed: seed is set by a setting of its own" in str(
        refusal("sft", *given, options={"seed": 1})
    ).replace("'", "")


def test_settings_that_only_the_trainer_refuses(made: Made, tmp_path: Path) -> None:
    given = (made.model, made.pairs, tmp_path / "out")

    assert "KTOTrainer refuses the settings: Loss type `'kto'`" in refusal(
        "kto", *given, options={"train_sampling_strategy": "random"}
    )
    assert "DPOTrainer refuses the settings: Applying a PEFT adapter to `lm_head`" in refusal(
        "dpo", *given, lora=Lora(targets=("lm_head",))
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.toml", 'model = "m"\nepochs = 2\n[lora]\nrank = 4\n'),
        ("a.yaml", "model: m\nepochs: 2\nlora:\n  rank: 4\n"),
        ("a.json", '{"model": "m", "epochs": 2, "lora": {"rank": 4}}'),
    ],
)
def test_settings_are_read_from_files_and_flags_win(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)

    chosen = configure(SFTConfiguration, tmp_path / name, {"epochs": 3.0, "lora": {"alpha": 8}})

    assert (chosen.model, chosen.epochs) == ("m", 3.0)
    assert chosen.lora is not None and (chosen.lora.rank, chosen.lora.alpha) == (4, 8)


def test_settings_that_do_not_fit_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('model = "m"\nepoch = 2\n')

    with pytest.raises(ConfigurationError, match=r"a\.toml: epoch: There is no such setting"):
        configure(SFTConfiguration, tmp_path / "a.toml")
    with pytest.raises(ConfigurationError, match="epochs: Input should be greater than 0"):
        configure(SFTConfiguration, None, {"model": "m", "epochs": -1.0})
    with pytest.raises(ConfigurationError, match="There is no such file"):
        configure(SFTConfiguration, tmp_path / "none.toml")
    with pytest.raises(ConfigurationError, match=r"\Aepoch: .*Did you mean epochs"):
        configure(SFTConfiguration, None, {"epoch": 2})
    (tmp_path / "b.toml").write_text('model = "m"\nlora = 16\n')
    with pytest.raises(ConfigurationError, match=r"b\.toml: lora"):
        configure(SFTConfiguration, tmp_path / "b.toml")


def test_data_that_cannot_be_read(made: Made, tmp_path: Path) -> None:
    (tmp_path / "rows.parquet").write_bytes(b"not parquet")

    with pytest.raises(FormatError, match="The data cannot be read"):
        train_on_rows(
            SFTConfiguration(model=str(made.model), data=str(tmp_path / "rows.parquet")),
            tmp_path / "out",
        )
