"""``toolenv judge``: what it prints, where it writes, how it exits."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

from tests.chat.scripted_server import Reply, chat_server
from tests.cli.conftest import Here
from tests.judging.injections import INJECTIONS
from tests.judging.judged_by_hand import attempt, by_node, said, task
from tests.running.answering_server import answering_server, port_of
from tests.running.judged_runs import run_of, written
from toolenv.formats import (
    read_pass_results,
    read_pass_table,
    read_preference_results,
    read_preference_table,
)
from toolenv.formats.toolbench.pass_results import (
    read_fac_table,
    read_toolbench_pass_results,
    read_toolbench_pass_table,
)
from toolenv.judging.compatibility import sopr
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
    assert (
        "passed and grounded (a successful call, no claim that no response holds): " in done.stdout
    )
    assert "agreement with people: unknown, no labels were given" in done.stdout
    assert "chance cannot be told apart: it takes two seeds" in done.stdout
    assert "by number of votes: 1: 0.0%, 2: 0.0%*, 4: 0.0%*, 8: 0.0%*" in done.stdout
    assert done.stdout.splitlines()[-1] == "verdicts: run/verdicts/pass.jsonl"
    assert "verdicts 6/6" in done.stderr
    assert len(VerdictSet.of(tmp_path / "run", "pass").read()) == 6
    again = here(f"judge run {options} --offline --name again", tmp_path)
    assert again.returncode == 0, again.stderr
    files = [tmp_path / "run/verdicts" / name for name in ("pass.jsonl", "again.jsonl")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_pairs_are_judged_and_a_biased_judge_is_flagged(tmp_path: Path, here: Here) -> None:
    run_of(tmp_path / "mine", word="mine")
    for name in ("one", "two"):
        run_of(tmp_path / name, word=name)
    with chat_server([said("first")]) as server:
        done = here(
            f"judge mine --judge win --reference one --reference two --model m --name w "
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
            here(f"judge run {options} --name {name} --compatibility {name}", tmp_path)
            for name in ("stabletoolbench", "toolbench", "fac")
        )
        kept = here(
            f"judge run {options} --name stabletoolbench --compatibility stabletoolbench "
            "--defect 'answered denominator'",
            tmp_path,
        )
    assert "SoPR: 50.0% ± 0.0%" in kept.stdout
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


def test_a_judge_that_is_killed_leaves_reasons_and_is_asked_for_the_rest_when_it_is_back(
    tmp_path: Path, here: Here
) -> None:
    run_of(tmp_path / "run", 10)
    with answering_server(tmp_path / "log", reply=said("solved"), deadly=6) as (server, url):
        command = f"judge run --model m --base-url {url} --samples 1 --concurrency 3"
        done = here(command, tmp_path)
        assert server.wait() == -signal.SIGKILL
    assert done.returncode == 0, done.stderr
    answered = [
        one for one in VerdictSet.of(tmp_path / "run", "pass").read() if one.decision == "passed"
    ]
    assert 3 <= len(answered) <= 5, "what was asked together with the sixth may be lost with it"
    lost = 10 - len(answered)
    assert f"{lost} votes say nothing: the judge could not be reached" in done.stdout
    (tmp_path / "log").unlink()
    with answering_server(tmp_path / "log", port_of(url), said("solved")):
        again = here(command, tmp_path)
    assert again.returncode == 0, again.stderr
    assert "10 attempts: 10 passed" in again.stdout
    assert len((tmp_path / "log").read_bytes()) == lost, "the others are not asked"


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
        ("judge none --model m", "no such folder"),
        ("judge run --judge win --reference run --model m --samples 3", "even"),
        ("judge run --model m --name ../x", "cannot name"),
    ]:
        done = here(command, tmp_path)
        assert done.returncode == 2, command
        assert problem in done.stderr, command
        assert len(done.stderr.strip().splitlines()) == 1


def test_people_stand_beside_the_rate(tmp_path: Path, here: Here) -> None:
    """Of ten attempts the judge passes eight, people six of these, and none of the others."""
    tasks = [task(f"{n}") for n in range(10)]
    written(tmp_path / "run", [attempt(one, f"{one.id} °C") for one in tasks], tasks)
    rows = [f"{n},{'passed' if n < 6 else 'failed'},{'I1' if n % 2 else 'I3'}" for n in range(10)]
    (tmp_path / "people.csv").write_text("\n".join(["task,label,split", *rows]), encoding="utf-8")

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        text = json.dumps(request, ensure_ascii=False)
        return said("unsolved" if "8 °C" in text or "9 °C" in text else "solved")

    with chat_server(answer) as server:
        options = f"--model m --base-url {server.url} --compatibility stabletoolbench"
        done = here(f"judge run {options} --labels people.csv", tmp_path)
        assert done.returncode == 0, done.stderr
        as_json = here(f"judge run {options} --labels people.csv --json", tmp_path)
    assert "agreement with people, 10 labels: kappa 0.55 (" in done.stdout
    assert "too kind by +20.0% (" in done.stdout
    for split in ("I1", "I3"):
        assert f"agreement with people on {split}, 5 labels: kappa" in done.stdout
    (row,) = json.loads(as_json.stdout)["pass"]
    assert row["people"]["all"]["accuracy"]["value"] == 0.8


def test_the_agents_and_the_judges_chance_are_told_apart(tmp_path: Path, here: Here) -> None:
    tasks = [task(f"{n}") for n in range(12)]
    attempts = [
        attempt(one, f"{one.id} of {seed} °C", seed=seed) for one in tasks for seed in (0, 1)
    ]
    written(tmp_path / "run", attempts, tasks)
    words = {"0 of 1": "unsolved", "1 of 1": "unsolved", "2 of 1": "unsolved"}

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        text = json.dumps(request, ensure_ascii=False)
        return said(
            next(
                (word for part, word in words.items() if f'"{part}' in text.replace("\\", "")),
                "solved",
            )
        )

    with chat_server(answer) as server:
        done = here(
            f"judge run --model m --base-url {server.url} --compatibility stabletoolbench",
            tmp_path,
        )
    assert done.returncode == 0, done.stderr
    assert "(12 tasks x 2 seeds x 3 votes)" in done.stdout
    assert "the judge's chance 0.000" in done.stdout or "the judge's chance -0.000" in done.stdout
    assert "the agent's chance 0.12" in done.stdout
    assert "on the same tasks again the rate strays by" in done.stdout


def test_controls_of_the_judge_are_a_flag_each(tmp_path: Path, here: Here) -> None:
    run_of(tmp_path / "run", 2, word="degrees")

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        return said("first" if "The first attempt" in json.dumps(request) else "solved")

    with chat_server(answer) as server:
        options = f"--model m --base-url {server.url} --samples 2"
        for flag, answers, calls in (("--answer-only", True, False), ("--path-only", False, True)):
            before = len(server.requests)
            done = here(f"judge run {options} {flag} --name {flag[2:]}", tmp_path)
            assert "passed 100.0%" in done.stdout, done.stderr
            texts = [json.dumps(one) for one in server.requests[before:]]
            assert len(texts) == 4
            assert all(("degrees" in text) == answers for text in texts)
            assert all(("search_for_weather" in text) == calls for text in texts)
        run_of(tmp_path / "base", 2, word="degree")
        before = len(server.requests)
        pairs = f"judge run --judge win --reference base {options} --path-only --name w"
        assert here(pairs, tmp_path).returncode == 0
        texts = [json.dumps(one) for one in server.requests[before:]]
        assert len(texts) == 4 and not any("degree" in text for text in texts)
        both = here(f"judge run {options} --answer-only --path-only", tmp_path)
    assert both.returncode == 2 and "--path-only" in both.stderr


def test_verdicts_leave_as_their_evaluators_files(tmp_path: Path, here: Here) -> None:
    tasks = [task(str(n)) for n in range(4)]
    written(tmp_path / "run", [attempt(one, f"{one.id} °C") for one in tasks[:3]], tasks)
    run_of(tmp_path / "base", 4, word="degrees")
    with chat_server(by_node(answer="unsure", path="solved", tools="solvable")) as server:
        options = f"--model m --base-url {server.url}"
        for name in ("stabletoolbench", "toolbench", "fac"):
            done = here(
                f"judge run {options} --compatibility {name} --name {name} --export {name}",
                tmp_path,
            )
            assert done.returncode == (name == "fac"), done.stderr  # it names no status word
            assert "exported: " in done.stdout
    with chat_server([said("first")]) as server:
        done = here(
            f"judge run --judge win --reference base --model m --base-url {server.url} "
            "--export pairs --json",
            tmp_path,
        )
    exported = json.loads(done.stdout)["exported"]
    assert exported == [f"pairs/tasks_base_script_react{suffix}" for suffix in (".json", ".csv")]
    solved = read_pass_results(tmp_path / "stabletoolbench/script_react/tasks_script_react.json")
    assert [(one.query_id, list(one.is_solved.values())) for one in solved] == [
        (f"{n}", ["Solved"] * 3) for n in range(3)
    ]
    assert sopr(solved, ["0", "1", "2", "3"]).mean == 0.75
    table = read_pass_table(tmp_path / "stabletoolbench/script_react/tasks_script_react.csv")
    assert [row._replace(model="") for row in table] == solved
    old = read_toolbench_pass_results(tmp_path / "toolbench/tasks_script_react.json")
    assert [(one.passed, one.failed) for one in old] == [(4, 0)] * 3
    assert old[0].about["is_solved"] == "AnswerStatus.Solved"
    rows = read_toolbench_pass_table(tmp_path / "toolbench/tasks_script_react.csv")
    assert [row["pass_rate_label"] for row in rows] == ["passed"] * 3
    fac = read_fac_table(tmp_path / "fac/tasks_script_react.csv")
    assert [row["final_answer"] for row in fac] == ["0 °C", "1 °C", "2 °C"]
    wins = read_preference_results(tmp_path / exported[0])
    assert [one.wins for one in wins if one.query_id == "0"] == [{"base": 2, "script_react": 2}]
    labels = [row["preference_label"] for row in read_preference_table(tmp_path / exported[1])]
    assert labels == ["2", "1"] * 6
