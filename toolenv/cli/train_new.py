"""``toolenv train new``: a small model that has learned nothing yet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolenv.cli.output import console, friendly_errors, plain, print_json
from toolenv.cli.training_output import quiet_libraries

__all__ = ["new"]


def new(
    data: Annotated[str, typer.Option(help="Demonstrations, from 'toolenv dataset sft'.")],
    out: Annotated[Path, typer.Option(help="The folder to write.")],
    size: Annotated[str, typer.Option(help="tiny, small, medium or large.")] = "tiny",
    seed: Annotated[int, typer.Option(help="What the first weights are drawn from.")] = 0,
    vocabulary: Annotated[int, typer.Option(min=512, help="Tokens of the tokenizer.")] = 1024,
    context_length: Annotated[
        int, typer.Option(min=16, help="Most tokens that the model is to read.")
    ] = 1024,
    chat_template: Annotated[
        str,
        typer.Option(
            help="compact, or compact-again: show after each answer what has not been called yet."
        ),
    ] = "compact",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Make a small Llama with a tokenizer for functions, and first weights that can copy.

    Train it on copying first, then on demonstrations.

    Examples:

      toolenv dataset copying --out data/copying

      toolenv train new --data data/sft --out models/new

      toolenv train sft --model models/new --data data/copying --out models/copies
          --learning-rate 2e-3 --batch-size 16

      toolenv train sft --model models/copies --data data/sft --out models/imitation
          --learning-rate 2e-3 --batch-size 16

      toolenv train sft --model models/imitation --data data/sft --out models/sft
          --learning-rate 1e-3 --batch-size 16 --set chat_template=compact-again
    """
    with friendly_errors(), quiet_libraries():
        from toolenv.cli.options import choices
        from toolenv.training.compact_template import COMPACT_TEMPLATES
        from toolenv.training.from_scratch import SIZES, make_model

        (chosen,) = choices([size], tuple(SIZES), "--size")
        (template,) = choices([chat_template], COMPACT_TEMPLATES, "--chat-template")
        made = make_model(
            data,
            out,
            SIZES[chosen],
            seed=seed,
            vocabulary=vocabulary,
            context_length=context_length,
            template=template,
        )
        if as_json:
            print_json({"out": str(out), **made._asdict()})
            return
        said = f"{made.parameters:,} parameters, {made.tokens:,} tokens"
        console.print(plain(said), soft_wrap=True, highlight=False)
        console.print(plain(f"model: {out}"), soft_wrap=True)
