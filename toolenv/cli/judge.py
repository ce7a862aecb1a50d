"""``toolenv judge``: verdicts on a run, written beside it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolenv.cli.output import DIFFERS, console, friendly_errors, plain, print_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolenv.jsontext import JsonValue
    from toolenv.judging.decision_tree import Decision
    from toolenv.judging.judge_model import JudgeModel
    from toolenv.judging.judge_prompts import ShownOfPairs
    from toolenv.judging.pass_judge import PassJudge
    from toolenv.judging.win_judge import AttemptKey, WinJudge
    from toolenv.running.folder import RunFolder
    from toolenv.running.judging import Reference

__all__ = ["judge"]

_TOOLEVAL_ANSWER = 1_000
"""Characters of a final answer that ToolEval shows where it compares."""


class Kind(StrEnum):
    """What is judged."""

    passed = "pass"
    win = "win"


class Compatibility(StrEnum):
    """Whose questions are asked, and whose number is printed beside ours."""

    toolbench = "toolbench"
    stabletoolbench = "stabletoolbench"
    fac = "fac"


class Defects(StrEnum):
    """What their evaluators do wrong; see docs/judges.md."""

    answered_denominator = "answered denominator"
    missing_rounds = "missing rounds are unsolved"
    coin = "unsure is a coin"
    ties = "ties pass"


def judge(
    run: Annotated[Path, typer.Argument(help="The run folder.")],
    model: Annotated[str, typer.Option(help="The judge's model, as its server names it.")],
    kind: Annotated[Kind, typer.Option("--judge", help="What is judged.")] = Kind.passed,
    reference: Annotated[
        list[Path] | None, typer.Option(help="A run to compare with; repeatable.")
    ] = None,
    base_url: Annotated[str | None, typer.Option(help="The judge's server.")] = None,
    samples: Annotated[
        int | None, typer.Option(help="Votes on each attempt or pair. Default: 4.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the set of verdicts. Default: the kind.")
    ] = None,
    seed: Annotated[int, typer.Option(help="What sampling derives from.")] = 0,
    temperature: Annotated[float | None, typer.Option(help="Default: 0.2; for fac 0.")] = None,
    timeout: Annotated[float, typer.Option(help="Seconds until an attempt is given up.")] = 60.0,
    concurrency: Annotated[int, typer.Option(help="Requests in flight.")] = 64,
    compatibility: Annotated[
        Compatibility | None, typer.Option(help="Ask, and count, as ToolBench's evaluators do.")
    ] = None,
    defect: Annotated[
        list[Defects] | None,
        typer.Option(help="Keep what their evaluators count wrongly; repeatable."),
    ] = None,
    also_checked: Annotated[
        bool,
        typer.Option("--also-checked", help="Also judge what a check decides: measures the judge."),
    ] = False,
    answer_only: Annotated[
        bool, typer.Option("--answer-only", help="Show the judge no calls: a control.")
    ] = False,
    path_only: Annotated[
        bool, typer.Option("--path-only", help="Show the judge no answer: a control.")
    ] = False,
    labels: Annotated[
        Path | None,
        typer.Option(help="What people say of the attempts: JSON Lines, or CSV with a header."),
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(help="A folder for the verdicts as ToolBench's evaluators write them."),
    ] = None,
    passed: Annotated[
        str | None,
        typer.Option(help="Pass verdicts of that name, in all runs, decide pairs first."),
    ] = None,
    completions: Annotated[
        Path | None,
        typer.Option(
            help="Store or snapshot of the judge's replies. Default: beside the verdicts."
        ),
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask nothing: replay what is recorded.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Write over another judge's set of that name.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Judge the attempts of a run with a model; the key comes from OPENAI_API_KEY.

    Exits with 1 if no attempt that was asked about got a verdict.

    Example:

      toolenv judge runs/g1 --model gpt-4o --samples 4

      toolenv judge runs/g1 --judge win --reference runs/baseline --model gpt-4o

      toolenv judge runs/g1 --model gpt-4o --labels people.csv --export theirs
    """
    with friendly_errors():
        from toolenv.cli.progress import counted
        from toolenv.errors import ConfigurationError
        from toolenv.judging.agreement import read_labels
        from toolenv.judging.judge_model import JudgeModel
        from toolenv.running.folder import RunFolder
        from toolenv.running.judging import grounded_passes, judge_run, references_of
        from toolenv.snapshots import Snapshot, Store

        folder = RunFolder.open(run)
        others = [one for path in reference or [] for one in references_of(RunFolder.open(path))]
        if (kind == Kind.win) != bool(others):
            raise ConfigurationError(
                "A win judge compares with references, and a pass judge has none.",
                where="--reference",
                fix="Give --reference RUN with --judge win, and only there.",
            )
        shows = _shown(answer_only=answer_only, path_only=path_only)
        if shows != "both" and compatibility is not None:
            raise ConfigurationError(
                "What their evaluators show is not ours to choose.",
                where="--compatibility",
                fix="Leave it out with --answer-only and --path-only.",
            )
        said = read_labels(labels) if labels is not None else []
        place = completions or run / "verdicts" / "completions"
        if offline and not place.exists():
            raise ConfigurationError("No completions are recorded.", where=str(place))
        recordings = Snapshot(place) if place.is_file() else Store(place)
        fac = compatibility == Compatibility.fac
        asked = JudgeModel(
            model,
            base_url=base_url,
            recordings=recordings,
            offline=offline,
            in_flight=concurrency,
            temperature=(0.0 if fac else 0.2) if temperature is None else temperature,
            max_tokens=512 if fac else 1_000,
            timeout=timeout,
        )
        try:
            if kind == Kind.win:
                decided = _passed(folder, others, passed) if passed is not None else {}
                made: PassJudge | WinJudge = _win_judge(
                    asked, samples, compatibility, decided, shows
                )
            else:
                made = _pass_judge(asked, samples, compatibility, shows, also_checked=also_checked)
            with counted("verdicts", quiet=as_json) as report:
                found = judge_run(
                    folder,
                    made,
                    name or kind.value,
                    references=others,
                    seed=seed,
                    concurrency=concurrency,
                    replace=replace,
                    report=report,
                )
        finally:
            asked.close()
            recordings.close()
        from toolenv.report.verdicts import judged_figures, judged_lines

        verdicts = found.read()
        figures = judged_figures(
            verdicts,
            compatibility,
            list(folder.tasks),
            seed,
            said,
            grounded_passes(folder, verdicts, seed),
            [one.value for one in defect or []],
        )
        written = []
        if export is not None:
            from toolenv.running.verdict_export import export_verdicts

            written = export_verdicts(folder, verdicts, export, others, compatibility or "")
        if as_json:
            exported: list[JsonValue] = [str(path) for path in written]
            print_json({"verdicts": str(found.path), "exported": exported, **figures})
        else:
            for line in judged_lines(figures):
                console.print(plain(line), soft_wrap=True)
            for path in written:
                console.print(plain(f"exported: {path}"), soft_wrap=True)
            console.print(plain(f"verdicts: {found.path}"), soft_wrap=True)
        voted = [verdict for verdict in verdicts if verdict.votes and verdict.answered]
        if voted and all(vote.problem for verdict in voted for vote in verdict.votes):
            raise typer.Exit(DIFFERS)


def _shown(*, answer_only: bool, path_only: bool) -> ShownOfPairs:
    from toolenv.errors import ConfigurationError

    if answer_only and path_only:
        raise ConfigurationError(
            "A judge that is shown neither answer nor path has nothing to judge.",
            where="--path-only",
            fix="Give one of --answer-only and --path-only.",
        )
    return "answer" if answer_only else "path" if path_only else "both"


def _pass_judge(
    model: JudgeModel,
    samples: int | None,
    compatibility: Compatibility | None,
    shows: ShownOfPairs,
    *,
    also_checked: bool,
) -> PassJudge:
    from toolenv.judging.decision_tree import (
        ANSWER_ONLY,
        FAC,
        PATH_ONLY,
        STABLETOOLBENCH,
        TOOLEVAL,
    )
    from toolenv.judging.pass_judge import PassJudge

    if compatibility == Compatibility.fac:
        return PassJudge(
            model,
            tree=FAC,
            samples=samples or 1,
            also_checked=also_checked,
            reading="status word",
        )
    stable = compatibility == Compatibility.stabletoolbench
    whole = STABLETOOLBENCH if stable else TOOLEVAL
    return PassJudge(
        model,
        tree={"both": whole, "answer": ANSWER_ONLY, "path": PATH_ONLY}[shows],
        samples=samples or (3 if stable else 4),
        also_checked=also_checked,
    )


def _win_judge(
    model: JudgeModel,
    samples: int | None,
    compatibility: Compatibility | None,
    passed: dict[AttemptKey, Decision],
    shows: ShownOfPairs,
) -> WinJudge:
    from toolenv.errors import ConfigurationError
    from toolenv.judging.judge_prompts import LONGEST_ANSWER
    from toolenv.judging.win_judge import WinJudge

    if compatibility == Compatibility.fac:
        raise ConfigurationError("fac judges final answers alone.", where="--compatibility")
    longest = LONGEST_ANSWER if compatibility is None else _TOOLEVAL_ANSWER
    return WinJudge(model, samples=samples or 4, passed=passed, shows=shows, longest_answer=longest)


def _passed(
    run: RunFolder, references: Sequence[Reference], name: str
) -> dict[AttemptKey, Decision]:
    """The pass verdicts of one name in a run and in its references."""
    from toolenv.judging.verdicts import PassVerdict
    from toolenv.running.verdict_sets import VerdictSet

    found: dict[AttemptKey, Decision] = {}
    for called, folder in [("", run), *((one.name, one.run) for one in references)]:
        for verdict in VerdictSet.of(folder.path, name).read():
            if isinstance(verdict, PassVerdict):
                key = (called, verdict.task, verdict.agent, verdict.policy, verdict.seed)
                found[key] = verdict.decision
    return found
