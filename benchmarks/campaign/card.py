"""The card of the policies that travel with the package, in the form of Hugging Face's."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from toolenv.errors import ConfigurationError
from toolenv.jsontext import parse
from toolenv.training.folder import TrainingRecord

__all__ = ["Done", "lineage", "model_card"]


class Done(NamedTuple):
    """A command that was carried out.

    Args:
        out: The folder that it wrote, below the campaign's.
        arguments: Those of ``toolenv``, without ``--out``.
        seconds: How long it took.
    """

    out: str
    arguments: tuple[str, ...]
    seconds: float


def lineage(campaign: Path, wanted: Iterable[str]) -> list[Done]:
    """The commands that led to some folders, each after those that it needs.

    Their arguments name the campaign's folder ``campaign``, wherever it lay.

    Args:
        campaign: The campaign's folder.
        wanted: Folders below it.

    Raises:
        ConfigurationError: It is not known how one of them was made.
    """
    rows: list[Any] = [parse(file.read_bytes()) for file in (campaign / "done").glob("*.json")]
    known = {str(row["out"]): row for row in rows}
    outs = "|".join(re.escape(out) for out in sorted(known, key=len, reverse=True))
    place = (
        re.compile(rf"(?:(?<=:)|^)(?:[^:?]*/)?({outs})(?=$|[/?&])") if known else re.compile("$^")
    )
    found: dict[str, Done] = {}

    def follow(out: str) -> None:
        if out in found:
            return
        if out not in known:
            raise ConfigurationError(
                "Nothing says how it was made.",
                where=str(campaign / out),
                fix=f"{campaign / 'done'} must hold the record of its command.",
            )
        row = known[out]
        needed = [match[1] for text in row["command"] for match in place.finditer(text)]
        for one in needed:
            follow(one)
        arguments = tuple(place.sub(r"campaign/\1", text) for text in row["command"])
        found[out] = Done(out, arguments, float(row["seconds"]))

    for out in wanted:
        follow(out)
    return list(found.values())


def model_card(campaign: Path, seed: str) -> str:
    """The card of a seed's policies.

    Args:
        campaign: The campaign's folder. Where it holds ``figures.json``, an object of titles and
            tables in Markdown, these are the card's figures.
        seed: The name of the seed's folder.

    Raises:
        ConfigurationError: It is not known how a policy was made.
    """
    models = {stage: campaign / seed / "models" / stage for stage in ("sft", "dpo")}
    commands = lineage(campaign, [f"{seed}/models/{stage}" for stage in models])
    records = {stage: TrainingRecord.read(model) for stage, model in models.items()}
    config: Any = parse((models["sft"] / "config.json").read_bytes())
    parts = [
        _FRONT,
        _WHAT,
        "## Architecture\n\n" + _architecture(config, _parameters(models["sft"])),
        "## Data\n\n" + _DATA + _rows({stage: one for stage, one in records.items() if one}),
        "## Recipe\n\n" + _recipe(commands),
        "## Versions\n\n" + _versions([one for one in records.values() if one]),
        *_figures(campaign / "figures.json"),
        _USE,
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _parameters(model: Path) -> int:
    from safetensors import safe_open

    with safe_open(model / "model.safetensors", framework="numpy") as weights:
        shapes = [weights.get_slice(name).get_shape() for name in weights.keys()]  # noqa: SIM118
    return sum(math.prod(shape) for shape in shapes)


def _architecture(config: dict[str, Any], parameters: int) -> str:
    rows = {
        "kind": config["architectures"][0],
        "parameters": f"{parameters:,}",
        "layers": config["num_hidden_layers"],
        "width": f"{config['hidden_size']}, {config['intermediate_size']} inside",
        "heads": config["num_attention_heads"],
        "context": f"{config['max_position_embeddings']:,} tokens",
        "tokenizer": f"byte-level BPE, {config['vocab_size']:,} tokens, made from the data",
        "chat template": "compact-again: the request, the functions, the turns, what is uncalled",
        "weights": "bfloat16, rounded from the float32 that training ended with",
    }
    return _table(("property", "value"), [(name, str(value)) for name, value in rows.items()])


def _rows(records: dict[str, TrainingRecord]) -> str:
    lines = [
        (
            f"`{stage}`",
            ", ".join(f"{number:,} {name}" for name, number in record.rows.items()),
            f"{record.steps:,}",
        )
        for stage, record in records.items()
    ]
    return "\n\n" + _table(("stage", "rows", "steps of the optimizer"), lines)


def _recipe(commands: list[Done]) -> str:
    lines = [
        shlex.join(["toolenv", *one.arguments, "--out", f"campaign/{one.out}"]) for one in commands
    ]
    seconds = [(f"`{one.out}`", f"{one.seconds:.0f}") for one in commands]
    return (
        "From nothing, by these commands (`python -m benchmarks.campaign` runs their like, and "
        "`python -m benchmarks.campaign.ship` made this folder of what they wrote):\n\n```sh\n"
        + "\n".join(lines)
        + "\n```\n\n"
        + _table(("written", "seconds"), seconds)
    )


def _versions(records: list[TrainingRecord]) -> str:
    """Every version that took part: the stages may have been trained in different places."""
    versions: dict[str, dict[str, None]] = {}
    for record in records:
        for name, one in record.versions.items():
            versions.setdefault(name, {})[one] = None
    return ", ".join(f"{name} {' and '.join(found)}" for name, found in sorted(versions.items()))


def _figures(file: Path) -> list[str]:
    if not file.exists():
        return []
    tables: Any = parse(file.read_bytes())
    shown = "\n\n".join(f"### {title}\n\n{table.strip()}" for title, table in tables.items())
    return [f"## Figures\n\nOf the float32 weights, before they were rounded.\n\n{shown}"]


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


_FRONT = """
---
license: apache-2.0
language: en
library_name: transformers
pipeline_tag: text-generation
tags:
- tool-use
- function-calling
- toolenv
---
"""

_WHAT = """
# toolenv's trained policies

Two stages of a small language model that uses functions, trained from nothing on the training tasks
of MiniToolBench-v1: `sft` imitates an expert; `dpo` goes on from it with preferences between what
it said in its own searches and attempts. They come with toolenv, under its licence, Apache-2.0.

```sh
toolenv run --tasks toolenv.mini.benchmark:benchmark_tasks --split I1-inst --out run \\
  --simulator local:toolenv.mini.benchmark:benchmark_simulator \\
  --policy "local:toolenv.mini.benchmark:trained_policy?stage=dpo"
```

Each folder loads alone: `AutoModelForCausalLM.from_pretrained("sft")`.
"""

_DATA = """
All of it is made by rules: training tasks of MiniToolBench-v1, which share no instruction, sentence
pattern or name with its test splits, attempted by a scripted expert that also errs and recovers;
exercises in copying invented names; and what the policy itself explored in further training tasks.
""".strip()

_USE = """
## Intended use

To see an agent work on a laptop, to compare searches and trainings where every mistake can be seen,
and to begin trainings from.

## Limits

- It knows the miniature's language and nothing else: made-up words, English by rules, one form of
  documents. With other functions it is of no use.
- A prompt that does not fit the context is cut.
- What it states is invented, as the miniature's values are.
- It was not made to be safe, nor to refuse anything; let it call nothing that matters.
"""
