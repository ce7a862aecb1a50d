"""``toolenv dataset``: demonstrations and prompts for trainers."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from toolenv.cli.options import Replace, choices, require_empty
from toolenv.cli.output import friendly_errors

__all__ = ["app"]

app = typer.Typer(
    help="Training data: demonstrations (sft, toolbench), prompts (grpo), exercises (copying).",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

_Paths = Annotated[
    list[Path], typer.Argument(help="Run folders, and ToolBench's answer files or folders of them.")
]
_Out = Annotated[Path, typer.Option(help="The folder to write.")]
_Format = Annotated[str, typer.Option(help="parquet, jsonl or datasets.")]
_Most = Annotated[
    int | None, typer.Option(help="Most paths of one task, the shortest first. Default: all.")
]
_Verdicts = Annotated[
    str, typer.Option(help="A set of pass verdicts that decides tasks without a check.")
]
_Json = Annotated[bool, typer.Option("--json", help="Print what was counted as JSON.")]


@app.command()
def sft(
    paths: _Paths,
    out: _Out,
    format: _Format = "parquet",
    per_task: _Most = None,
    verdicts: _Verdicts = "",
    tokenizer: Annotated[
        str | None,
        typer.Option(help="A model's folder: conversations that are too long are left out."),
    ] = None,
    max_length: Annotated[
        int, typer.Option(help="With --tokenizer: most tokens of a conversation.")
    ] = 1024,
    teacher: Annotated[
        str,
        typer.Option(
            help="A policy, as for 'toolenv run': what it would have said at each decision."
        ),
    ] = "",
    replace: Replace = False,
    as_json: _Json = False,
) -> None:
    """Successful paths as conversations with their tools, for SFTTrainer.

    With --teacher every decision of every chosen branch, successful or not, with the teacher's
    message in place of what was said: how to go on after one's own mistakes.

    Examples:

      toolenv dataset sft runs/dfsdt --out data/sft

      toolenv dataset sft runs/sampled --per-task 1 --out data/rejection-sampled
          --tokenizer models/base --max-length 2048

      toolenv dataset sft runs/student --teacher openai:gpt-5 --out data/taught
    """
    with friendly_errors():
        from toolenv import __version__
        from toolenv.errors import ConfigurationError
        from toolenv.preferences.demonstrations import SFT_COLUMNS, demonstrations, sft_rows
        from toolenv.preferences.explored import explored_by_task
        from toolenv.preferences.lengths import TokenLimit

        counts = Counter[str]()
        limit = TokenLimit(tokenizer, max_length) if tokenizer is not None else None
        if teacher and (verdicts or per_task is not None):
            raise ConfigurationError(
                "With --teacher every decision counts, whether a task was carried out or not.",
                where="--verdicts" if verdicts else "--per-task",
                fix="Leave it out.",
            )
        groups = explored_by_task(paths, verdicts=verdicts)
        if teacher:
            from toolenv.agents.specification import open_policy
            from toolenv.preferences.teaching import TAUGHT_COLUMNS, taught_rows

            rows = taught_rows(groups, open_policy(teacher), counts, limit)
            text = [
                "# A teacher's decisions",
                "",
                "What a teacher would have said where another policy stood, made by toolenv "
                f"{__version__}, for `SFTTrainer`: the loss is on the completion alone.",
            ]
            _export(rows, out, "sft", TAUGHT_COLUMNS, format, text, counts, as_json, replace)
            return
        found = demonstrations(groups, counts, most_per_task=per_task)
        text = [
            "# Demonstrations",
            "",
            f"Paths that carried out their tasks, made by toolenv {__version__}, for `SFTTrainer` "
            "with `assistant_only_loss`. What is said for one decision alone (a message that shows "
            "siblings) is in no conversation.",
        ]
        _export(
            sft_rows(found, counts, limit),
            out,
            "sft",
            SFT_COLUMNS,
            format,
            text,
            counts,
            as_json,
            replace,
        )


@app.command()
def toolbench(
    paths: _Paths,
    out: _Out,
    format: _Format = "jsonl",
    per_task: _Most = None,
    verdicts: _Verdicts = "",
    prompts: Annotated[
        Path | None,
        typer.Option(help="Your own training file of ToolBench, whose wording is used."),
    ] = None,
    giving_up: Annotated[
        bool, typer.Option("--giving-up", help="Also paths that gave up, as ToolBench's own data.")
    ] = False,
    replace: Replace = False,
    as_json: _Json = False,
) -> None:
    """Successful paths in the form of ToolBench's own training records.

    Examples:

      toolenv dataset toolbench answers/G1_instruction --out data/toolbench
          --prompts toolllama_G123_dfs_train.json
    """
    with friendly_errors():
        from toolenv import __version__
        from toolenv.agents.policies.toolllama import OWN_WORDING, read_wording
        from toolenv.preferences.demonstrations import (
            TOOLBENCH_COLUMNS,
            demonstrations,
            toolbench_rows,
        )
        from toolenv.preferences.explored import explored_by_task

        counts = Counter[str]()
        wording = read_wording(prompts) if prompts is not None else OWN_WORDING
        groups = explored_by_task(paths, verdicts=verdicts)
        found = demonstrations(groups, counts, most_per_task=per_task, giving_up=giving_up)
        text = [
            "# Demonstrations in ToolBench's form",
            "",
            f"One record for each call of a successful path, made by toolenv {__version__}. The "
            "loss belongs on the last message alone.",
        ]
        rows = toolbench_rows(found, wording)
        _export(rows, out, "toolbench", TOOLBENCH_COLUMNS, format, text, counts, as_json, replace)


@app.command()
def grpo(
    out: _Out,
    tasks: Annotated[
        str | None, typer.Option(help="A task file, or module:function. Default: embedded.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="Keep this split only.")] = None,
    compatibility: Annotated[
        str | None, typer.Option(help="toolbench or stabletoolbench: their schemas and texts.")
    ] = None,
    format: _Format = "parquet",
    replace: Replace = False,
    as_json: _Json = False,
) -> None:
    """Tasks as prompts, for GRPOTrainer.

    Examples:

      toolenv dataset grpo --split I1-inst --out data/prompts
    """
    with friendly_errors():
        from toolenv import __version__
        from toolenv.preferences.prompts import PROMPT_COLUMNS, prompt_rows
        from toolenv.running.configuration_files import read_configuration

        flags: dict[str, Any] = {"tasks": tasks, "split": split, "compatibility": compatibility}
        configuration = read_configuration(None, flags)
        env = configuration.open_environment()
        counts = Counter({"tasks": len(env.tasks)})
        text = [
            "# Prompts",
            "",
            f"Tasks as their policies see them first, made by toolenv {__version__}.",
        ]
        try:
            rows = prompt_rows(env)
            _export(rows, out, "grpo", PROMPT_COLUMNS, format, text, counts, as_json, replace)
        finally:
            env.simulator.close()


@app.command()
def copying(
    out: _Out,
    rows: Annotated[int, typer.Option(min=1, help="How many exercises.")] = 2000,
    seed: Annotated[int, typer.Option(help="What they are drawn from.")] = 0,
    format: _Format = "parquet",
    replace: Replace = False,
    as_json: _Json = False,
) -> None:
    """Exercises in copying, for a small model before it sees a function ('toolenv train new').

    Examples:

      toolenv dataset copying --out data/copying
    """
    with friendly_errors():
        from toolenv import __version__
        from toolenv.preferences.demonstrations import SFT_COLUMNS
        from toolenv.training.from_scratch import copying_rows

        text = [
            "# Exercises in copying",
            "",
            f"Phrases of invented words, and then each to be said from its first word; made by "
            f"toolenv {__version__}.",
        ]
        counts = Counter({"exercises": rows})
        found = copying_rows(rows, seed=seed)
        _export(found, out, "sft", SFT_COLUMNS, format, text, counts, as_json, replace)


def _export(
    rows: Any,
    out: Path,
    table: str,
    columns: Any,
    format: str,
    text: list[str],
    counts: Any,
    as_json: bool,
    replace: bool,
) -> None:
    from typing import get_args

    from toolenv.cli.pairs import show_export
    from toolenv.formats.row_files import RowFormat
    from toolenv.preferences.exporting import export_rows

    (chosen,) = choices([format], get_args(RowFormat), "--format")
    require_empty(out, replace=replace)
    exported = export_rows(rows, out, table, columns, format=chosen, text=text, counts=counts)
    show_export(exported, as_json=as_json)
