"""The training campaign, from nothing to its tables.

    python -m benchmarks.campaign --out campaign [--seeds 5] [--jobs 2]
    python -m benchmarks.campaign --out demo --seeds 1 --methods sft dpo --on validation

What is done is not done again. ``--on validation`` is where settings are chosen; the test splits
are for the end.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.campaign.commands import carry_out, each_seed, seconds_of
from benchmarks.campaign.contrasts import read_measured
from benchmarks.campaign.recipe import (
    AGENTS,
    METHODS,
    TASKS,
    Recipe,
    demonstrations,
    evaluations,
    trainings,
)
from benchmarks.campaign.tables import contrast_table, pass_table
from toolenv.errors import ToolenvError


def main() -> None:
    """Train, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5, help="how many trainings")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="trainings at the same time")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=[*METHODS])
    parser.add_argument("--agents", nargs="+", choices=AGENTS, default=[*AGENTS])
    parser.add_argument("--on", choices=[*TASKS], default="test")
    parser.add_argument("--train-only", action="store_true")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help="of the recipe")
    given = parser.parse_args()
    recipe = _recipe(given.set)
    seeds = [*range(given.first_seed, given.first_seed + given.seeds)]
    if not given.worker:
        carry_out(demonstrations(recipe), given.out)
    if len(seeds) > 1:
        each_seed("benchmarks.campaign", seeds, given.jobs)
    else:
        _one(recipe, seeds[0], given)
    if given.train_only or given.worker:
        return
    try:
        measured = read_measured(given.out, seeds, given.on)
    except ToolenvError as error:
        raise SystemExit(f"error: {error}") from None
    print(f"\n{len(seeds)} trainings, {len(measured.tasks)} tasks ({given.on})\n")
    print(pass_table(measured), contrast_table(measured), sep="\n\n")
    print("\n| command's folder | seconds |\n|---|---|")
    for name, seconds in seconds_of(given.out).items():
        print(f"| {name} | {seconds:.0f} |")


def _recipe(settings: list[str]) -> Recipe:
    recipe = Recipe()
    for setting in settings:
        name, _, value = setting.partition("=")
        kind = type(getattr(recipe, name))
        recipe = recipe._replace(**{name: kind(value)})
    return recipe


def _one(recipe: Recipe, seed: int, given: argparse.Namespace) -> None:
    wanted = {*given.methods}
    skipped = {f"models/{name}" for name in METHODS if name not in wanted}
    if not wanted & {"dpo", "dpo-random", "sft-again"}:
        skipped |= {"runs/explored", "runs/attempts", "data/pairs"}
    if "dpo-random" not in wanted:
        skipped.add("data/pairs-random")
    if "sft-again" not in wanted:
        skipped.add("data/own")
    commands = trainings(recipe, seed)
    carry_out([one for one in commands if one.out.partition("/")[2] not in skipped], given.out)
    if not given.train_only:
        carry_out(evaluations(recipe, seed, given.on, given.methods, given.agents), given.out)


if __name__ == "__main__":
    main()
