"""``toolenv retrieve``, as typed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Here
from toolenv.formats import write_tasks
from toolenv.mini import mini_tasks


@pytest.fixture
def index(here: Here, tmp_path: Path) -> Path:
    write_tasks(mini_tasks(), tmp_path / "tasks.json")
    done = here("retrieve index tasks.json --words-only --out mini.index", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "index: mini.index"
    return tmp_path


def test_apis_are_indexed_and_found(here: Here, index: Path) -> None:
    shown = here('retrieve search bm25:mini.index "weather of a city" -k 3', index)
    assert "weather" in shown.stdout
    found = json.loads(here('retrieve search bm25:mini.index "weather" --json', index).stdout)
    assert {"function", "category", "tool", "api", "description", "score"} == set(found[0])
    assert "nothing was found" in here('retrieve search bm25:mini.index "xyzzy"', index).stdout


def test_what_was_indexed_is_data(here: Here, index: Path) -> None:
    done = here("retrieve index tasks.json --words-only --out mini.index --json", index)
    facts = json.loads(done.stdout)
    assert (facts["apis"], facts["index"], done.stderr) == (37, "mini.index", "")
    assert facts["listed"] > 37


def test_a_function_that_makes_tasks_is_indexed(here: Here, tmp_path: Path) -> None:
    source = "toolenv.mini:mini_tasks"
    done = here(f"retrieve index {source} --words-only --out i --json", tmp_path)
    assert json.loads(done.stdout)["apis"] == 37, done.stderr
    wrong = here("retrieve index toolenv.mini:mini_task --words-only --out j", tmp_path)
    assert wrong.returncode == 2 and "toolenv.mini" in wrong.stderr


def test_an_mcp_server_and_a_description_are_indexed_together(here: Here, tmp_path: Path) -> None:
    (tmp_path / "openapi.json").write_text(
        '{"openapi": "3.0.0", "info": {"title": "Shop", "version": "1"}, "paths": {"/tea": {"get":'
        ' {"operationId": "tea", "summary": "Tea", "responses": {"200": {"description": ""}}}}}}'
    )
    server = Path(__file__).parents[1] / "simulators" / "mcp_servers" / "hostile.py"
    source = f"'mcp:{sys.executable} {server} healthy?timeout=20'"
    done = here(f"retrieve index openapi.json {source} --words-only --out i", tmp_path)
    assert done.stdout.splitlines()[0] == "3 APIs of 3 listed", done.stderr
    found = here("retrieve search bm25:i behave --json", tmp_path)
    assert [one["api"] for one in json.loads(found.stdout)] == ["behave"]


def test_tasks_leave_as_toolbenchs_files(here: Here, index: Path) -> None:
    done = here("retrieve export tasks.json --split all --out files", index)
    assert done.stdout.splitlines()[-1] == "files: files"
    assert sorted(path.name for path in (index / "files").iterdir()) == [
        "all.query.txt",
        "corpus.tsv",
        "qrels.all.tsv",
    ]
    again = here("retrieve index files/corpus.tsv --words-only --out again", index)
    assert "37 APIs" in again.stdout


def test_retrievers_are_measured_and_compared(here: Here, index: Path) -> None:
    command = "retrieve evaluate bm25:mini.index every:mini.index --tasks tasks.json"
    shown = here(command, index)
    assert shown.returncode == 0, shown.stderr
    assert "every:mini.index less bm25:mini.index" in shown.stdout
    found = json.loads(here(f"{command} --seen tasks.json --json", index).stdout)
    groups = found["evaluations"][0]["groups"]
    assert groups[0]["ndcg@5"]["low"] <= groups[0]["ndcg@5"]["value"] <= groups[0]["ndcg@5"]["high"]
    assert any(one["group"] == "tools: seen" for one in groups)
    difference = found["differences"][0]["groups"][0]["ndcg@5"]
    assert difference["value"] < 0
    assert 0 < difference["p"] <= 1


def test_a_run_is_measured_verified_and_the_same_again(here: Here, index: Path) -> None:
    options = "--split I1-inst --first 3 --retriever bm25:mini.index --retrieve-k 4"
    done = here(f"run {options} --search-apis --agent dfsdt --policy-calls 6 --out run", index)
    assert done.returncode == 0, done.stderr
    again = here("verify run", index)
    assert "3 of 3 episodes run again are equal" in again.stdout, again.stdout + again.stderr
    assert here(f"run {options} --max-steps 3 --out offered", index).returncode == 0
    found = here("retrieve evaluate offered", index)
    assert "ndcg@5" in found.stdout, found.stderr


def test_gold_retrieved_and_all_are_one_command(here: Here, index: Path) -> None:
    command = (
        "retrieve api-sets bm25:mini.index --split I1-inst --first 3 --retrieve-k 3 "
        "--policy local:toolenv.mini:KeywordPolicy --out sets"
    )
    done = here(command, index)
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()[-4:]] == [
        "gold",
        "retrieved",
        "all",
        "runs:",
    ]
    found = json.loads(here(f"{command} --resume --json", index).stdout)["pass rates"]
    assert [(row["apis"], row["episodes"]) for row in found] == [
        ("gold", 3),
        ("retrieved", 3),
        ("all", 3),
    ]
    assert found[0]["rate"] >= found[1]["rate"]


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("retrieve index nothing.json --words-only --out x", "There is no such file"),
        ("retrieve index tasks.json --document bench --out x", "Did you mean toolbench?"),
        ("retrieve index tasks.json --words-only --out .", "holds something else"),
        ("retrieve search bm52:mini.index weather", "Did you mean bm25?"),
        ("retrieve search dense:mini.index weather", "has no vectors"),
        ("retrieve search bm25:mini.index weather -k 0", "k: It is 0"),
        ("retrieve evaluate bm25:mini.index", "--tasks: No tasks are given"),
        ("run --search-apis --out x", "needs a retriever"),
        ("run --retriever bm25:nowhere --out x", "There is no retrieval index"),
    ],
)
def test_what_cannot_be_done_is_one_line(here: Here, index: Path, command: str, says: str) -> None:
    done = here(command, index)
    assert done.returncode != 0
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
