"""A person at the terminal: a real process, typed to through its standard input."""

from __future__ import annotations

import json
import subprocess
import sys
from io import StringIO
from pathlib import Path

from tests.agents.scripted import SAY, TASK, environment
from toolenv.agents import HumanPolicy, Policy, ReACT
from toolenv.mini import mini_tasks


def attempted(*lines: str) -> tuple[list[str], str | None, str]:
    screen = StringIO()
    policy: Policy = HumanPolicy(StringIO("\n".join(lines) + "\n"), screen)
    episode = ReACT(policy).run(environment(), TASK)
    calls = [f"{call.function} {call.text}" for step in episode.steps for call in step.calls]
    return calls, episode.answer or episode.ended, screen.getvalue()


def test_functions_are_called_by_name_and_answers_given_in_words() -> None:
    calls, answer, screen = attempted(f'{SAY} {{"text": "hello"}}', "answer It said hello.")
    assert calls[0] == f'{SAY} {{"text": "hello"}}'
    assert answer == "It said hello."
    assert "Say something." in screen and '{"error":"","response":"hello"}' in screen


def test_help_and_slips_cost_no_step() -> None:
    calls, ended, screen = attempted("?", f"? {SAY}", "? none", "", "what now", "give up")
    assert len(calls) == 1 and ended == "gave_up"
    assert f"  {SAY}\n  Finish\n" in screen and "Say a text." in screen
    assert "There is no such function." in screen and "That is none of these" in screen


def test_json_and_python_arguments_are_understood() -> None:
    calls, *_ = attempted(
        json.dumps({"name": SAY, "arguments": {"text": "a"}}), f"{SAY} {{'text': 'b'}}", "give up"
    )
    assert calls[:2] == [f'{SAY} {{"text":"a"}}', f'{SAY} {{"text":"b"}}']


def test_the_end_of_the_input_is_an_error_and_no_wrong_answer() -> None:
    _, ended, _ = attempted(f'{SAY} {{"text": "a"}}')
    assert ended is not None and ended.startswith("error:policy: The input has ended.")


def test_what_an_api_answers_cannot_command_the_terminal() -> None:
    *_, screen = attempted(f'{SAY} {{"text": "\\u001b[2J"}}', "answer \x1b]0;x\x07")
    assert "\x1b" not in screen


def test_a_run_is_driven_from_the_keyboard(tmp_path: Path) -> None:
    task = mini_tasks()[0]
    command = [sys.executable, "-m", "toolenv", "run", "--policy", "human", "--only", task.id]
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "run"), "--json"],
        input="give up\n",
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    (row,) = json.loads(done.stdout)["results"]
    assert (row["policy"], row["ended"]) == ("human", "gave_up")
    assert task.instruction in done.stderr
