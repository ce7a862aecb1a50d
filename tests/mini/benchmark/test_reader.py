"""A reader who sees what a policy sees: documents are enough, and it knows nothing else."""

from __future__ import annotations

import ast
from pathlib import Path

from toolenv import ToolEnv
from toolenv.agents import ReACT
from toolenv.agents.base import Policy
from toolenv.mini.benchmark import (
    ExpertPolicy,
    ReaderPolicy,
    benchmark_simulator,
    reader,
    validation_tasks,
)

TASKS = validation_tasks()[::2]


def passed(policy: Policy) -> set[str]:
    env = ToolEnv(TASKS, benchmark_simulator())
    return {task.id for task in TASKS if ReACT(policy).run(env, task).outcome == "passed"}


def test_by_reading_alone_it_passes_nearly_what_the_expert_passes() -> None:
    expert = passed(ExpertPolicy(TASKS))
    assert len(passed(ReaderPolicy()) & expert) > 0.97 * len(expert)


def test_it_imports_nothing_that_knows_plans_or_answers() -> None:
    tree = ast.parse(Path(reader.__file__).read_text())
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    own = {name for name in imported if name and name.startswith("toolenv.mini")}
    assert own == {f"toolenv.mini.benchmark.{name}" for name in ("lexicon", "signs", "turns")}
