"""``toolenv tasks new`` and ``validate``, and the guide's way from a description to a benchmark."""

from __future__ import annotations

import http.server
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import Here
from toolenv.formats import read_tasks

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "checks.md"
SHOP = """
openapi: 3.0.3
info: {title: Tea Shop, version: "1"}
servers: [{url: "http://127.0.0.1:8000"}]
paths:
  /teas: {get: {operationId: listTeas}}
  /teas/{teaId}:
    get:
      operationId: getTea
      parameters: [{name: teaId, in: path, required: true, schema: {type: integer}}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shop.yaml").write_text(SHOP)
    return tmp_path


@pytest.mark.parametrize("command", ["tasks new", "tasks validate"])
def test_help_says_what_it_does(command: str, here: Here, tmp_path: Path) -> None:
    done = here(f"{command} --help", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Example" in done.stdout


def test_a_skeleton_is_valid_when_it_is_filled(here: Here, folder: Path) -> None:
    done = here("tasks new tea.json --apis shop.yaml", folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "edit it, then: toolenv tasks validate tea.json" in done.stdout
    done = here("tasks validate tea.json", folder)
    assert done.returncode == 1
    assert "tea.json.tasks[0].instruction: The instruction is empty." in done.stdout
    assert "tea.json.tasks[0].check.value: A check of kind 'contains' needs a text." in done.stdout
    text = (folder / "tea.json").read_text()
    text = text.replace('"instruction": ""', '"instruction": "Which?"')
    (folder / "tea.json").write_text(text.replace('"value": ""', '"value": "Sencha"'))
    done = here("tasks validate tea.json", folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "tea.json: 1 tasks, 1 with a check, 0 problems\n"


def test_tasks_are_added(here: Here, folder: Path) -> None:
    first = '--instruction "What does tea 7 cost?" --offer getTea --check quantity --value 4.5'
    more = '--unit EUR --tolerance 0.01 --right "It is €4.50." --wrong 5 --id price --split shop'
    assert here(f"tasks new tea.json --apis shop.yaml {first} {more}", folder).returncode == 0
    whole = {"kind": "required_calls", "calls": [{"function": "listTeas"}]}
    second = f"--instruction Which? --check '{json.dumps(whole)}'"
    assert here(f"tasks new tea.json --add {second}", folder).returncode == 0
    assert here("tasks new tea.json --add --check date --value 2026-05-03", folder).returncode == 0
    price, which, when = read_tasks(folder / "tea.json")
    assert (price.id, price.split, list(price.named_apis)) == (
        "price",
        "shop",
        ["gettea_for_tea_shop"],
    )
    assert price.check is not None and price.check.examples is not None
    assert (price.check.value, price.check.unit, price.check.tolerance) == (4.5, "EUR", 0.01)
    assert (which.id, len(which.apis)) == ("tea-2", 2)
    assert when.check is not None and when.check.value == "2026-05-03"
    done = here("tasks validate tea.json shop.yaml", folder)
    assert done.returncode == 2
    done = here("tasks validate tea.json --json", folder)
    (problem,) = json.loads(done.stdout)
    assert (done.returncode, problem["where"]) == (1, "tea.json.tasks[2].instruction")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("tasks new tea.yaml --apis shop.yaml", "ends in .json"),
        ("tasks new tea.json", "There are no APIs"),
        ("tasks new tea.json --add", "no such file"),
        ("tasks new tea.json --apis absent.yaml", "no such file"),
        ("tasks new tea.json --apis shop.yaml --offer getTee", "Did you mean"),
        ("tasks new tea.json --apis shop.yaml --check '{\"kind\"'", "not JSON"),
        ("tasks new tea.json --apis shop.yaml --check '{\"value\": 3}'", "kind: Field required"),
        ("tasks new tea.json --apis shop.yaml --check quantiti", "Did you mean quantity?"),
        (
            "tasks new tea.json --apis shop.yaml --check quantity --value abc",
            "--value: A check of kind 'quantity' needs a number",
        ),
        (
            "tasks new tea.json --apis shop.yaml --check quantity --value 4 --wrong 4",
            "--wrong: The check finds it correct",
        ),
        ("tasks validate absent.json", "no such file"),
    ],
)
def test_what_cannot_be_done_is_said(command: str, words: str, here: Here, folder: Path) -> None:
    done = here(command, folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert not (folder / "tea.json").exists()


def test_a_file_that_exists_is_kept(here: Here, folder: Path) -> None:
    (folder / "tea.json").write_text("mine")
    done = here("tasks new tea.json --apis shop.yaml", folder)
    assert (done.returncode, (folder / "tea.json").read_text()) == (2, "mine")


class _Teas(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        teas = {"7": {"name": "Sencha", "price": 4.5}, "8": {"name": "Assam", "price": 3.2}}
        part = self.path.rpartition("/")[2]
        body = json.dumps(teas.get(part, list(teas.values()))).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def _teas() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Teas)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_guide_makes_a_benchmark(here: Here, tmp_path: Path) -> None:
    """The commands of docs/checks.md, against a server that the description describes."""
    text = DOCUMENT.read_text()
    guide = text[text.index("## From a description to a benchmark") :]
    guide = guide[: guide.index("\n## ", 5)]
    with _teas() as port:
        (description,) = re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL)
        (tmp_path / "shop.yaml").write_text(description.replace(":8000", f":{port}"))
        commands = [
            command.replace("\\\n", " ")
            for block in re.findall(r"```sh\n(.*?)```", guide, re.DOTALL)
            for command in re.findall(r"^toolenv ((?:.*\\\n)*.*)$", block, re.MULTILINE)
        ]
        assert len(commands) >= 5
        for command in commands:
            done = here(command, tmp_path)
            assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    assert len(read_tasks(tmp_path / "tea.json")) == 2
    assert (tmp_path / "run").is_dir()


def test_the_checks_of_the_guide_are_sound() -> None:
    from tests.simulators_by_hand import task
    from toolenv.checks.problems import problems_of
    from toolenv.tasks import Check

    blocks = re.findall(r"```json\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    lines = [line for block in blocks for line in block.strip().splitlines()]
    assert lines
    for line in lines:
        assert (
            problems_of(Check.model_validate_json(line), task("list_bookings", "cancel")) == []
        ), line
