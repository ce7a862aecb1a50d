"""``toolenv judge``: what it prints, where it writes, how it exits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.chat.scripted_server import Reply, chat_server
from tests.cli.conftest import Here
from tests.judging.injections import INJECTIONS
from tests.judging.judged_by_hand import attempt, by_node, said, task
from tests.running.judged_runs import run_of, written
from toolenv.running.verdict_sets import VerdictSet


def test_a_run_is_judged_and_the_last_line_says_where(tmp_path: Path, here: Here) -> None:
    run_of(tmp_path / "run")
    with chat_server(by_node(answer="solved")) as server:
        options = f"--model m --base-url {server.url} --samples 2"
        done = here(f"judge run --judge pass {options}", tmp_path)
        assert len(server.requests) == 12
    assert done.returncode == 0, done.stderr
    assert "react script: passed 100.0%; 95 % 61.0%–100.0%" in done.stdout
    assert "6 attempts: 6 passed, 0 failed (0 of them without an attempt), 0 unsure" in done.stdout
    assert "agreement with people: unknown" in done.stdout
    assert done.stdout.splitlines()[-1] == "verdicts: run/verdicts/pass.jsonl"
    assert "verdicts 6/6" in done.stderr
    assert len(VerdictSet.of(tmp_path / "run", "pass").read()) == 6
    again = here(f"judge run {options} --offline --out again", tmp_path)
    assert again.returncode == 0, again.stderr
    files = [tmp_path / "run/verdicts" / name for name in ("pass.jsonl", "again.jsonl")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_pairs_are_judged_and_a_biased_judge_is_flagged(tmp_path: Path, here: Here) -> None:
    run_of(tmp_path / "mine", word="mine")
    for name in ("one", "two"):
        run_of(tmp_path / name, word=name)
    with chat_server([said("first")]) as server:
        done = here(
            f"judge mine --judge win --reference one --reference two --model m --out w "
            f"--base-url {server.url} --compatibility stabletoolbench",
            tmp_path,
        )
    assert done.returncode == 0, done.stderr
    assert "react script against one: wins 50.0%, ties counted as one half" in done.stdout
    assert done.stdout.count("FLAGGED: the judge prefers a position") == 2
    assert "swapping the order changes 100.0%" in done.stdout
    assert "win rate of most rounds, ties not won: 0.0%" in done.stdout
    assert "strengths (Bradley-Terry" in done.stdout
    assert done.stdout.splitlines()[-1] == "verdicts: mine/verdicts/w.jsonl"


def test_their_numbers_are_printed_beside_ours(tmp_path: Path, here: Here) -> None:
    tasks = [task(str(n)) for n in range(4)]
    written(tmp_path / "run", [attempt(one) for one in tasks[:2]], tasks)
    with chat_server(by_node(answer="unsure", path="unsure", tools="solvable")) as server:
        options = f"--model m --base-url {server.url}"
        stable, old, fac = (
            here(f"judge run {options} --out {name} --compatibility {name}", tmp_path)
            for name in ("stabletoolbench", "toolbench", "fac")
        )
    assert "SoPR: 25.0% ± 0.0% (the judge's noise alone)" in stable.stdout
    assert "passed 0.0% to 50.0% (by how unsure ones are counted)" in stable.stdout
    assert "ToolBench pass rate: 0.0% to 50.0%" in old.stdout
    assert "FAC: 25.0%" in fac.stdout  # the judge names no status: unsure counts one half


def test_a_judge_that_never_answers_exits_with_1_and_says_why(tmp_path: Path, here: Here) -> None:
    run_of(tmp_path / "run", 2)
    with chat_server([Reply(b"{}", 401)]) as server:
        done = here(f"judge run --model m --base-url {server.url}", tmp_path)
    assert done.returncode == 1
    assert "8 votes say nothing: the judge's server refused the request" in done.stdout


def test_injected_text_is_counted_and_checks_measure_the_judge(tmp_path: Path, here: Here) -> None:
    written(tmp_path / "run", [attempt(task("1"), INJECTIONS[0]), attempt(task("2"))])
    with chat_server(by_node(answer="solved")) as server:
        done = here(f"judge run --model m --base-url {server.url} --json", tmp_path)
    figures: dict[str, Any] = json.loads(done.stdout)
    (row,) = figures["pass"]
    assert (row["passed"], row["unsure"], row["warned"]) == (1, 1, 1)
    assert figures["verdicts"] == "run/verdicts/pass.jsonl"


def test_pass_verdicts_decide_pairs_first(tmp_path: Path, here: Here) -> None:
    run_of(tmp_path / "mine", 2, word="mine")
    run_of(tmp_path / "base", 2, word="base")

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        return said("solved" if "mine" in json.dumps(request) else "unsolved")

    with chat_server(answer) as server:
        for run in ("mine", "base"):
            options = f"--model m --base-url {server.url} --compatibility stabletoolbench"
            assert here(f"judge {run} {options}", tmp_path).returncode == 0
        asked = len(server.requests)
        done = here(
            f"judge mine --judge win --reference base --passed pass --model m "
            f"--base-url {server.url}",
            tmp_path,
        )
        assert len(server.requests) == asked
    assert "2 pairs: 2 won, 0 lost, 0 tied, 0 unsure; without a vote: 2 by pass" in done.stdout


def test_what_cannot_be_done_is_one_line(tmp_path: Path, here: Here) -> None:
    run_of(tmp_path / "run", 1)
    for command, problem in [
        ("judge run --judge win --model m", "--reference"),
        ("judge run --model m --reference run", "--reference"),
        ("judge run --model m --offline", "No completions are recorded"),
        ("judge none --model m", "not a run folder"),
        ("judge run --judge win --reference run --model m --samples 3", "even"),
        ("judge run --model m --out ../x", "cannot name"),
    ]:
        done = here(command, tmp_path)
        assert done.returncode == 2, command
        assert problem in done.stderr, command
        assert len(done.stderr.strip().splitlines()) == 1
