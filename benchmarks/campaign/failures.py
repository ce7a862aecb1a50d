"""How episodes on MiniToolBench end, by what their tasks need: what limits a policy.

    python -m benchmarks.campaign.failures campaign/seed-*/test/sft/react

Episodes of several runs are counted together. ``untried``: it gave up though an API that is
documented for what is needed had not been called.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from toolenv.apis import FINISH
from toolenv.episodes import Episode
from toolenv.errors import ToolenvError
from toolenv.mini.benchmark.plans import plan_of
from toolenv.running.folder import RunFolder

__all__ = ["BROKEN", "ENDINGS", "count_endings", "ending_table"]

ENDINGS = ("passed", "wrong answer", "gave up, untried", "gave up, all tried", "out of steps")
"""How an episode ends; giving up passes a task that cannot be solved."""

BROKEN = "broken"
"""How an episode ends that infrastructure broke: no ending of the policy's."""

_BEGINNINGS = ("first call fits", "calls again")
"""Of the chosen branch: its first call is of an API that is documented for one of the needs; a call
is made twice with the same arguments."""


def count_endings(episodes: Iterable[Episode]) -> dict[str, Counter[str]]:
    """How many episodes ended in which way, and ``episodes``, by what is needed.

    Needs are the kinds of the goals, in order; ``nothing to be had`` where no solution is offered.
    """
    found: dict[str, Counter[str]] = {}
    for episode in episodes:
        plan = plan_of(episode.task.id)
        needs = "+".join(goal.need.kind for goal in plan.goals)
        counts = found.setdefault(needs if plan.solvable else "nothing to be had", Counter())
        calls = [
            (call.function, call.text)
            for step in episode.branch.path()
            for call in step.calls
            if call.function != FINISH
        ]
        fitting = {one.function for one in plan.relevant}
        untried = bool(fitting - {function for function, _ in calls})
        counts["episodes"] += 1
        counts[_ending(episode, untried)] += 1
        counts["first call fits"] += bool(calls) and calls[0][0] in fitting
        counts["calls again"] += len({*calls}) < len(calls)
    return found


def ending_table(counted: Mapping[str, Counter[str]]) -> str:
    """Shares in percent, as Markdown, and those of all together last."""
    everything = sum(counted.values(), Counter[str]())
    broken = [BROKEN] if everything[BROKEN] else []
    columns = (*ENDINGS, *broken, *_BEGINNINGS)
    lines = [
        f"| needed | episodes | {' | '.join(columns)} |",
        f"|---|{'---|' * (len(columns) + 1)}",
    ]
    for needs, counts in [*sorted(counted.items()), ("all", everything)]:
        shares = [f"{100 * counts[name] / counts['episodes']:.0f}" for name in columns]
        lines.append(f"| {needs} | {counts['episodes']} | {' | '.join(shares)} |")
    return "\n".join(lines)


def _ending(episode: Episode, untried: bool) -> str:
    if episode.outcome == "passed":
        return "passed"
    if episode.outcome == "infrastructure_error":
        return BROKEN
    if episode.ended.startswith("answer"):
        return "wrong answer"
    if not episode.ended.startswith("gave_up"):
        return "out of steps"
    return "gave up, untried" if untried else "gave up, all tried"


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("runs", type=Path, nargs="+")
    given = parser.parse_args()
    found: dict[str, Counter[str]] = {}
    try:
        for path in given.runs:
            with RunFolder.open(path) as folder:
                for needs, counts in count_endings(folder.episodes()).items():
                    found.setdefault(needs, Counter()).update(counts)
    except ToolenvError as error:
        raise SystemExit(f"error: {error}") from None
    print(ending_table(found))


if __name__ == "__main__":
    main()
