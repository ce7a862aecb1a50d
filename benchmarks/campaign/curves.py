"""What explains the campaign's contrasts: search over budget and skill, preferences over pairs.

    python -m benchmarks.campaign.curves search --out campaign [--seeds 5] [--jobs 2]
    python -m benchmarks.campaign.curves pairs --out campaign [--seeds 5] [--jobs 2]
    python -m benchmarks.campaign.curves visibility --out campaign [--seeds 5]

``search`` and ``pairs`` go on from trainings of the campaign and measure on the validation split;
what is done is not done again. ``visibility`` reads what the campaign has measured on the test
splits, apart for tasks that can be solved and not, and by whether a failure can be seen.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from benchmarks.campaign.commands import carry_out, each_seed
from benchmarks.campaign.contrasts import PRIMARY, SECONDARY, Contrast, Measured, read_measured
from benchmarks.campaign.recipe import (
    Command,
    Recipe,
    evaluation,
    explorations,
    pairing,
    preferring,
)
from benchmarks.campaign.tables import contrast_table, pass_table, split_table
from toolenv.episodes import Status
from toolenv.errors import ToolenvError
from toolenv.mini.benchmark.plans import Plan, plan_of
from toolenv.mini.benchmark.signs import FAILURES

__all__ = ["CURVES", "failures_seen", "pairs_commands", "search_commands"]

STAGES: Final = ("imitation", "sft")
"""A less and a more skilled policy, of the same training."""

BUDGETS: Final = (6, 12, 24)
"""Most policy calls of a search."""

PORTIONS: Final = {"dpo-quarter": 0.25, "dpo": 1.0, "dpo-fourfold": 4.0}
"""Models by preference, and how many pairs they learn from beside ``dpo``."""

CURVES: Final = ("search", "pairs", "visibility")


def search_commands(recipe: Recipe, seed: int) -> list[Command]:
    """What measures search, and attempts of equal cost, for stages and budgets."""
    found: list[Command] = []
    for stage in STAGES:
        found.append(evaluation(recipe, seed, "validation", stage, "react"))
        for calls in BUDGETS:
            allowed = recipe._replace(policy_calls=calls)
            for agent in ("dfsdt", "react-n"):
                found.append(evaluation(allowed, seed, "validation", stage, agent, f"-{calls}"))
    return found


def pairs_commands(recipe: Recipe, seed: int) -> list[Command]:
    """What trains with fewer pairs and with more, and measures that."""
    more, runs = ("explored-more", "attempts-more"), ("explored", "attempts")
    count = round((PORTIONS["dpo-fourfold"] - 1) * recipe.explored_tasks)
    return [
        preferring(recipe, seed, "dpo-quarter", "pairs", _some_rows(seed, PORTIONS["dpo-quarter"])),
        *explorations(recipe, seed, more, 1, count),
        pairing(seed, "pairs-fourfold", (*runs, *more)),
        preferring(recipe, seed, "dpo-fourfold", "pairs-fourfold"),
        *(evaluation(recipe, seed, "validation", name, "react") for name in ("sft", *PORTIONS)),
    ]


def failures_seen(plan: Plan) -> str:
    """How those of a task's APIs fail that are documented for what it needs.

    ``seen``: each that fails answers with an error. ``hidden``: one that fails does not say so, but
    answers with nothing, or without what it documents.
    """
    if not plan.solvable:
        return "not solvable"
    fates = (plan.fates[plan.offers.index(one)] for one in plan.relevant)
    statuses = {FAILURES[fate][0] for fate in fates if fate is not None}
    if not statuses:
        return "none"
    return "hidden" if Status.OK in statuses else "seen"


def _some_rows(seed: int, portion: float) -> Callable[[Path], Sequence[str]]:
    def settings(root: Path) -> Sequence[str]:
        from toolenv.training.data import open_rows

        rows = len(open_rows(str(root / f"seed-{seed}/data/pairs"), "dpo"))
        return ("--set", f"rows={max(1, round(portion * rows))}")

    return settings


_COMMANDS: Final = {"search": search_commands, "pairs": pairs_commands}


def _print_search(measured: Measured) -> None:
    rows: dict[str, list[Contrast]] = {stage: [] for stage in STAGES}
    for stage, of_stage in rows.items():
        for calls in BUDGETS:
            one, equal = (
                f"search of {calls} calls beats {other}"
                for other in ("one attempt", "attempts of equal cost")
            )
            searching = (stage, f"dfsdt-{calls}")
            of_stage.append(Contrast(one, searching, (stage, "react")))
            of_stage.append(Contrast(equal, searching, (stage, f"react-n-{calls}")))
    print(pass_table(measured), contrast_table(measured, rows), sep="\n\n")


def _print_pairs(measured: Measured) -> None:
    rows = [
        Contrast(f"{portion:g} times the pairs", (name, "react"), ("sft", "react"))
        for name, portion in PORTIONS.items()
    ]
    print(pass_table(measured), contrast_table(measured, {"validation": rows}), sep="\n\n")


def _print_visibility(measured: Measured) -> None:
    plans = [plan_of(task) for task in measured.tasks]
    solvable = ["solvable" if plan.solvable else "not solvable" for plan in plans]
    seen = [failures_seen(plan) for plan in plans]
    print("tasks:", ", ".join(f"{name} {seen.count(name)}" for name in dict.fromkeys(seen)), "\n")
    print(pass_table(measured.grouped(seen)))
    for groups in (solvable, seen):
        print("", split_table(measured.grouped(groups), (*PRIMARY, *SECONDARY)), sep="\n")


def main() -> None:
    """Carry out what is missing, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("curve", choices=CURVES)
    parser.add_argument("--out", type=Path, required=True, help="the campaign's folder")
    parser.add_argument("--seeds", type=int, default=5, help="how many trainings")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="trainings at the same time")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    seeds = [*range(given.first_seed, given.first_seed + given.seeds)]
    if given.curve in _COMMANDS:
        if len(seeds) > 1:
            each_seed("benchmarks.campaign.curves", seeds, given.jobs)
        else:
            carry_out(_COMMANDS[given.curve](Recipe(), seeds[0]), given.out)
    if given.worker:
        return
    on = "test" if given.curve == "visibility" else "validation"
    try:
        measured = read_measured(given.out, seeds, on)
    except ToolenvError as error:
        raise SystemExit(f"error: {error}") from None
    print(f"\n{len(seeds)} trainings, {len(measured.tasks)} tasks ({on})\n")
    {"search": _print_search, "pairs": _print_pairs, "visibility": _print_visibility}[given.curve](
        measured
    )


if __name__ == "__main__":
    main()
