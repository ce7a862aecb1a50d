"""``toolenv pairs``: preference pairs from explored episodes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from toolenv.cli.options import Replace, choices, require_empty
from toolenv.cli.output import console, friendly_errors, plain, print_json
from toolenv.cli.pair_sources import (
    close,
    open_resampled,
    open_score,
    open_wins,
    read_labels,
    require_pass_kappa,
)

if TYPE_CHECKING:
    from toolenv.preferences import Exported

__all__ = ["pairs", "show_export"]

_EXAMPLES = """
Examples:

  toolenv pairs runs/dfsdt --out pairs/first
      on paths to success, the step taken against siblings with a visible fault

  toolenv pairs runs/dfsdt answers/G1_instruction --out pairs/more
      --source steps --source errors --source repeats --as dpo --as kto

  toolenv pairs runs/dfsdt --out pairs/resampled --source resampled
      --policy transformers:models/sft --continuations 8 --margin 0.3

  toolenv pairs runs/a runs/b --out pairs/judged --source judge --wins runs/a:win
      --labels people.jsonl --least-kappa 0.6
"""


def pairs(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Run folders, and ToolBench's answer files or folders of them."),
    ],
    out: Annotated[Path, typer.Option(help="The folder to write.")],
    source: Annotated[
        list[str] | None,
        typer.Option(
            help="steps, tp-llama, resampled, outcome, judge, scores, errors, repeats; repeatable."
        ),
    ] = None,
    forms: Annotated[
        list[str] | None,
        typer.Option("--as", help="dpo, kto, reward: whose rows; repeatable. Default: dpo."),
    ] = None,
    format: Annotated[str, typer.Option(help="parquet, jsonl or datasets.")] = "parquet",
    reason: Annotated[
        list[str] | None,
        typer.Option(help="Visible faults that count in steps; repeatable. Default: all but miss."),
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(
            help="Least difference: of shares of continuations (0.3), scores (0.1), votes (0)."
        ),
    ] = None,
    policy: Annotated[
        str | None, typer.Option(help="For resampled: what continues, as for 'toolenv run'.")
    ] = None,
    continuations: Annotated[
        int, typer.Option(help="For resampled: continuations of each sibling, 8 or more.")
    ] = 8,
    score: Annotated[
        str | None,
        typer.Option(help="For scores: reward (as recorded), or module:name of a branch's score."),
    ] = None,
    wins: Annotated[
        list[str] | None,
        typer.Option(help="For judge: RUN:NAME of a set of win verdicts; repeatable."),
    ] = None,
    verdicts: Annotated[
        str, typer.Option(help="A set of pass verdicts that decides tasks without a check.")
    ] = "",
    labels: Annotated[
        Path | None, typer.Option(help="People's labels, to measure the judge's kappa by.")
    ] = None,
    least_kappa: Annotated[
        float | None, typer.Option(help="Refuse a judge whose kappa with people is lower.")
    ] = None,
    tokenizer: Annotated[
        str | None, typer.Option(help="A model's folder: rows that are too long are left out.")
    ] = None,
    max_length: Annotated[
        int, typer.Option(help="With --tokenizer: most tokens of a conversation.")
    ] = 1024,
    keep_duplicates: Annotated[
        bool, typer.Option("--keep-duplicates", help="Keep pairs that would train alike.")
    ] = False,
    seed: Annotated[int, typer.Option(help="What the leak check draws from.")] = 0,
    replace: Replace = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what was counted as JSON.")
    ] = False,
) -> None:
    """Make preference pairs from explored episodes, in the forms that trainers take."""
    with friendly_errors():
        from typing import get_args

        from toolenv.cli.progress import counted
        from toolenv.formats.row_files import RowFormat
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
        from toolenv.preferences.rows import PAIR_FORMS
        from toolenv.preferences.siblings import VISIBLE

        sources = choices(source or ["steps"], get_args(Source), "--source")
        chosen_forms = choices(forms or ["dpo"], list(PAIR_FORMS), "--as")
        (chosen_format,) = choices([format], get_args(RowFormat), "--format")
        require_empty(out, replace=replace)
        people = read_labels(labels, least_kappa)
        if least_kappa is not None and verdicts:
            require_pass_kappa(paths, verdicts, people, least_kappa)
        settings = PairSettings(
            sources=sources,
            reasons=frozenset(reason or VISIBLE),
            score=open_score(score) if "scores" in sources else None,
            score_margin=0.1 if margin is None else margin,
            wins=open_wins(wins or [], paths, margin or 0.0, people, least_kappa)
            if "judge" in sources
            else (),
            resampled=open_resampled(paths, policy, continuations, margin)
            if "resampled" in sources
            else None,
            duplicates=keep_duplicates,
        )
        counts, leaks = PairCounts(), LeakCheck(seed)
        with counted("pairs", quiet=as_json) as report:
            made = 0

            def told() -> Any:
                nonlocal made
                groups = explored_by_task(paths, verdicts=verdicts)
                for made, pair in enumerate(collect_pairs(groups, settings, counts, leaks), 1):
                    if made % 100 == 0:
                        report(made, None)
                    yield pair

            exported = export_pairs(
                told(),
                out,
                counts,
                forms=chosen_forms,
                format=chosen_format,
                limit=TokenLimit(tokenizer, max_length) if tokenizer is not None else None,
                leaks=leaks,
            )
            report(made, made)
        close(settings)
        show_export(exported, as_json=as_json)


pairs.__doc__ = f"{pairs.__doc__}\n{_EXAMPLES}"


def show_export(exported: Exported, *, as_json: bool) -> None:
    """What an export wrote and counted, and where it is."""
    if as_json:
        print_json({"out": str(exported.folder), **exported.report})
        return
    _show_counts(exported.report)
    for warning in exported.warnings:
        console.print(plain(f"warning: {warning}"), style="yellow", soft_wrap=True)
    rows = ", ".join(f"{count} rows as {form}" for form, count in exported.rows.items())
    console.print(plain(f"{rows}: {exported.folder}"), soft_wrap=True)


def _show_counts(report: dict[str, Any], indent: str = "") -> None:
    for name, value in report.items():
        if name in ("rows", "warnings"):
            continue
        if isinstance(value, dict):
            if value:
                console.print(plain(f"{indent}{name}:"), highlight=False)
                _show_counts(value, f"{indent}  ")
        else:
            console.print(plain(f"{indent}{name}: {value}"), highlight=False)
