"""``toolenv metrics``: what the records of runs tell without a judge."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolenv.cli.figures import figure, new_table, number
from toolenv.cli.output import console, friendly_errors, plain, print_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolenv.running.metrics_report import (
        AgreementFigures,
        Compared,
        MetricsReport,
        Subject,
        VoteFigures,
    )

__all__ = ["metrics"]


def metrics(
    runs: Annotated[list[Path], typer.Argument(help="Run folders, or converted answers.")],
    gold: Annotated[
        Path | None, typer.Option(help="JSON Lines of gold calls and checkpoints by task.")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="What people say: JSON Lines, or CSV with a header.")
    ] = None,
    verdicts: Annotated[
        str, typer.Option(help="The verdict set beside each run that says what passed.")
    ] = "",
    by: Annotated[str, typer.Option(help="What intervals are over: task or tool.")] = "task",
    no_compare: Annotated[
        bool, typer.Option("--no-compare", help="Do not compare with the first run.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Compare runs of different environments too.")
    ] = False,
    seed: Annotated[int, typer.Option(help="What intervals are drawn from.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure runs without a judge, and compare each with the first, task by task.

    Examples:

      toolenv metrics runs/first

      toolenv metrics runs/before runs/after --by tool

      toolenv metrics converted/G1_instruction.json
    """
    with friendly_errors():
        from toolenv.errors import ConfigurationError
        from toolenv.formats.gold import read_gold
        from toolenv.judging.agreement import read_labels
        from toolenv.running.metrics import measure_runs

        if by not in ("task", "tool"):
            raise ConfigurationError(f"Unknown: {by!r}.", where="--by", fix="Use task or tool.")
        found = measure_runs(
            runs,
            gold=read_gold(gold) if gold is not None else None,
            labels=read_labels(labels) if labels is not None else (),
            verdicts=verdicts,
            clusters="tool" if by == "tool" else "task",
            compare=not no_compare,
            force=force,
            seed=seed,
        )
        if as_json:
            print_json(found.model_dump(mode="json"))
        else:
            _tell(found)


def _tell(found: MetricsReport) -> None:
    for subject in found.subjects:
        _tell_subject(subject)
    for compared in found.comparisons:
        _tell_differences(compared)
    if found.people is not None:
        console.print(plain(f"people with each other: {_kappa(found.people)}"), soft_wrap=False)
    console.print(
        "Shares in percent. macro: each task counts alike; micro: each call, claim or episode. "
        f"In brackets 95 % intervals over {found.clusters}s. of: episodes that the figure is of."
    )
    judged = any(
        one.metric == "pass_rate" and one.computable
        for subject in found.subjects
        for one in subject.figures
    )
    if judged and found.unlabelled:
        console.print("No labels of people were given: nothing says how right the verdicts are.")


def _tell_subject(subject: Subject) -> None:
    from toolenv.judging.error_taxonomy import ERROR_KINDS
    from toolenv.running.metrics import METRICS

    told = f"{subject.name}: {subject.episodes} episodes of {subject.tasks} tasks"
    if subject.missing:
        told += f"; {subject.missing} tasks have none, and no figure counts them"
    console.print(plain(told), soft_wrap=False)
    table = new_table("", "macro", "micro", "of")
    absent = []
    for metric, one in zip(METRICS, subject.figures, strict=True):
        if not one.computable:
            why = "; ".join(f"{reason}: {count}" for reason, count in one.not_computable.items())
            absent.append(f"{metric.label} ({why})")
            continue
        share = metric.kind == "share"
        table.add_row(
            metric.label, figure(one.macro, share), figure(one.micro, share), str(one.computable)
        )
    console.print(table)
    if absent:
        console.print(plain(f"not computable: {', '.join(absent)}"))
    if subject.errors:
        console.print()
        errors = new_table("what went wrong", "times", "episodes")
        for kind, count in subject.errors.items():
            errors.add_row(ERROR_KINDS[kind], str(count.times), str(count.episodes))
        console.print(errors)
    if subject.agreement is not None:
        console.print()
        _tell_agreement(subject.agreement)
    if subject.votes is not None:
        console.print()
        _tell_votes(subject.votes)
    console.print()


def _tell_agreement(agreement: dict[str, AgreementFigures]) -> None:
    table = new_table("agreement with people", "labels", "kappa", "too kind by", "alike")
    for split, one in agreement.items():
        table.add_row(
            plain(split[:22]),
            str(one.pairs),
            number(one.kappa, 1, 2),
            number(one.leniency, 100, 1, signed=True),
            number(one.accuracy, 100, 0),
        )
    console.print(table)
    unsure = agreement["all"].unsure
    if unsure:
        console.print(f"unsure, on either side: {unsure}; kappa counts them, the others do not")


def _tell_votes(votes: Sequence[VoteFigures]) -> None:
    table = new_table("votes of the judge", "deviation", "decides otherwise", "ties")
    for one in votes:
        table.add_row(
            f"{one.votes}" if one.stored else f"{one.votes} (as if they went on)",
            number(one.deviation, 100, 1),
            number(one.changed, 100, 1),
            number(one.tied, 100, 1),
        )
    console.print(table)


def _tell_differences(compared: Compared) -> None:
    from toolenv.running.metrics import METRICS

    console.print(plain(f"{compared.second} less {compared.first}, task by task:"))
    table = new_table("", "macro", "micro", "p", "of")
    known = {metric.name: metric for metric in METRICS}
    for one in compared.differences:
        metric = known[one.metric]
        share = metric.kind == "share"
        table.add_row(
            metric.label,
            figure(one.macro, share, signed=True),
            figure(one.micro, share, signed=True),
            "" if one.p is None else f"{one.p:.4f}",
            str(one.tasks),
        )
    console.print(table)
    console.print(
        "of: tasks. p: of the macro difference, by signs drawn at random; not corrected for there "
        f"being {len(compared.differences)} of them."
    )
    if compared.differing:
        console.print(plain(f"The runs also differ in: {', '.join(compared.differing)}."))
    console.print()


def _kappa(one: AgreementFigures) -> str:
    return (
        f"kappa {number(one.kappa, 1, 2)}, alike {number(one.accuracy, 100, 1)} %, "
        f"of {one.pairs} pairs of labels"
    )
