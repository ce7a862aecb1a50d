"""What the page on agents and policies says works as printed."""

from __future__ import annotations

import inspect
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.chat.scripted_server import chat_server, completion, tool_call
from toolenv.agents import OpenAIPolicy
from toolenv.agents.specification import AGENTS, POLICIES
from toolenv.apis import FINISH
from toolenv.cli.main import app
from toolenv.running.folder import RunFolder

PAGE = (Path(__file__).parents[2] / "docs" / "agents.md").read_text("utf-8")
ANSWER = tool_call(FINISH, '{"return_type":"give_answer","final_answer":"42"}', "c1")


def test_its_commands_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (prices,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "prices.toml").write_text(prices)
    commands = [
        line
        for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
        for line in block.splitlines()
    ]

    def answer(_: dict[str, Any]) -> dict[str, Any]:
        return completion(None, tool_calls=[ANSWER])

    with chat_server(answer) as server:
        server.models = {"data": [{"id": "my-model", "max_model_len": 4096}]}
        for command in commands:
            before = len(server.requests)
            program, *words = shlex.split(command.replace("http://127.0.0.1:8000/v1", server.url))
            done = CliRunner().invoke(app, words)
            assert (program, done.exit_code) == ("toolenv", 0), done.output
            if "completions.snap" in command:
                assert len(server.requests) == before  # replayed without asking
    priced, asked, replayed = (
        RunFolder.open(Path("runs", name)).results() for name in ("priced", "asked", "replayed")
    )
    assert [row.cost.money > 0 for row in priced] == [True] * 4
    assert [row.ended for row in asked] == [row.ended for row in replayed] == ["answer"] * 4
    assert "headroom" in json.loads(Path("runs/compared/comparison.json").read_text())


def test_it_names_every_strategy_policy_and_option() -> None:
    first_cells = set(re.findall(r"^\| (.*?) \|", PAGE, re.MULTILINE))
    named = {name for cell in first_cells for name in re.findall(r"`([^`]+)`", cell)}
    assert set(AGENTS) <= named
    assert set(POLICIES) <= {name.partition(":")[0] for name in named}
    options = set(inspect.signature(OpenAIPolicy).parameters) - {"model"}
    assert options <= named
