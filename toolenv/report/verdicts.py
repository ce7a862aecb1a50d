"""What a set of verdicts comes to, as figures and as lines to read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from toolenv.judging.agreement import Label, agree, agree_by_split, pairs_with_people
from toolenv.judging.bradley_terry import bradley_terry, is_connected
from toolenv.judging.compatibility import Defect, sopr, sowr, toolbench_pass_rate
from toolenv.judging.evaluator_results import (
    pass_rounds,
    preference_results,
    toolbench_pass_results,
)
from toolenv.judging.intervals import wilson
from toolenv.judging.judge_doubt import doubt_parts, vote_gains
from toolenv.judging.judge_variance import VarianceParts
from toolenv.judging.metrics import Figure
from toolenv.judging.pass_rate import pass_rate
from toolenv.judging.verdicts import PassVerdict, WinVerdict
from toolenv.judging.win_rate import comparisons, win_rate
from toolenv.seeds import derive

__all__ = ["judged_figures", "judged_lines"]


def judged_figures(
    verdicts: Sequence[PassVerdict | WinVerdict],
    compatibility: str | None,
    test_set: Sequence[str],
    seed: int = 0,
    labels: Sequence[Label] = (),
    grounded: Mapping[tuple[str, str], Figure] | None = None,
    defects: Collection[Defect] = (),
) -> dict[str, Any]:
    """Rates by agent and policy (and reference), strengths where several are compared.

    Args:
        verdicts: A whole set.
        compatibility: ``toolbench``, ``stabletoolbench`` or ``fac``, to count as they do as well.
        test_set: The ids of the run's tasks.
        seed: What bootstraps draw from.
        labels: What people say of the attempts.
        grounded: How many passed without making an answer up, by agent and policy.
        defects: What of the compatible evaluator's counting to keep.
    """
    passes: dict[tuple[str, str], list[PassVerdict]] = defaultdict(list)
    wins: dict[tuple[str, str, str], list[WinVerdict]] = defaultdict(list)
    for verdict in verdicts:
        if isinstance(verdict, PassVerdict):
            passes[verdict.agent, verdict.policy].append(verdict)
        else:
            wins[verdict.agent, verdict.policy, verdict.reference].append(verdict)
    figures: dict[str, Any] = {"pass": [], "win": []}
    for (agent, policy), rows in passes.items():
        row = {"agent": agent, "policy": policy, **_plain(pass_rate(rows, seed=seed))}
        row["theirs"] = _their_pass(rows, compatibility, test_set, defects)
        figure = (grounded or {}).get((agent, policy))
        row["grounded"] = None if figure is None else _plain(figure)
        row["people"] = _with_people(rows, labels, seed)
        parts = doubt_parts(rows, seed)
        row["variance"] = parts if isinstance(parts, str) else _variance(parts)
        row["votes"] = [_plain(one) for one in vote_gains(rows, seed)]
        figures["pass"].append(row)
    for (agent, policy, reference), pairs in wins.items():
        row = {"agent": agent, "policy": policy, "reference": reference}
        row |= _plain(win_rate(pairs, seed=seed))
        row["theirs"] = None
        if compatibility is not None:
            row["theirs"] = [_their_win(one, test_set, defects) for one in _by_seed(pairs).values()]
        figures["win"].append(row)
    compared = comparisons([pair for pairs in wins.values() for pair in pairs])
    if len(wins) > 1 and compared:
        figures["connected"] = is_connected(compared)
        strengths = bradley_terry(compared, derive(seed, "strengths"))
        figures["strengths"] = [_plain(one) for one in strengths]
    return figures


def judged_lines(figures: Mapping[str, Any]) -> Iterator[str]:
    """The same to read: every rate as a bound with its interval, and what is behind it."""
    for row in figures["pass"]:
        yield from _pass_lines(row)
    for row in figures["win"]:
        yield from _win_lines(row)
    if "strengths" in figures:
        yield "strengths (Bradley-Terry, log odds; ties count one half; 95 % over tasks):"
        for one in figures["strengths"]:
            yield f"  {one['player']}: {_estimate(one['strength'], '+.2f')}"
        if not figures["connected"]:
            yield "  not all are linked by comparisons: strengths cannot be compared throughout"
    if figures["win"]:
        yield "agreement with people on pairs: unknown, labels are of attempts (see docs/judges.md)"


def _pass_lines(row: Mapping[str, Any]) -> Iterator[str]:
    low, high = (f"{row[end]:.1%}" for end in ("low", "high"))
    rate = low if low == high else f"{low} to {high} (by how unsure ones are counted)"
    ends = "–".join(f"{end:.1%}" for end in row["interval"])
    yield f"{row['agent']} {row['policy']}: passed {rate}; 95 % {ends}"
    yield (
        f"  {row['attempts']} attempts: {row['passed']} passed, {row['failed']} failed "
        f"({row['unanswered']} of them without an attempt), {row['unsure']} unsure; "
        f"{row['checked']} decided by checks"
    )
    yield from _grounded_lines(row["grounded"])
    yield from _doubts(row)
    checks = row["against_checks"]
    if checks["correct"] or checks["incorrect"]:
        yield (
            "  the judge where checks decide: passed "
            f"{_share(checks['false_passes'], checks['incorrect'])} incorrect, failed "
            f"{_share(checks['false_fails'], checks['correct'])} correct, unsure of "
            f"{checks['unsure']}"
        )
    for theirs in row["theirs"]:
        yield f"  {theirs['name']}: {theirs['text']}"
    yield from _people_lines(row["people"])
    yield from _doubt_lines(row)


def _grounded_lines(figure: Mapping[str, Any] | None) -> Iterator[str]:
    if figure is None:
        return
    untold = figure["episodes"] - figure["computable"]
    why = ", ".join(f"{reason}: {count}" for reason, count in figure["reasons"].items())
    told = f"; not known of {untold} ({why})" if untold else ""
    yield (
        f"  passed and grounded (a successful call, no claim that no response holds): "
        f"{_estimate(figure['micro'])}{told}"
    )


def _share(part: int, whole: int) -> str:
    if not whole:
        return f"{part} of {whole}"
    low, high = wilson(part, whole)
    return f"{part} of {whole} ({part / whole:.1%}, {low:.1%} to {high:.1%})"


def _people_lines(people: Mapping[str, Any]) -> Iterator[str]:
    if not people:
        yield "  agreement with people: unknown, no labels were given (--labels)"
    for split, one in people.items():
        if not one["pairs"]:
            yield "  agreement with people: unknown, no label is of these attempts"
            continue
        where = "" if split == "all" else f" on {split}"
        unsure = f"; {one['unsure']} unsure, on either side" if one["unsure"] else ""
        yield (
            f"  agreement with people{where}, {one['pairs']} labels: kappa "
            f"{_estimate(one['kappa'], '.2f')}, too kind by {_estimate(one['leniency'], '+.1%')}, "
            f"alike {_estimate(one['accuracy'])}{unsure}"
        )


def _doubt_lines(row: Mapping[str, Any]) -> Iterator[str]:
    parts = row["variance"]
    if not row["votes"]:
        return  # no judge voted: its chance moves nothing
    if isinstance(parts, str):
        yield f"  the agent's and the judge's chance cannot be told apart: {parts}"
    else:
        told = ", ".join(
            f"{name} {_estimate(parts[part], '.3f')}"
            for name, part in (
                ("tasks", "task"),
                ("the agent's chance", "agent"),
                ("the judge's chance", "judge"),
                ("both", "both"),
            )
        )
        yield (
            f"  variance of a vote's score by {told} "
            f"({parts['tasks']} tasks x {parts['agents']} seeds x {parts['judges']} votes)"
        )
        yield (
            f"  on the same tasks again the rate strays by {parts['deviation']:.1%}; with a seed "
            f"more by {parts['with_a_seed_more']:.1%}, with twice the votes by "
            f"{parts['with_twice_the_votes']:.1%}"
        )
    told = ", ".join(
        f"{one['votes']}: {one['changed']['value']:.1%}{'' if one['stored'] else '*'}"
        for one in row["votes"]
    )
    guessed = " (* as if votes went on like these)"
    yield (
        f"  decided otherwise by as many new votes, by number of votes: {told}"
        f"{'' if all(one['stored'] for one in row['votes']) else guessed}"
    )


def _win_lines(row: Mapping[str, Any]) -> Iterator[str]:
    low, high = (f"{row[end]:.1%}" for end in ("low", "high"))
    rate = low if low == high else f"{low} to {high} (by how unsure ones are counted)"
    ends = "–".join(f"{end:.1%}" for end in row["interval"])
    yield (
        f"{row['agent']} {row['policy']} against {row['reference']}: wins {rate}, ties counted as "
        f"one half; 95 % {ends}"
    )
    rules = ", ".join(f"{count} by {rule}" for rule, count in row["by_rule"].items())
    yield (
        f"  {row['pairs']} pairs: {row['wins']} won, {row['losses']} lost, {row['ties']} tied, "
        f"{row['unsure']} unsure; without a vote: {rules or 'none'}"
    )
    yield (
        f"  swapping the order changes {_estimate(row['flip_rate'])} of votes; the first shown "
        f"wins {_estimate(row['first_rate'])}; at equal lengths "
        f"{_estimate(row['length_controlled']['rate'])}"
    )
    if row["position_biased"]:
        yield "  FLAGGED: the judge prefers a position; its votes say less than they seem to"
    yield from _doubts(row)
    for theirs in row["theirs"] or []:
        yield f"  win rate of most rounds, ties not won: {theirs['rate']:.1%}"


def _doubts(row: Mapping[str, Any]) -> Iterator[str]:
    if row["warned"]:
        yield f"  {row['warned']} unsure because text in the data speaks to the judge"
    if row.get("contradicted"):
        yield f"  {row['contradicted']} unsure because votes contradict each other"
    for problem, count in row["problems"].items():
        yield f"  {count} votes say nothing: {problem}"


def _with_people(rows: Sequence[PassVerdict], labels: Sequence[Label], seed: int) -> dict[str, Any]:
    """How far the verdicts agree with people, over all and by split; empty without labels."""
    if not labels:
        return {}
    pairs = pairs_with_people(rows, labels)
    splits = agree_by_split(pairs, seed)
    found = {"all": agree(pairs, seed), **(splits if len(splits) > 1 else {})}
    return {name or "no split": _plain(one) for name, one in found.items()}


def _variance(parts: VarianceParts) -> dict[str, Any]:
    """Components, and how far the rate strays on the same tasks with these and with more draws."""
    tasks, agents, judges = parts.tasks, parts.agents, parts.judges
    strays = {
        "deviation": (agents, judges),
        "with_a_seed_more": (agents + 1, judges),
        "with_twice_the_votes": (agents, 2 * judges),
    }
    found: dict[str, Any] = _plain(parts)
    return found | {
        name: parts.deviation(tasks=tasks, agents=a, judges=j, same_tasks=True)
        for name, (a, j) in strays.items()
    }


def _their_pass(
    rows: Sequence[PassVerdict],
    compatibility: str | None,
    test_set: Sequence[str],
    defects: Collection[Defect],
) -> list[dict[str, Any]]:
    """Their number for each seed: their files hold one attempt per task."""
    found: list[dict[str, Any]] = []
    for seed, own in _by_seed(rows).items() if compatibility is not None else ():
        if compatibility == "toolbench":
            results = toolbench_pass_results(own, defects=defects, seed=seed)
            tally = toolbench_pass_rate(results, test_set, defects=defects)
            text = f"{tally.low:.1%} to {tally.high:.1%}"
            found.append({"name": "ToolBench pass rate", "seed": seed, "text": text})
        else:
            scores = sopr(pass_rounds(own), test_set, defects=defects)
            text = f"{scores.mean:.1%} ± {scores.deviation:.1%} (the judge's noise alone)"
            name = "FAC" if compatibility == "fac" else "SoPR"
            found.append({"name": name, "seed": seed, "text": text})
    return found


def _their_win(
    pairs: Sequence[WinVerdict], test_set: Sequence[str], defects: Collection[Defect]
) -> dict[str, Any]:
    results = preference_results(pairs, "reference", "candidate")
    found: dict[str, Any] = _plain(
        sowr(results, "reference", "candidate", test_set, defects=defects)
    )
    return found


def _by_seed(rows: Sequence[Any]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.seed].append(row)
    return found


def _estimate(found: Mapping[str, float], form: str = ".1%") -> str:
    if found["value"] != found["value"]:
        return "(unknown)"
    if found["low"] != found["low"]:
        return f"{found['value']:{form}}"
    return f"{found['value']:{form}} ({found['low']:{form}} to {found['high']:{form}})"


def _plain(value: Any) -> Any:
    """Named tuples as objects, all the way down."""
    if hasattr(value, "_asdict"):
        return {name: _plain(item) for name, item in value._asdict().items()}
    return value
