"""The documents' code does what they say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from toolenv import Budget
from toolenv.agents import Agent, Policy
from toolenv.testing import AgentSuite

ROOT = Path(__file__).resolve().parents[1]


def python_blocks(name: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / name).read_text(), re.DOTALL)


def test_the_first_example_of_the_readme_prints_what_it_says(
    capsys: pytest.CaptureFixture[str],
) -> None:
    first = python_blocks("README.md")[0]
    exec(compile(first, "README.md", "exec"), {})  # noqa: S102  the project's own text
    said = re.search(r"print\(.*\)  # (.*)", first)
    assert said is not None
    assert capsys.readouterr().out.strip() == said[1]


class TestTheAgentOfTheGuide(AgentSuite):
    """CONTRIBUTING.md's agent passes the suite that its readers inherit."""

    def make_agent(self, policy: Policy, budget: Budget | None) -> Agent:
        namespace: dict[str, Any] = {}
        written = python_blocks("CONTRIBUTING.md")[0]
        exec(compile(written, "CONTRIBUTING.md", "exec"), namespace)  # noqa: S102
        agent: Agent = namespace["TwoTries"](policy, budget=budget)
        return agent
