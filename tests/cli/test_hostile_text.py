"""Text from data is shown, never obeyed: not by the terminal, nor by the markup of tables."""

from __future__ import annotations

import json
import os
import pty
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Here
from tests.running.processes import COMMAND, environment, toolenv
from tests.snapshots.recordings_by_hand import record
from toolenv.apis import Identity
from toolenv.snapshots import Store, freeze

HOSTILE = "a\x1b[2J\x1b]0;owned\x07\x9b31m\r\x08\u202eb[red]c[/nothing][link=http://x]d\x00"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Task file, run, store and snapshot whose every text is hostile."""
    tmp_path = tmp_path_factory.mktemp("hostile")
    entry: dict[str, Any] = {
        "query": f"Instruction {HOSTILE}",
        "query_id": f"id {HOSTILE}",
        "api_list": [
            {
                "category_name": HOSTILE,
                "tool_name": HOSTILE,
                "api_name": HOSTILE,
                "api_description": HOSTILE,
                "required_parameters": [],
                "optional_parameters": [],
                "method": "GET",
            }
        ],
        "relevant APIs": [[HOSTILE, HOSTILE]],
    }
    (tmp_path / "tasks.json").write_text(json.dumps([entry]))
    (tmp_path / "bad.json").write_text(json.dumps([entry, {HOSTILE: HOSTILE, "query": 7}]))
    with Store(tmp_path / "store") as store:
        store.add(record(text=HOSTILE, recording=HOSTILE, identity=Identity(HOSTILE, HOSTILE)))
        freeze(store.records(), tmp_path / "made.snap", notes=HOSTILE)
    done = toolenv(
        *("run", "--tasks", "tasks.json", "--policy", "random", "--simulator"),
        *("snapshot:made.snap", "--out", "run", "--max-steps", "3"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    return tmp_path


COMMANDS = [
    "tasks list tasks.json",
    "tasks list bad.json",
    "tasks list bad.json --skip-bad",
    "tasks show nothing tasks.json",
    "show run",
    "show run --json",
    "tasks list tasks.json --json",
    "snapshot info made.snap",
    "snapshot info made.snap --json",
    "snapshot freeze store --out again.snap",
    "snapshot verify made.snap",
    "report run",
    "run --tasks tasks.json --out again --max-steps 2",
    "run --tasks bad.json --out another",
]


def harmless(text: str) -> bool:
    return not any(character in text for character in "\x1b\x07\x9b\x08\x00\u202e")


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_acts_on_the_terminal(folder: Path, command: str, here: Here) -> None:
    done = here(command, folder)
    assert done.returncode in (0, 2)
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    if "--json" not in command:
        assert harmless(done.stdout + done.stderr)
        assert "\r" not in done.stdout + done.stderr


def test_markup_in_data_is_text(folder: Path) -> None:
    listed = toolenv("tasks", "list", "tasks.json", cwd=folder, COLUMNS="300").stdout
    assert "b[red]c[/nothing][link=http://x]d" in listed
    shown = toolenv("snapshot", "info", "made.snap", cwd=folder, COLUMNS="300").stdout
    assert "b[red]c[/nothing][link=http://x]d" in shown
    episode = toolenv("show", "run", cwd=folder, COLUMNS="300").stdout
    assert "b[red]c[/nothing][link=http://x]d" in episode


TYPED = {
    f"{command} {shlex.quote(argument)}": argument
    for argument in ("\x1b[2Jx", "[red]x[/nothing]", "a\nb")
    for command in ("show", "tasks show", "report")
}


@pytest.mark.parametrize("command", TYPED)
def test_what_was_typed_is_quoted_harmlessly(tmp_path: Path, command: str, here: Here) -> None:
    done = here(command, tmp_path)
    assert done.returncode == 2
    assert "\x1b" not in done.stderr
    (line,) = done.stderr.splitlines()
    if TYPED[command].startswith("[red]"):
        assert TYPED[command] in line


IN_A_TERMINAL = ["tasks list tasks.json", "show run", "snapshot info made.snap"]


@pytest.mark.parametrize("command", IN_A_TERMINAL)
def test_in_a_terminal_only_our_own_colours_act(folder: Path, command: str) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [COMMAND, *command.split()],
        stdout=theirs,
        stderr=theirs,
        stdin=subprocess.DEVNULL,
        cwd=folder,
        env={k: v for k, v in environment(TERM="xterm").items() if k != "NO_COLOR"},
    )
    os.close(theirs)
    seen = b""
    while piece := _read(ours):
        seen += piece
    os.close(ours)
    assert process.wait() == 0
    text = seen.decode()
    assert "\x1b[2J" not in text and "\x1b]" not in text
    assert not any(character in text for character in "\x07\x9b\x08\x00\u202e")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the other side has gone
        return b""
