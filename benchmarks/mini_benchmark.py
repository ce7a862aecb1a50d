"""The limits of MiniToolBench-v1: what scripted policies pass, and what its tasks allow at best.

python -m benchmarks.mini_benchmark [--validation]
"""

from __future__ import annotations

import sys
from collections import Counter

from toolenv import Task, ToolEnv
from toolenv.agents import DFSDT, Agent, ReACT
from toolenv.agents.policies import NothingPolicy, RandomPolicy
from toolenv.mini import KeywordPolicy
from toolenv.mini.benchmark import (
    ExpertPolicy,
    OraclePolicy,
    ReaderPolicy,
    benchmark_simulator,
    benchmark_tasks,
    validation_tasks,
)
from toolenv.mini.benchmark.limits import limits_of
from toolenv.mini.benchmark.plans import plan_of

AGENTS: dict[str, Agent] = {
    "oracle, ReACT": ReACT(OraclePolicy()),
    "expert, DFSDT": DFSDT(ExpertPolicy()),
    "expert, ReACT": ReACT(ExpertPolicy()),
    "expert who looks at no signs, ReACT": ReACT(ExpertPolicy(careless=1.0)),
    "reader, ReACT": ReACT(ReaderPolicy()),
    "reader, DFSDT": DFSDT(ReaderPolicy()),
    "keyword policy of v0, ReACT": ReACT(KeywordPolicy()),
    "gives up at once": ReACT(NothingPolicy(gives_up=True)),
    "random, ReACT": ReACT(RandomPolicy()),
    "does nothing": ReACT(NothingPolicy()),
}


def main() -> None:
    """Print the tables."""
    tasks = validation_tasks() if "--validation" in sys.argv else benchmark_tasks()
    splits: dict[str, list[Task]] = {}
    for task in tasks:
        splits.setdefault(task.split, []).append(task)
    print(f"| passed, % | {' | '.join(splits)} | all |\n|---|{'---|' * (len(splits) + 1)}")
    for name, agent in AGENTS.items():
        _row(name, [_passed(agent, found) for found in splits.values()])
    limits = [limits_of(found) for found in splits.values()]
    _row("commits to the best-looking, at best", [100 * one.committed for one in limits])
    _row("commits at random, in the mean", [100 * one.committed_at_random for one in limits])
    print(f"\n| share, % | {' | '.join(splits)} | all |\n|---|{'---|' * (len(splits) + 1)}")
    _row("can be solved", [100 * one.solvable for one in limits])
    _row("needs recovery", [100 * one.needs_recovery for one in limits])
    _row("more than the steps allow", [100 * one.out_of_steps for one in limits])
    _print_failures(tasks)


def _passed(agent: Agent, tasks: list[Task]) -> float:
    env = ToolEnv(tasks, benchmark_simulator())
    return 100 * sum(agent.run(env, task).outcome == "passed" for task in tasks) / len(tasks)


def _row(name: str, shares: list[float]) -> None:
    cells = [*shares, sum(shares) / len(shares)]
    print(f"| {name} | {' | '.join(f'{share:.1f}' for share in cells)} |", flush=True)


def _print_failures(tasks: list[Task]) -> None:
    signs: Counter[str] = Counter()
    failing: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    for task in tasks:
        plan = plan_of(task.id)
        for one in plan.relevant:
            failure = plan.fates[plan.offers.index(one)]
            signs[one.sign] += 1
            failing[one.sign] += failure is not None
            kinds[failure or "works"] += 1
    print("\n| sign | relevant APIs | fail, % |\n|---|---|---|")
    for sign, count in signs.most_common():
        print(f"| {sign} | {count} | {100 * failing[sign] / count:.0f} |")
    print("\n| failure | relevant APIs | % |\n|---|---|---|")
    for kind, count in kinds.most_common():
        print(f"| {kind} | {count} | {100 * count / sum(kinds.values()):.1f} |")


if __name__ == "__main__":
    main()
