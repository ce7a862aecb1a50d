"""Tasks as the prompts that training by reward begins from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from toolenv.env import ToolEnv
from toolenv.formats.row_columns import Columns
from toolenv.jsontext import render

__all__ = ["PROMPT_COLUMNS", "prompt_rows"]

PROMPT_COLUMNS: Final[Columns] = {
    "prompt": ["json"],
    **dict.fromkeys(("tools", "task", "split"), "string"),
}


def prompt_rows(env: ToolEnv) -> Iterator[Mapping[str, object]]:
    """One row for each task of an environment: what its policy is shown first."""
    own = env.fresh()
    for task in env.tasks:
        own.reset(seed=0, options={"task": task})
        yield {
            "prompt": own.messages,
            "tools": render(own.functions),
            "task": task.id,
            "split": task.split,
        }
