"""Keys stay in the environment: no artefact of a full run holds one, whoever repeats it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard

from tests.chat.scripted_server import Reply, chat_server, completion, tool_call
from tests.running.processes import start
from tests.simulators.hostile_servers import HostileServer
from tests.simulators.rapidapi_tools import NAMES, make_task, write_tools
from toolenv import write_tasks

POLICY_KEY = "sk-policy-4f9d1c7ab2"
RAPID_KEY = "rapid-77e0b1a2c3d4"
SERVICE_KEY = "service-90ab12cd34"
KEYS = {"OPENAI_API_KEY": POLICY_KEY, "RAPIDAPI_KEY": RAPID_KEY, "TOOLBENCH_KEY": SERVICE_KEY}


@pytest.fixture(scope="module")
def apis() -> Iterator[HostileServer]:
    """A server that says back all that it was sent, headers included."""
    with HostileServer() as server:
        server.behaviours["/search"] = server.behaviours["/echo"]
        yield server


class Telling:
    """A policy server that says the key back: in a thought, in arguments, in an error."""

    def __init__(self) -> None:
        self.asked = 0
        self.titles: list[bytes] = []

    def __call__(self, request: dict[str, Any]) -> Reply | dict[str, Any]:
        self.asked += 1
        self.titles += [
            path.read_bytes()
            for path in Path("/proc").glob("[0-9]*/cmdline")
            if b"toolenv" in _bytes_of(path)
        ]
        if self.asked == 1:
            call = tool_call(NAMES["Search"], f'{{"search_query": "{POLICY_KEY}"}}', "1")
            return completion(f"My key is {POLICY_KEY}.", tool_calls=[call])
        return Reply({"error": {"message": f"The key {POLICY_KEY} is worn out."}}, 401)


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # the process has ended
        return b""


def test_no_artefact_of_a_full_run_holds_a_key(tmp_path: Path, apis: HostileServer) -> None:
    tools = write_tools(tmp_path / "tools", apis.address)
    write_tasks([make_task()], tmp_path / "tasks.json")
    telling, printed = Telling(), []

    def toolenv(*arguments: str, ends: int = 0) -> None:
        process = start(*arguments, cwd=tmp_path / "out", **KEYS)
        out, err = process.communicate(timeout=120)
        printed.append(out + err)
        assert process.returncode == ends, out + err

    (tmp_path / "out").mkdir()
    with chat_server(telling) as policy:
        toolenv(
            *("run", "--tasks", "../tasks.json", "--out", "run", "--record", "store"),
            *("--simulator", f"rapidapi:{tools}?allow_private=127.0.0.1"),
            *("--policy", f"openai:m?base_url={policy.url}&max_retries=0"),
            *("--completions", "completions"),
            ends=1,  # the only episode is broken by the server's refusal
        )
        toolenv("doctor", "--base-url", policy.url, "--json")
    assert telling.asked >= 2 and telling.titles
    assert any(RAPID_KEY in str(one) for one in apis.received), "the tool got its key"
    toolenv("snapshot", "freeze", "store", "--out", "run.snap")
    toolenv("snapshot", "export", "run.snap", "--out", "run.jsonl", "--format", "jsonl")
    toolenv("report", "run", "--out", "report.html")
    toolenv("show", "run")

    written = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert {"journal.jsonl.zst", "manifest.json", "run.snap", "run.jsonl", "report.html"} <= {
        path.name for path in written
    }
    everything = [path.read_bytes() for path in written] + telling.titles
    with zstandard.open(tmp_path / "out" / "run" / "journal.jsonl.zst", "rb") as journal:
        everything.append(journal.read())
    everything += [text.encode() for text in printed]
    for key in KEYS.values():
        assert not any(key.encode() in content for content in everything)


def test_no_exception_or_fingerprint_holds_a_key(
    tmp_path: Path, apis: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    import traceback

    from toolenv.agents.specification import open_policy
    from toolenv.errors import ToolenvError
    from toolenv.simulators import open_simulator

    for name, key in KEYS.items():
        monkeypatch.setenv(name, key)
    tools = write_tools(tmp_path / "tools", apis.address)
    for specification in (
        f"rapidapi:{tools}?allow_private=127.0.0.1",
        f"toolbench:{apis.url('/virtual')}",
        f"llm:m?base_url={apis.url('/v1')}",
    ):
        opened = open_simulator(specification)
        shown = [opened.fingerprint, repr(opened), str(opened)]
        opened.close()
        assert not any(key in text for key in KEYS.values() for text in shown), specification
    policy = open_policy(f"openai:m?base_url={apis.url('/v1')}")
    assert not any(key in f"{policy.fingerprint}{policy!r}{policy.name}" for key in KEYS.values())
    with pytest.raises(ToolenvError) as refused:
        open_policy(f"openai:m?api_key={POLICY_KEY}")
    assert POLICY_KEY not in "".join(traceback.format_exception(refused.value))
