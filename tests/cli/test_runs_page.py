"""What the page on runs says works as printed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Here

PAGE = (Path(__file__).parents[2] / "docs" / "runs.md").read_text("utf-8")


def test_its_commands_and_what_they_leave(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = {}
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL):
        for line in block.splitlines():
            assert shlex.split(line)[0] == "toolenv"
            done = here(line.removeprefix("toolenv "), tmp_path)
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
            printed[line] = done.stdout
    (compared,) = re.findall(r"```text\n(react: .*?)```", PAGE, re.DOTALL)
    said = [_words(one) for one in printed["toolenv compare runs/react runs/dfsdt"].splitlines()]
    for line in compared.splitlines():
        words = _words(line)
        assert line == "…" or any(one[: len(words)] == words for one in said), line
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    namespace: dict[str, Any] = {}
    (loading,) = (code for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
                  if "load_dataset" in code)  # fmt: skip
    exec(compile(loading, "docs/runs.md", "exec"), namespace)  # noqa: S102  the project's own text
    assert len(namespace["episodes"]) == 48
    assert {row["run"] for row in namespace["steps"]} == {"react", "dfsdt"}


def _words(line: str) -> list[str]:
    return [word for word in line.split() if word != "…"]
