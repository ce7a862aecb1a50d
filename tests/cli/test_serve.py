"""``toolenv serve`` on the command line; what it serves is tested in tests/server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.running.processes import toolenv
from tests.server.servers import SHOP, call, freeze_calls, serving
from toolenv.apis import API, Identity, Parameter
from toolenv.episodes import Response
from toolenv.formats import write_tasks, write_tools
from toolenv.snapshots import Documentation, Recorded, documented, freeze
from toolenv.tasks import Task

LISTING = API(
    category="Data",
    tool="Paged List",
    name="List",
    parameters=(Parameter(name="pageNumber", type="NUMBER", required=True),),
)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return freeze_calls(tmp_path_factory.mktemp("served"))


def assert_one_line(options: tuple[str | Path, ...], said: str, **variables: str) -> None:
    done = toolenv("serve", *options, cwd=None, **variables)
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr
    assert done.stdout == ""


def test_two_servers_on_one_port(snapshot: Path, tmp_path: Path) -> None:
    options = ("--simulator", f"snapshot:{snapshot}")
    with serving(tmp_path, *options) as server:
        said = f"127.0.0.1:{server.port}: The address cannot be listened at: Address already in use"
        assert_one_line((*options, "--port", str(server.port)), said)
        assert server.get("/health").http == 200


def test_other_machines_are_let_in_only_where_that_is_said(snapshot: Path, tmp_path: Path) -> None:
    options = ("--simulator", f"snapshot:{snapshot}", "--host", "0.0.0.0")
    assert_one_line((*options, "--port", "0"), "no token is asked for")
    with serving(tmp_path, *options, "--without-token") as server:
        assert server.get("/health").http == 200
    with serving(
        tmp_path, *options, "--token-variable", "TOKEN", TOKEN="known to few people"
    ) as server:
        assert server.ask(call()).http == 401


def test_a_token_that_is_not_there(snapshot: Path) -> None:
    options = ("--simulator", f"snapshot:{snapshot}", "--token-variable", "TOKEN")
    assert_one_line(options, "The variable is empty or not set")
    assert_one_line(options, "The variable is empty or not set", TOKEN="")
    assert_one_line(options, "fewer than 8 characters", TOKEN="short")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--simulator", "snapshot:nowhere.snap"), "nowhere.snap"),
        (("--simulator", "nonsense"), "nonsense"),
        ((*SHOP, "--port", "70000"), "port"),
        ((*SHOP, "--body-limit", "0"), "body_limit"),
        ((*SHOP, "--answer-seconds", "0"), "answer_seconds"),
        ((*SHOP, "--tools", "nowhere"), "nowhere"),
        ((*SHOP, "--tasks", "nowhere.json"), "nowhere.json"),
        ((*SHOP, "--host", "no such host"), "no such host"),
        ((), "--simulator"),
    ],
)
def test_what_is_wrong_is_one_line(options: tuple[str, ...], said: str) -> None:
    if "no such host" in options:
        options = (*options, "--without-token")
    assert_one_line(options, said)


@pytest.mark.parametrize("kind", ["tools", "tasks"])
def test_documents_from_tools_and_tasks_find_what_is_the_same_call(
    tmp_path: Path, kind: str
) -> None:
    record = Recorded(
        LISTING.identity, '{"pagenumber": 3}', Response('{"error":"","response":"third"}')
    )
    freeze([documented(record, Documentation([LISTING]))], tmp_path / "pages.snap")
    write_tools([LISTING], tmp_path / "tools")
    write_tasks([Task(id="1", instruction="Read.", apis=(LISTING,))], tmp_path / "tasks.json")
    place = tmp_path / ("tools" if kind == "tools" else "tasks.json")
    with serving(tmp_path, "--simulator", "snapshot:pages.snap", f"--{kind}", place) as server:
        for arguments in ({"pagenumber": 3}, {"pageNumber": "3"}):
            reply = server.ask(call("list", "paged_list", "Data", arguments))
            assert reply.json["response"] == "third"
        assert reply.headers["x-toolenv-source"] == "canonical"
        wrong = server.ask(call("list", "paged_list", "Data", {"page": 3}))
        assert wrong.headers["x-toolenv-status"] == "BAD_INPUT"


def test_damage_is_a_failure_and_no_miss(tmp_path: Path) -> None:
    api = Identity("f_for_t", "C", "t", "f")
    freeze(
        [
            Recorded(api, json.dumps({"number": number}), Response(f'"{number * 7919}"'))
            for number in range(500)
        ],
        tmp_path / "many.snap",
    )
    raw = bytearray((tmp_path / "many.snap").read_bytes())
    middle = len(raw) // 2
    raw[middle : middle + 2048] = bytes(2048)
    (tmp_path / "many.snap").write_bytes(raw)
    with serving(tmp_path, "--simulator", "snapshot:many.snap") as server:
        found = {server.ask(call("f", "t", "C", {"number": n})).http for n in range(500)}
        assert found == {200, 502}
        damaged = [line for line in server.logged() if line["event"] == "failure"]
        assert damaged
        assert damaged[0]["kind"] == "SnapshotError"
