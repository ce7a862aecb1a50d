"""Every command as a process of its own: what it prints, where, and how it exits."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.agents.scripted import TASK as SPOKEN
from tests.agents.scripted import environment, gives_up_below
from tests.cli.conftest import Here
from tests.running.processes import COMMAND, ROOT, toolenv
from tests.running.processes import environment as variables
from tests.snapshots.recordings_by_hand import record
from toolenv import __version__
from toolenv.agents import DFSDT
from toolenv.cli.main import app
from toolenv.formats import write_answer
from toolenv.mini import mini_tasks
from toolenv.mini.benchmark.trained import TRAINED
from toolenv.running.folder import RunFolder
from toolenv.snapshots import Snapshot, Store, freeze

KEYWORD = "local:toolenv.mini:KeywordPolicy"
WITH_EXAMPLES = [
    "demo",
    "run",
    "show",
    "tasks list",
    "snapshot freeze",
    "snapshot import",
    "report",
    "view",
    "replay",
]
WITHOUT = ["", "tasks", "tasks show", "snapshot", "snapshot info", "snapshot verify"]


def parsed(done: subprocess.CompletedProcess[str]) -> Any:
    """What a command printed for machines: one JSON document and nothing else."""
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert done.stdout.count("\n") == 1
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run, a store, a snapshot and an answer tree."""
    folder = tmp_path_factory.mktemp("cli")
    done = toolenv(
        *("run", "--out", "run", "--policy", KEYWORD, "--policy", "random", "--seed", "3"),
        *("--agent", "react", "--agent", "dfsdt", "--policy-calls", "20", "--record", "store"),
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    done = toolenv("snapshot", "freeze", "store", "--out", "made.snap", cwd=folder)
    assert done.returncode == 0, done.stderr
    episode = DFSDT(gives_up_below(1, answered_by=3)).run(environment(), SPOKEN)
    (folder / "answers").mkdir()
    write_answer(episode, folder / "answers" / "t_DFS_woFilter_w2.json", method="DFS_woFilter_w2")
    return folder


# --- help and version ---------------------------------------------------------------------------


@pytest.mark.parametrize("command", [*WITH_EXAMPLES, *WITHOUT])
def test_help_says_what_it_does(command: str, here: Here, tmp_path: Path) -> None:
    done = here(f"{command} --help", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Usage: toolenv{' ' if command else ''}{command}" in done.stdout
    examples = re.findall(rf"^\s+toolenv {command} ", done.stdout, re.MULTILINE)
    assert bool(examples) == (command in WITH_EXAMPLES)
    before, _, options = done.stdout.partition("Options ")
    used, known = (set(re.findall(r"--[a-z-]+", text)) for text in (before, options))
    assert used <= known, "examples use options that exist"


def test_no_option_is_cut_in_80_columns(
    tmp_path: Path, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", 80)
    shown = here("run --help", tmp_path).stdout
    assert max(map(len, shown.splitlines())) == 80
    assert "--simulator-concurrency" in shown
    assert not re.findall(r"--[a-z-]+…", shown)


def test_the_version_is_the_packages() -> None:
    done = toolenv("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{__version__}\n", "")


@pytest.mark.parametrize("command", ["", "tasks"])
def test_a_command_alone_shows_its_help(command: str) -> None:
    done = toolenv(*command.split())
    assert done.returncode == 2
    assert done.stdout.count("Usage: toolenv") == 1


# --- run and what is left of it -----------------------------------------------------------------


def test_run_prints_a_table_and_where_the_run_is(tmp_path: Path) -> None:
    done = toolenv("run", "--out", "a [red]run", "--first", "3", "--policy", KEYWORD, cwd=tmp_path)
    assert done.returncode == 0
    assert "react" in done.stdout and "keyword" in done.stdout and "pass rate" in done.stdout
    assert done.stdout.splitlines()[-1] == "run: a [red]run"
    assert done.stderr.splitlines()[-1].startswith("episodes 3/3; passed ")
    assert len(RunFolder.open(tmp_path / "a [red]run").results()) == 3


def test_run_prints_results_for_machines(tmp_path: Path) -> None:
    command = ("run", "--out", "out", "--only", "I1-inst-1", "--policy", KEYWORD, "--json")
    said = parsed(toolenv(*command, cwd=tmp_path))
    assert said["run"] == "out"
    (row,) = said["results"]
    assert (row["task"], row["agent"], row["policy"]) == ("I1-inst-1", "react", "keyword")
    (written,) = (tmp_path / "out" / "results.jsonl").read_text("utf-8").splitlines()
    assert json.loads(written) == row


def test_a_file_configures_a_run_and_flags_win(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(
        json.dumps(
            {
                "policies": [KEYWORD],
                "agents": ["react", "dfsdt"],
                "seeds": [1, 2],
                "first": 2,
                "record": "store",
                "record_failures": True,
                "record_time": False,
            }
        )
    )
    said = parsed(
        toolenv("run", "--config", "run.json", "--seed", "7", "--out", "o", "--json", cwd=tmp_path)
    )
    assert {(row["agent"], row["seed"]) for row in said["results"]} == {("react", 7), ("dfsdt", 7)}
    with Store(tmp_path / "store") as store:
        assert {one.recorded_at for one in store.records()} == {""}, "what the file says holds"


def test_a_finished_run_is_resumed(folder: Path) -> None:
    before = (folder / "run" / "results.jsonl").read_bytes()
    done = toolenv(
        *("run", "--out", "run", "--policy", KEYWORD, "--policy", "random", "--seed", "3"),
        *("--agent", "react", "--agent", "dfsdt", "--policy-calls", "20", "--resume", "--json"),
        cwd=folder,
    )
    assert len(parsed(done)["results"]) == 192
    assert (folder / "run" / "results.jsonl").read_bytes() == before


def test_show_prints_an_episode_of_a_run(folder: Path) -> None:
    asked = ("show", "run", "I1-inst-1", "--agent", "dfsdt", "--policy", "keyword", "--seed", "3")
    done = toolenv(*asked, cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    task = next(task for task in mini_tasks() if task.id == "I1-inst-1")
    assert "I1-inst-1" in done.stdout and "Finish" in done.stdout
    assert task.instruction[:20] in done.stdout
    said = parsed(toolenv(*asked, "--json", cwd=folder))
    assert (said["agent"], said["policy"], said["seed"]) == ("dfsdt", "keyword", 3)
    assert said["task"]["id"] == "I1-inst-1"
    assert said["steps"] and said["answer"] and said["outcome"] == "passed"


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        (("I9-inst-1",), "There is no task 'I9-inst-1'. The run has I1-cat-1, I1-cat-2, "),
        (("--agent", "dfst"), "There is no agent 'dfst'. Did you mean dfsdt?"),
        (("--policy", "oracle"), "There is no policy 'oracle'. The run has keyword, random."),
        (("--seed", "4"), "There is no seed 4. The run has 3."),
    ],
)
def test_show_says_what_the_run_has_in_place_of_what_it_has_not(
    folder: Path, asked: tuple[str, ...], named: str
) -> None:
    done = toolenv("show", "run", *asked, cwd=folder)
    assert done.returncode == 2
    assert named in done.stderr


def test_a_run_that_infrastructure_broke_says_why_and_how_to_go_on(tmp_path: Path) -> None:
    unreachable = "openai:m?base_url=http://127.0.0.1:9/v1&max_retries=0"
    done = toolenv("run", "--out", "a run", "--first", "2", "--policy", unreachable, cwd=tmp_path)
    assert "broken: 2 episodes, of which 2 by error:policy: m at " in done.stderr
    assert done.stderr.splitlines()[-1].endswith("toolenv run --out 'a run' --retry-failed")
    assert done.returncode == 1, "all of them broke"


def test_a_run_of_which_only_some_episodes_broke_succeeds(tmp_path: Path, here: Here) -> None:
    unreachable = "openai:m?base_url=http://127.0.0.1:9/v1&max_retries=0"
    done = here(f"run --out x --first 1 --policy random --policy '{unreachable}'", tmp_path)
    assert "broken: 1 episodes" in done.stderr
    assert done.returncode == 0


def test_resume_begins_a_run_where_it_is_told_what_to_run(tmp_path: Path, here: Here) -> None:
    assert here("run --out new --first 1 --resume", tmp_path).returncode == 0
    assert here("run --out new --resume", tmp_path).returncode == 0


def test_a_run_interrupted_at_its_very_end_has_all_its_episodes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("toolenv.running.folder.write_results", interrupted)
    done = CliRunner().invoke(app, ["run", "--out", str(tmp_path / "out"), "--first", "3"])
    assert done.exit_code == 130
    assert "interrupted: 3 of 3 episodes are finished and kept" in done.stderr


def test_show_prints_an_answer_tree(folder: Path) -> None:
    done = toolenv("show", "answers/t_DFS_woFilter_w2.json", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "found" in done.stdout
    said = parsed(toolenv("show", "answers/t_DFS_woFilter_w2.json", "--json", cwd=folder))
    assert said["answer"] == "found"


def test_report_writes_a_page(folder: Path, tmp_path: Path) -> None:
    done = toolenv("report", folder / "run", "--out", "page [b].html", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "report: page [b].html\n"), done.stderr
    assert (tmp_path / "page [b].html").read_text("utf-8").startswith("<!doctype html>")


def test_demo_does_the_main_job_offline(tmp_path: Path) -> None:
    done = toolenv("demo", "--out", "shown", "--tasks-per-split", "0", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "288 of 288 episodes equal" in done.stdout
    assert "trained" not in done.stdout, "it was not asked for"
    assert done.stdout.splitlines()[-1] == "report: shown/report.html"
    assert (tmp_path / "shown" / "report.html").is_file()


def test_demo_says_what_it_leaves_out_without_torch_and_how_to_get_it(tmp_path: Path) -> None:
    hidden = "import sys\nsys.modules['torch'] = None\n"  # as where it is not installed
    (tmp_path / "sitecustomize.py").write_text(hidden)
    done = toolenv("demo", cwd=tmp_path, PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")
    assert done.returncode == 0, done.stderr
    *_, left_out, report = done.stdout.splitlines()
    assert left_out == (
        "left out, the trained policies: The trained policies need torch, which is not installed. "
        "pip install 'toolenv[local]'"
    )
    assert report == "report: demo/report.html"


@pytest.mark.skipif(
    not (TRAINED / "SHA256SUMS").exists(), reason="the trained weights are not in the tree yet"
)
def test_demo_runs_the_trained_policies_too(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    done = toolenv("demo", "--tasks-per-split", "1", cwd=tmp_path, OMP_NUM_THREADS="1")
    assert done.returncode == 0, done.stderr
    with RunFolder.open(tmp_path / "demo" / "trained") as run:
        rows = run.results()
    assert len(rows) == 2 * 2 * 6 and {row.ended for row in rows} & {"answer", "gave_up"}
    table = done.stdout.partition("trained policies on MiniToolBench-v1")[2]
    for stage in ("sft", "dpo"):
        assert len(re.findall(rf"trained_policy stage={stage} *│ +6 *│", table)) == 2
    page = (tmp_path / "demo" / "report.html").read_text("utf-8")
    assert "trained_policy?stage=sft" in page
    assert "Loading weights" not in done.stderr


# --- tasks --------------------------------------------------------------------------------------


def test_tasks_are_listed(tmp_path: Path) -> None:
    done = toolenv("tasks", "list")
    assert (done.returncode, done.stderr) == (0, "")
    said = parsed(toolenv("tasks", "list", "--json"))
    assert [row["id"] for row in said] == [task.id for task in mini_tasks()]
    assert all(row["id"] in done.stdout and row["checked"] for row in said)


def test_a_task_is_shown_as_the_policy_sees_it() -> None:
    task = mini_tasks()[0]
    said = parsed(toolenv("tasks", "show", task.id))
    assert said == {"id": task.id, "instruction": task.instruction, "functions": task.functions}


def test_bad_entries_are_an_error_or_counted_on_request(tmp_path: Path) -> None:
    entry = {"query": "Find it.", "query_id": 1, "api_list": []}
    (tmp_path / "tasks.json").write_text(json.dumps([entry, {"query_id": 2}, 7]))
    refused = toolenv("tasks", "list", "tasks.json", cwd=tmp_path)
    assert_one_line(refused, "tasks.json[1]")
    listed = toolenv("tasks", "list", "tasks.json", "--skip-bad", cwd=tmp_path)
    assert listed.returncode == 0
    assert "2 skipped" in listed.stdout


# --- snapshots ----------------------------------------------------------------------------------


def test_a_store_is_frozen_looked_into_and_verified(folder: Path, tmp_path: Path) -> None:
    command = ("snapshot", "freeze", folder / "store", "--out", "a.snap", "--notes", "CC0")
    said = parsed(toolenv(*command, "--json", cwd=tmp_path))
    assert said["snapshot"] == "a.snap" and said["notes"] == "CC0"
    with Snapshot(tmp_path / "a.snap") as snapshot:
        assert snapshot.manifest.digest == said["digest"]
        assert snapshot.manifest.responses == said["responses"] > 100
    assert parsed(toolenv("snapshot", "info", "a.snap", "--json", cwd=tmp_path)) == said
    shown = toolenv("snapshot", "info", "a.snap", cwd=tmp_path)
    assert said["digest"] in shown.stdout
    assert shown.stdout.splitlines()[-1] == "snapshot: a.snap"
    verified = toolenv("snapshot", "verify", "a.snap", cwd=tmp_path)
    assert verified.returncode == 0 and verified.stdout.startswith("whole: ")


def test_answers_are_imported(folder: Path, tmp_path: Path) -> None:
    command = ("snapshot", "import", folder / "answers", "--out", tmp_path / "b.snap", "--json")
    said = parsed(toolenv(*command))
    assert said["responses"] == 2 and said["origins"] == {"unknown": 2}


def test_a_snapshot_answers_a_run(folder: Path, tmp_path: Path) -> None:
    said = parsed(
        toolenv(
            *("run", "--out", "frozen", "--simulator", f"snapshot:{folder / 'made.snap'}"),
            *("--policy", KEYWORD, "--seed", "3", "--policy-calls", "20", "--json"),
            cwd=tmp_path,
        )
    )
    assert {source for row in said["results"] for source in row["calls_by_source"]} == {
        "environment",
        "snapshot",
    }


def test_a_damaged_snapshot_is_told_by_the_exit_code(tmp_path: Path) -> None:
    freeze([record()], tmp_path / "a.snap")
    whole = (tmp_path / "a.snap").read_bytes()
    (tmp_path / "a.snap").write_bytes(whole[:-20] + bytes(byte ^ 1 for byte in whole[-20:]))
    done = toolenv("snapshot", "verify", "a.snap", cwd=tmp_path)
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stdout + done.stderr


def test_a_replay_of_ones_own_trees_is_equal(folder: Path, tmp_path: Path) -> None:
    said = parsed(toolenv("replay", folder / "answers", "--out", tmp_path / "r.snap", "--json"))
    (own,) = said["own"]
    assert (own["calls"], own["equal"], own["finishes"], own["equal_finishes"]) == (2, 2, 3, 3)


# --- what is wrong ------------------------------------------------------------------------------


def assert_one_line(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    """An error is one line on standard error, and exit code 2."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    for part in parts:
        assert part in line


WRONG = {
    "rn": ["No such command 'rn'", "run", "toolenv --help"],
    "tasks lst": ["No such command 'lst'", "toolenv tasks --help"],
    "run": ["Missing option '--out'", "toolenv run --help"],
    "run --oot x": ["No such option: --oot", "--out"],
    "run --out x --first abc": ["--first", "integer"],
    "run --out x --first 0": ["first", "greater than or equal to 1"],
    "run --out x --concurrency 0": ["concurrency"],
    "run --out x --compatibility toolbnch": ["compatibility", "'toolbench'"],
    "run --out x --config missing.json": ["missing.json", "no such file"],
    "run --out x --config broken.json": ["broken.json", "Give a JSON file"],
    "run --out x --config list.json": ["list.json", "holds a list, and no settings by name"],
    "run --out x --config single.json": ["agents: Input should be a list, in brackets."],
    "run --out x --config odd.json": ["odd.json", "polices", "Did you mean policies?"],
    "run --out x --policy-concurrency many": ["policy_concurrency", "HOST:PORT=NUMBER"],
    "run --out x --policy-concurrency h:1=3": ["No policy asks h:1"],
    "run --out x --run-money 3": ["Nothing says what random costs", "--prices"],
    "run --out x --processes 0": ["processes", "greater than or equal to 1"],
    "run --out x --retry lost": ["no outcome 'lost'", "infrastructure_error"],
    "run --out x --dry-run --simulator snapshot:missing": ["missing", "no such file"],
    "run --out x --tasks missing.json": ["missing.json", "no such file"],
    "run --out x --tasks broken.json": ["broken.json"],
    "run --out x --tasks nowhere:tasks": ["nowhere", "module:name"],
    "run --out x --tasks toolenv.mini:mini_simulator": ["gives no tasks"],
    "run --out x --only nowhere": ["no task nowhere", "toolenv tasks list"],
    "run --out x --split I9": ["I9", "I1-inst"],
    "run --out x --agent ract": ["'ract'", "Did you mean react?", "The agents are "],
    "run --out x --agent dfsdt?bredth=3": ["no option 'bredth'", "Did you mean breadth?"],
    "run --out x --policy openai:m?modle=x": ["no option 'modle'"],
    "run --out x --agent dfsdt?breadth=0": ["breadth"],
    "run --out x --policy randm": ["'randm'", "Did you mean random?", "the kinds are "],
    "run --out x --simulator snapshot:missing": ["missing", "toolenv snapshot freeze"],
    "run --out x --simulator odd": ["Unknown simulator", "kind:place"],
    "run --out x --record broken.json": ["broken.json", "cannot be opened"],
    "run --out typo --resume": ["typo: There is no run to go on with.", "Check the path"],
    "run --out typo --retry-failed": ["typo: There is no run to go on with."],
    "run --out .": ["not an empty folder", "--resume"],
    "run --out broken.json": ["not an empty folder"],
    "run --out broken.json/x": ["Cannot be made"],
    "show missing": ["missing: There is no such file or folder. Check the path."],
    "show broken.json": ["broken.json"],
    "show .": ["Is not a run folder"],
    "tasks list missing.json": ["missing.json"],
    "tasks list broken.json": ["broken.json"],
    "tasks show nowhere": ["'nowhere'", "toolenv tasks list"],
    "snapshot freeze missing --out a.snap": ["missing", "no such folder"],
    "snapshot freeze . --out broken.json/x": ["cannot be"],
    "snapshot info missing.snap": ["missing.snap", "no such file"],
    "snapshot info broken.json": ["broken.json"],
    "snapshot verify broken.json": ["broken.json"],
    "snapshot import . --out a.snap": ["broken.json"],
    "snapshot import missing --out a.snap": ["no such file or folder. Check the path."],
    "report missing": ["missing: There is no such folder. Check the path."],
    "replay missing": ["missing", "no such file or folder"],
    "replay broken.json": ["no answer tree"],
    "demo --out .": ["holds something else"],
}
"""A command, and what its error names."""


@pytest.fixture(scope="module")
def wrong_place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("wrong")
    (place / "broken.json").write_text('[{"query":')
    (place / "list.json").write_text("[]")
    (place / "odd.json").write_text('{"polices": ["random"]}')
    (place / "single.json").write_text('{"agents": "react"}')
    return place


@pytest.mark.parametrize("command", WRONG)
def test_what_is_wrong_is_one_line_and_exit_code_2(
    wrong_place: Path, command: str, here: Here
) -> None:
    assert_one_line(here(command, wrong_place), *WRONG[command])


AS_PROCESSES = ["rn", "run", "run --out x --tasks missing.json", "snapshot verify broken.json"]


@pytest.mark.parametrize("command", AS_PROCESSES)
def test_the_exit_code_is_that_of_the_process(wrong_place: Path, command: str) -> None:
    assert_one_line(toolenv(*command.split(), cwd=wrong_place), *WRONG[command])


# --- what reads it ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    ["tasks list", "show run --json", "run --out again --json"],
)
@pytest.mark.parametrize("reader", ["head -1", "true"])
def test_a_reader_that_has_seen_enough_is_no_error(
    folder: Path, tmp_path: Path, command: str, reader: str
) -> None:
    place = tmp_path if command.startswith("run") else folder
    first = subprocess.Popen(
        [COMMAND, *command.split()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=variables(),
        cwd=place,
    )
    second = subprocess.Popen(reader.split(), stdin=first.stdout, stdout=subprocess.PIPE)
    assert first.stdout is not None
    first.stdout.close()
    second.communicate()
    _, complaints = first.communicate()
    assert (first.returncode, complaints.decode()) == (0, "")
