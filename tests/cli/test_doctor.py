"""``toolenv doctor``: what works, what does not, and never a key."""

from __future__ import annotations

import json
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Here
from toolenv.mini import mini_snapshot
from toolenv.simulators import LocalSimulator, RecordedSimulator
from toolenv.snapshots import Snapshot

KEY = "sk-a-key-that-nobody-may-see"
MODELS = json.dumps({"object": "list", "data": [{"id": f"model-{n}"} for n in range(7)]})


@contextmanager
def models_server(
    body: str, *, code: int = 200, hangs: bool = False
) -> Iterator[tuple[str, list[Any]]]:
    """A server that answers every request alike, and the keys that it was shown."""
    ending, seen = threading.Event(), []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append((self.path, self.headers.get("authorization")))
            if hangs:
                ending.wait(60)
            said = body.encode()
            with suppress(OSError):  # who asked may have given up
                self.send_response(code)
                self.send_header("content-length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1", seen
        finally:
            ending.set()
            server.shutdown()
            thread.join()


def examined(here: Here, folder: Path, options: str = "") -> tuple[int, dict[tuple[str, str], Any]]:
    done = here(f"doctor --json {options}", folder)
    assert done.stderr == ""
    found = json.loads(done.stdout)
    assert found["ok"] is (done.returncode == 0)
    return done.returncode, {(one["part"], one["name"]): one for one in found["findings"]}


def hanging() -> LocalSimulator:
    threading.Event().wait(60)
    raise AssertionError


def raising() -> LocalSimulator:
    raise KeyError("lost")


def snapshot_at(folder: Path) -> tuple[Path, Snapshot]:
    held = mini_snapshot()
    assert isinstance(held, RecordedSimulator) and isinstance(held.recordings, Snapshot)
    shutil.copy(held.recordings.path, folder / "a.snap")
    return folder / "a.snap", held.recordings


def test_without_a_question_it_says_what_is_there_and_is_content(
    here: Here, tmp_path: Path
) -> None:
    done = here("doctor", tmp_path)
    assert done.returncode == 0, done.stderr
    for word in ("toolenv", "python", "OPENAI_API_KEY", "disk", "GB free", "gpu", "chromium"):
        assert word in done.stdout
    code, found = examined(here, tmp_path)
    assert code == 0
    assert {name for part, name in found if part == "extra"} == {
        *("constrained", "datasets", "figures", "local", "mcp", "minilm", "openapi", "parquet"),
        *("retrieval", "server", "train"),
    }
    assert found["extra", "mcp"]["detail"].startswith("mcp 2")


def test_keys_are_named_and_never_shown(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.delenv("RAPIDAPI_KEY", raising=False)
    code, found = examined(here, tmp_path)
    assert code == 0, "a key that nobody asked for may be missing"
    assert found["key", "OPENAI_API_KEY"]["detail"] == "set"
    assert found["key", "RAPIDAPI_KEY"]["state"] == "absent"
    assert examined(here, tmp_path, "--key OPENAI_API_KEY")[0] == 0
    code, found = examined(here, tmp_path, "--key RAPIDAPI_KEY --key MY_KEY")
    assert code == 1
    assert found["key", "MY_KEY"]["asked"]
    with models_server(f'{{"data": [{{"id": "{KEY}"}}]}}') as (url, seen):
        done = here(f"doctor --base-url {url}", tmp_path)
        assert seen == [("/v1/models", f"Bearer {KEY}")]
    assert KEY not in done.stdout + done.stderr
    assert str(len(KEY)) not in done.stdout.split("OPENAI_API_KEY")[1].splitlines()[0]


def test_an_endpoint_lists_its_models(here: Here, tmp_path: Path) -> None:
    with models_server(MODELS) as (url, _):
        code, found = examined(here, tmp_path, f"--base-url {url} --model model-6")
        assert code == 0
        told = found["endpoint", url]["detail"]
        assert told == "models: model-0, model-1, model-2, model-3, model-4 and 2 more"
        code, found = examined(here, tmp_path, f"--base-url {url}/ --model another")
        assert (code, found["model", "another"]["state"]) == (1, "failed")


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        ("{}", 401, "reachable, but HTTP 401"),
        ("<html>", 200, "/models is not JSON"),
        ('{"data": 1}', 200, "/models lists none"),
        ('"' + "x" * 3_000_000 + '"', 200, "larger than"),
    ],
)
def test_an_endpoint_that_is_none(
    here: Here, tmp_path: Path, body: str, code: int, says: str
) -> None:
    with models_server(body, code=code) as (url, _):
        exit_code, found = examined(here, tmp_path, f"--base-url {url}")
    assert exit_code == 1
    assert says in found["endpoint", url]["detail"]


def test_an_endpoint_that_is_not_there_or_hangs(here: Here, tmp_path: Path) -> None:
    with models_server(MODELS, hangs=True) as (url, _):
        code, found = examined(here, tmp_path, f"--base-url {url} --timeout 0.2")
        assert (code, found["endpoint", url]["state"]) == (1, "failed")
    code, found = examined(here, tmp_path, f"--base-url {url}")
    assert code == 1
    assert "No connection" in found["endpoint", url]["detail"]


def test_simulators_are_opened(here: Here, tmp_path: Path) -> None:
    path, snapshot = snapshot_at(tmp_path)
    code, found = examined(
        here,
        tmp_path,
        f"--simulator snapshot:{path}?order=first --simulator local:toolenv.mini:mini_simulator",
    )
    assert code == 0
    told = found["simulator", f"snapshot:{path}"]["detail"]
    assert snapshot.manifest.digest in told
    assert f"{snapshot.manifest.responses} responses" in told
    assert "37 APIs" in found["simulator", "local:toolenv.mini:mini_simulator"]["detail"]


def test_an_mcp_server_is_asked_for_its_tools(here: Here, tmp_path: Path) -> None:
    server = Path(__file__).parents[1] / "simulators" / "mcp_servers" / "hostile.py"
    command = f"mcp:{sys.executable} {server}"
    options = f"--simulator '{command} healthy?timeout=5' --simulator '{command} exits'"
    code, found = examined(here, tmp_path, f"{options} --timeout 20")
    assert code == 1
    assert found["simulator", f"{command} healthy"]["detail"].startswith("2 APIs")
    assert "no licence" in found["simulator", f"{command} exits"]["detail"]


@pytest.mark.parametrize(
    ("specification", "says"),
    [
        ("snapshot:nowhere.snap", "nothing at this path"),
        ("store:nowhere", "nothing at this path"),
        ("snapshot:text.snap", "snapshot"),
        ("unknown:place", "Unknown simulator"),
        (f"local:{__name__}:nothing", "cannot be imported"),
        (f"local:{__name__}:raising", "KeyError"),
        (f"local:{__name__}:hanging", "not opened within 0.2 s"),
    ],
)
def test_simulators_that_do_not_open(
    here: Here, tmp_path: Path, specification: str, says: str
) -> None:
    (tmp_path / "text.snap").write_text("no snapshot")
    code, found = examined(here, tmp_path, f"--simulator {specification} --timeout 0.2")
    assert code == 1
    assert says in found["simulator", specification]["detail"]
    assert not (tmp_path / "nowhere").exists(), "looking makes nothing"


@pytest.mark.parametrize(
    "options",
    [
        "--base-url nowhere",
        "--base-url http://user:pass-word@host/v1",
        "--simulator mini",
        "--model model-1",
        "--extra everything",
        "--timeout 0",
        "--nonsense",
    ],
)
def test_misuse(here: Here, tmp_path: Path, options: str) -> None:
    done = here(f"doctor {options}", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "pass-word" not in done.stderr
