"""Judging a run: the test set is the denominator, sets stand beside it, judging replays."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.chat.scripted_server import Reply, chat_server
from tests.judging.judged_by_hand import asked, attempt, by_node, data_of, said, task
from tests.running.answering_server import answering_server, port_of
from tests.running.judged_runs import run_of, written
from toolenv.errors import ConfigurationError, JournalError
from toolenv.judging.judge_model import JudgeModel
from toolenv.judging.pass_judge import PassJudge
from toolenv.judging.pass_rate import pass_rate
from toolenv.judging.verdicts import PassVerdict, WinVerdict, recomputed
from toolenv.judging.win_judge import WinJudge
from toolenv.running.folder import RunFolder
from toolenv.running.judging import attempts, judge_run, references_of
from toolenv.running.verdict_sets import VerdictManifest, VerdictSet, verdict_sets
from toolenv.snapshots import Store


def test_what_was_never_answered_is_a_failed_attempt(tmp_path: Path) -> None:
    tasks = [task(str(n)) for n in range(10)]
    done = [attempt(tasks[n]) for n in range(6)]
    run = written(tmp_path / "run", done, tasks)
    with chat_server(by_node(answer="solved")) as server:
        judge = PassJudge(JudgeModel("m", base_url=server.url), samples=1)
        found = judge_run(run, judge, "one").read()
        judge.close()
    rate = pass_rate(one for one in found if isinstance(one, PassVerdict))
    assert (rate.attempts, rate.passed, rate.failed, rate.unanswered) == (10, 6, 4, 4)
    assert rate.low == 0.6


def test_a_seed_that_never_ran_is_in_the_denominator(tmp_path: Path) -> None:
    with RunFolder.create(tmp_path / "r", [task("1")], configuration={"seeds": [0, 1]}) as run:
        run.journal.write(attempt(task("1")))
    assert [key.seed for key in attempts(RunFolder.open(tmp_path / "r"))] == [0, 1]


def test_verdicts_are_the_same_bytes_whatever_the_order_of_completion(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", 12)
    lock, held = threading.Lock(), Counter[str]()

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        with lock:
            held["now"] += 1
            held["most"] = max(held["most"], held["now"])
        threading.Event().wait(0.001 * (len(server.requests) % 5))
        with lock:
            held["now"] -= 1
        return said("solved" if "3 °C" not in asked(request) else "unsure")

    bodies = []
    with chat_server(answer) as server:
        for name, concurrency in (("a", 1), ("b", 8)):
            model = JudgeModel("m", base_url=server.url, in_flight=concurrency)
            found = judge_run(run, PassJudge(model), name, concurrency=concurrency, seed=3)
            bodies.append(found.path.read_bytes())
            model.close()
            assert held["most"] <= concurrency
    assert bodies[0] == bodies[1]
    assert len(bodies[0].splitlines()) == 12


def test_several_sets_stand_beside_a_run_and_say_who_judged(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run")
    with chat_server(by_node(answer="solved", tools="solvable")) as server:
        for samples in (1, 2):
            judge = PassJudge(JudgeModel("m", base_url=server.url), samples=samples)
            judge_run(run, judge, f"votes-{samples}")
            again = judge_run(run, judge, f"votes-{samples}")  # the same judge may
            judge.close()
        with pytest.raises(ConfigurationError, match="another judge"):
            judge_run(run, judge, "votes-1")
        judge_run(run, judge, "votes-1", replace=True)
    sets = verdict_sets(run.path)
    assert list(sets) == ["votes-1", "votes-2"]
    assert sets["votes-2"].judge == judge.fingerprint
    assert sets["votes-2"].settings["model"] == "m"
    assert sets["votes-2"].counts == {"verdicts": 6, "passed": 6}
    assert again.manifest() == sets["votes-2"]
    for verdict in again.read():
        assert recomputed(verdict) == verdict.decision


def test_judging_replays_without_a_server_to_the_byte(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run")
    replies: list[Any] = [said("solved"), Reply(b"", 500), said("unsolved"), said("unsure")]

    def answer(request: dict[str, Any]) -> Any:
        return replies[(request["seed"] >> 3) % 4]

    with chat_server(answer) as server, Store(tmp_path / "s") as store:
        url = server.url
        model = JudgeModel("m", base_url=url, recordings=store, max_retries=0)
        first = judge_run(run, PassJudge(model), "first").path.read_bytes()
        model.close()
    with Store(tmp_path / "s") as store:
        model = JudgeModel("m", base_url=url, recordings=store, offline=True)
        again = judge_run(run, PassJudge(model), "again").path.read_bytes()
    assert first == again
    assert b"the judge's server failed" in first


def test_what_a_crash_left_is_not_asked_again(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", 8)
    seen: Counter[int] = Counter()
    lock = threading.Lock()

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        with lock:
            seen[request["seed"]] += 1
        return said("solved")

    class Stop(Exception):
        pass

    def crash(done: int, total: int) -> None:
        if done == 3:
            raise Stop

    with chat_server(answer) as server, Store(tmp_path / "s") as store:
        model = JudgeModel("m", base_url=server.url, recordings=store)
        judge = PassJudge(model, samples=2)
        with pytest.raises(BaseExceptionGroup) as stopped:
            judge_run(run, judge, "one", concurrency=1, report=crash)
        assert stopped.group_contains(Stop)
        assert not VerdictSet(run.path, "one")
        judge_run(run, judge, "one", concurrency=1)
        model.close()
    assert len(seen) == 16
    assert set(seen.values()) == {1}


def test_a_judge_server_that_is_killed_and_comes_back_loses_no_vote_and_is_asked_none_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    run = run_of(tmp_path / "run", 60)
    log = tmp_path / "log"
    with (
        answering_server(log, reply=said("solved")) as (server, url),
        Store(tmp_path / "s") as kept,
    ):
        model = JudgeModel("m", base_url=url, recordings=kept, max_retries=0)

        def kill_in_the_middle(done: int, total: int) -> None:
            if done == 20:
                server.kill()

        judge = PassJudge(model, samples=1)
        first = judge_run(run, judge, "one", concurrency=4, report=kill_in_the_middle).read()
        model.close()
    broken = sum(verdict.decision == "unsure" for verdict in first)
    assert len(first) == 60, "every attempt has a verdict"
    assert 60 - 20 - 4 <= broken <= 60 - 20
    log.unlink()
    with answering_server(log, port_of(url), said("solved")), Store(tmp_path / "s") as kept:
        model = JudgeModel("m", base_url=url, recordings=kept, max_retries=0)
        again = judge_run(run, PassJudge(model, samples=1), "one", replace=True).read()
        model.close()
    assert len(log.read_bytes()) == broken, "each that is lacking is asked for once, no other is"
    assert {verdict.decision for verdict in again} == {"passed"}
    assert len(again) == 60


def test_any_run_is_a_reference_and_several_at_once(tmp_path: Path) -> None:
    mine = run_of(tmp_path / "mine", word="°C, mine")
    others = [run_of(tmp_path / name, 5, word=f"°C, {name}") for name in ("good", "bad")]
    worth = {"bad": 0, "mine": 1, "good": 2}

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        first, second = (
            one["answer"].split(", ")[1] for one in data_of(request) if "answer" in one
        )
        return said("first" if worth[first] > worth[second] else "second")

    with chat_server(answer) as server:
        judge = WinJudge(JudgeModel("m", base_url=server.url), samples=2)
        references = [one for other in others for one in references_of(other)]
        found = judge_run(mine, judge, "win", references=references)
        judge.close()
    verdicts = [one for one in found.read() if isinstance(one, WinVerdict)]
    assert Counter((v.reference, v.decision, v.rule) for v in verdicts) == {
        ("bad", "candidate", ""): 5,
        ("good", "reference", ""): 5,
        ("bad", "candidate", "answer"): 1,  # the sixth task has no attempt there
        ("good", "candidate", "answer"): 1,
    }
    assert set(found.manifest().references) == {"bad", "good"}


def test_within_one_run_agents_are_compared_but_not_with_themselves(tmp_path: Path) -> None:
    episodes = [
        attempt(task(str(n)), f"{n} {policy}", policy=policy) for n in range(3) for policy in "ab"
    ]
    run = written(tmp_path / "run", episodes)
    names = [one.name for one in references_of(run)]
    assert names == ["run: react a", "run: react b"]
    told: list[tuple[int, int]] = []
    with chat_server([said("tie")]) as server:
        judge = WinJudge(JudgeModel("m", base_url=server.url), samples=2)
        found = judge_run(
            run,
            judge,
            "win",
            references=references_of(run),
            report=lambda done, total: told.append((done, total)),
        )
        judge.close()
    assert {(v.policy, getattr(v, "reference", "")) for v in found.read()} == {
        ("a", names[1]),
        ("b", names[0]),
    }
    assert told[-1] == (6, 6)


def test_damaged_or_missing_sets_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot name"):
        VerdictSet(tmp_path, "../x")
    with pytest.raises(JournalError, match="no such set"):
        VerdictSet.of(tmp_path, "x")
    made = VerdictSet(tmp_path, "x")
    made.write([PassVerdict(task="1", decision="failed", tree="fac")], VerdictManifest())
    assert VerdictSet.of(tmp_path, "x").read()[0].task == "1"
    odd = PassVerdict(task="half a character: \ud800", decision="failed", tree="fac")
    made.write([odd], VerdictManifest())
    assert made.read() == [odd]
    made.path.write_text('{"kind":"pass"}\n')
    with pytest.raises(JournalError, match=r"x\.jsonl:1"):
        made.read()
    made.write([], VerdictManifest(version=99))
    with pytest.raises(JournalError, match="Upgrade"):
        made.manifest()
    empty = written(tmp_path / "run", [], [task()])
    with pytest.raises(ConfigurationError, match="no attempts"):
        judge_run(empty, PassJudge(JudgeModel("m")), "x")
