"""``toolenv tools`` and what follows: from a description to episodes that call its server."""

from __future__ import annotations

import http.server
import json
import re
import shlex
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import Here
from tests.running.processes import toolenv
from tests.simulators.openapi_echo import serving
from toolenv.apis import name_apis
from toolenv.formats import read_tasks, read_tools
from toolenv.formats.openapi import read_apis, read_openapi
from toolenv.snapshots import Store

SHOP = """
openapi: 3.0.3
info: {title: Tea Shop, version: "1"}
servers: [{url: "https://shop.example.org/v1"}]
paths:
  /teas/{teaId}:
    get:
      tags: [teas]
      operationId: getTea
      summary: One tea
      parameters: [{name: teaId, in: path, required: true, schema: {type: integer}}]
      security: [{key: []}]
    put: {tags: [teas], security: [{}, {token: []}]}
  /teas: {get: {tags: [teas], operationId: listTeas}}
components:
  securitySchemes:
    key: {type: apiKey, in: header, name: X-Key}
    token: {type: http, scheme: bearer}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shop.yaml").write_text(SHOP)
    return tmp_path


@pytest.mark.parametrize("command", ["tools", "tools import", "tools list", "tools show"])
def test_help_says_what_it_does(command: str, here: Here, tmp_path: Path) -> None:
    done = here(f"{command} --help", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Usage: toolenv {command}" in done.stdout
    assert ("Example" in done.stdout) == (command != "tools")


def test_import_tells_what_it_found(here: Here, folder: Path) -> None:
    done = here("tools import shop.yaml", folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(
        r"gettea_for_tea_shop +GET +/teas/\{teaId\} +1, 1 required +One tea", done.stdout
    )
    assert "3 read, 0 skipped" in done.stdout
    assert "1 take a key: TOOLENV_TEA_SHOP_KEY\n" in done.stdout
    assert "1 take a key: TOOLENV_TEA_SHOP_TOKEN or none\n" in done.stdout
    assert sorted(path.name for path in folder.iterdir()) == ["shop.yaml"]


def test_import_writes_tasks(here: Here, folder: Path) -> None:
    asked = '--instruction "Which teas?" --instruction "What is tea 7?"'
    done = here(f"tools import shop.yaml --out teas.json {asked}", folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("written: teas.json\n")
    tasks = read_tasks(folder / "teas.json")
    assert [(task.id, task.instruction) for task in tasks] == [
        ("tea_shop-1", "Which teas?"),
        ("tea_shop-2", "What is tea 7?"),
    ]
    assert list(tasks[0].apis) == read_openapi(folder / "shop.yaml")
    done = here("tools import shop.yaml --out teas.jsonl --tool Teas --category Food", folder)
    (task,) = read_tasks(folder / "teas.jsonl")
    assert (task.id, task.instruction) == ("teas-1", "")
    assert {(api.category, api.tool) for api in task.apis} == {("Food", "Teas")}


def test_import_writes_a_folder_of_tools(here: Here, folder: Path) -> None:
    done = here("tools import shop.yaml --out tools", folder)
    assert done.stdout.endswith("written: tools/teas/tea_shop.json\n")
    found = read_tools(folder / "tools")
    assert [api.name for api in found] == ["getTea", "PUT /teas/{teaId}", "listTeas"]
    listed = here("tools list tools", folder)
    assert "gettea_for_tea_shop" in listed.stdout and "TOOLENV_TEA_SHOP_KEY" in listed.stdout


def test_import_for_machines(here: Here, folder: Path) -> None:
    done = here("tools import shop.yaml --out teas.json --json", folder)
    said = json.loads(done.stdout)
    assert (said["tool"], said["written"], said["skipped"]) == ("Tea Shop", ["teas.json"], [])
    assert said["apis"][0] == {
        "function": "gettea_for_tea_shop",
        "category": "teas",
        "tool": "Tea Shop",
        "name": "getTea",
        "method": "GET",
        "path": "/teas/{teaId}",
        "parameters": ["teaid"],
        "required": ["teaid"],
        "keys": ["TOOLENV_TEA_SHOP_KEY"],
    }
    listed = here("tools list teas.json --json", folder)
    assert json.loads(listed.stdout) == said["apis"]


def test_show_prints_the_function_that_a_policy_sees(here: Here, folder: Path) -> None:
    apis = name_apis(read_apis(folder / "shop.yaml"))
    function = apis["gettea_for_tea_shop"].function_schema("gettea_for_tea_shop")
    for name in ("gettea_for_tea_shop", "getTea"):
        done = here(f"tools show {name} shop.yaml", folder)
        assert json.loads(done.stdout) == function
    done = here("tools show sellTea shop.yaml", folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert "There is no API 'sellTea' among 3" in done.stderr


@pytest.mark.parametrize(
    ("command", "what"),
    [
        ("import none.yaml", "none.yaml: There is no such file."),
        ("import https://example.org/a.json", "Add --fetch, or download the file."),
        ("import shop.yaml --out tools --instruction x", "Instructions go into a file of tasks."),
        ("import shop.yaml --instruction x", "Instructions go into a file of tasks."),
        ("import bad.yaml", "bad.yaml#/paths/~1a/get/parameters/0/name: Field required."),
        ("list bad.json", "neither an OpenAPI description nor a file of tasks"),
        ("list swagger.yaml", "This is Swagger 2.0"),
    ],
)
def test_what_cannot_be_done_is_one_line(here: Here, folder: Path, command: str, what: str) -> None:
    bad = SHOP.replace("/teas: {get: {", "/a: {get: {parameters: [{in: query}], ")
    (folder / "bad.yaml").write_text(bad)
    (folder / "bad.json").write_text("{}")
    (folder / "swagger.yaml").write_text("swagger: '2.0'")
    done = here(f"tools {command}", folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert what in done.stderr and done.stderr.count("\n") == 1
    if "bad.yaml" in command:
        done = here(f"tools {command} --skip-bad", folder)
        assert done.returncode == 0 and "2 read, 1 skipped" in done.stdout


@contextmanager
def publishing(content: bytes) -> Iterator[str]:
    """A server that has a description at ``/api.yaml`` and nothing else."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/api.yaml" else 404)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_a_description_is_fetched_when_asked_for(here: Here, tmp_path: Path) -> None:
    allowed = "--fetch --allow-private 127.0.0.1"
    with publishing(SHOP.replace("https://shop.example.org/v1", "/v1").encode()) as address:
        done = here(f"tools import {address}/api.yaml {allowed} --out teas.json", tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        (task,) = read_tasks(tmp_path / "teas.json")
        route = task.apis[0].unknown["openapi"]
        assert isinstance(route, dict) and route["servers"] == [{"url": f"{address}/v1"}]
        done = here(f"tools import {address}/none.yaml {allowed}", tmp_path)
        assert done.returncode == 2 and "HTTP 404" in done.stderr
        done = here(f"tools import {address}/api.yaml --fetch", tmp_path)
        assert done.returncode == 2 and "not public" in done.stderr
    with publishing(b"\xff\xfe\x00") as address:
        done = here(f"tools import {address}/api.yaml {allowed}", tmp_path)
        assert done.returncode == 2 and "not UTF-8" in done.stderr


def test_the_commands_of_the_page_work(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "openapi.md").read_text("utf-8")
    (description,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    (commands,) = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    variables: dict[str, str] = {}
    with serving() as host:
        (tmp_path / "shop.yaml").write_text(description.replace("127.0.0.1:8000", host))
        for command in commands.splitlines():
            first, *words = shlex.split(command)
            if first == "export":
                name, _, value = words[0].partition("=")
                variables[name] = value
                continue
            done = toolenv(*words, cwd=tmp_path, **variables)
            assert (first, done.returncode) == ("toolenv", 0), done.stderr
    files = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert files and not [path for path in files if b"the-key" in path.read_bytes()]


def test_an_imported_file_is_run_as_it_is(tmp_path: Path) -> None:
    """From a description to episodes whose calls reach the server, with two commands."""
    with serving() as host:
        (tmp_path / "shop.yaml").write_text(
            SHOP.replace("https://shop.example.org", f"http://{host}")
        )
        made = toolenv(
            "tools", "import", "shop.yaml", "--out", "teas.json", "--instruction", "Which teas?",
            cwd=tmp_path,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
        simulator = "openapi:teas.json?allow_private=127.0.0.1&anonymous=yes"
        ran = toolenv(
            "run", "--tasks", "teas.json", "--simulator", simulator, "--policy", "random",
            "--out", "run", "--record", "store", cwd=tmp_path,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
    with Store(tmp_path / "store") as store:
        recorded = list(store.records())
    assert any("/v1/teas" in str(one) for one in recorded)
