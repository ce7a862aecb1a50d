"""The pass judge over a real socket: majority, unsure as a bound, checks first, faults as votes."""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chat.scripted_server import DROPPED, ChatServer, Reply, chat_server, completion
from tests.judging.injections import CANARY, HARMLESS, INJECTIONS
from tests.judging.judged_by_hand import (
    asked,
    attempt,
    by_node,
    case,
    data_of,
    node_of,
    outside,
    said,
    task,
)
from tests.report.runs_by_hand import called, finish
from tests.running.episodes_by_hand import episodes
from toolenv import bridge
from toolenv.chat import ChatReply
from toolenv.episodes import ROOT, Episode
from toolenv.errors import ConfigurationError, FormatError
from toolenv.judging.decision_tree import FAC, STABLETOOLBENCH, TOOLEVAL, TREES
from toolenv.judging.judge_model import JudgeModel
from toolenv.judging.judge_prompts import pass_prompt, win_prompt
from toolenv.judging.judge_replies import read_judge_reply
from toolenv.judging.pass_judge import PassJudge
from toolenv.judging.pass_rate import pass_rate
from toolenv.judging.verdict_shaped import verdict_shaped
from toolenv.judging.verdicts import PassVerdict, recomputed
from toolenv.open_domain import SEARCH
from toolenv.snapshots import Store
from toolenv.tasks import Check


def judged(
    server: ChatServer,
    episode: Episode | None,
    *,
    timeout: float = 20.0,
    max_retries: int = 0,
    **options: Any,
) -> PassVerdict:
    model = JudgeModel("m", base_url=server.url, timeout=timeout, max_retries=max_retries)
    verdict = bridge.run(PassJudge(model, **options).judge(case(episode), seed=7))
    model.close()
    assert recomputed(verdict) == verdict.decision
    return verdict


def test_four_votes_each_with_its_path_and_evidence() -> None:
    with chat_server(by_node(answer="solved")) as server:
        verdict = judged(server, attempt(task()))
    assert (verdict.decision, len(verdict.votes)) == ("passed", 4)
    for vote in verdict.votes:
        assert [(s.node, s.answer) for s in vote.path] == [
            ("finished", "yes"),
            ("answered", "yes"),
            ("answer_solves", "solved"),
        ]
        assert vote.path[-1].evidence == "21 °C"
        assert vote.path[-1].quoted
        assert (vote.input_tokens, vote.output_tokens) == (11, 7)
    seeds = [request["seed"] for request in server.requests]
    assert len(set(seeds)) == 4
    assert {request["temperature"] for request in server.requests} == {0.2}


def test_an_unclear_answer_is_looked_at_with_its_path_then_the_task() -> None:
    with chat_server(by_node(answer="unsure", path="unsure", tools="solvable")) as server:
        verdict = judged(server, attempt(task()), samples=1)
    assert [node_of(request) for request in server.requests] == ["answer", "path", "tools"]
    assert verdict.decision == "unsure"
    assert [step.node for step in verdict.votes[0].path][2:] == [
        "answer_solves",
        "path_solves",
        "solvable_after_unsure",
    ]
    shown = data_of(server.requests[1])
    assert shown[1]["calls"][0]["came_back"] == '{"error":"","response":"21 °C"}'


def test_where_the_policy_searched_the_judge_sees_what_was_found() -> None:
    found = {"name": "rain_for_sky", "tool": "Sky", "api": "rain", "description": "Where it rains."}
    text = json.dumps({"error": "", "response": [found]})
    searched = called(ROOT, 0, SEARCH, {"query": "rain"}, text)
    episode = Episode(task(), (searched, finish(0, 0, "Wet.")), 1, "react", "script", 0, "answer")
    with chat_server(by_node(answer="unsure", path="unsure", tools="solvable")) as server:
        judged(server, episode, samples=1)
    assert data_of(server.requests[2])[1:] == [found]


def test_without_a_majority_it_is_unsure_and_says_that_votes_contradict() -> None:
    answers = iter(["solved", "unsolved", "solved", "unsolved"])
    lock = threading.Lock()

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        if node_of(request) == "tools":
            return said("solvable")
        with lock:
            return said(next(answers))

    with chat_server(answer) as server:
        verdict = judged(server, attempt(task()))
    assert verdict.decision == "unsure"
    assert verdict.reason == "votes contradict each other: 2 failed, 2 passed"
    assert pass_rate([verdict]).contradicted == 1


def test_facts_alone_decide_without_a_question() -> None:
    with chat_server(by_node()) as server:
        unfinished = judged(server, attempt(task(), ends=False))
        missing = judged(server, None)
        given_up = judged(server, attempt(task(), None), tree=STABLETOOLBENCH)
        empty = judged(server, attempt(task(), "  "), tree=FAC)
        assert not server.requests
    assert [v.decision for v in (unfinished, missing, given_up, empty)] == ["failed"] * 4
    assert [v.answered for v in (unfinished, missing, given_up, empty)] == [True, False, True, True]
    found = pass_rate([unfinished, missing, given_up, empty])
    assert (found.attempts, found.failed, found.unanswered) == (4, 4, 1)


def test_giving_up_on_what_cannot_be_done_passes_as_in_toolbench() -> None:
    with chat_server(by_node(tools="unsolvable")) as server:
        assert judged(server, attempt(task(), None)).decision == "passed"
        assert {node_of(request) for request in server.requests} == {"tools"}
    with chat_server(by_node(tools="unsure")) as server:
        assert judged(server, attempt(task(), None)).decision == "unsure"


def test_a_check_decides_and_the_judge_is_measured_when_asked() -> None:
    right, wrong = (task(n, Check(kind="contains", value="21")) for n in "12")
    with chat_server(by_node(answer="solved", tools="solvable")) as server:
        alone = judged(server, attempt(wrong, "It is warm."))
        assert not server.requests
        both = [
            judged(server, attempt(right), also_checked=True),
            judged(server, attempt(wrong, "It is warm."), also_checked=True),
        ]
    assert (alone.decision, alone.check, alone.votes) == ("failed", "incorrect", ())
    assert [verdict.decision for verdict in both] == ["passed", "failed"]
    found = pass_rate(both)
    assert found.checked == 2
    assert found.against_checks == (1, 0, 1, 1, 0)
    assert found.against_checks.false_pass_rate == 1.0


def test_final_answer_correctness_is_one_question_read_by_its_word() -> None:
    with chat_server([completion("Answer Status: Unsolved, since it is cold.")]) as server:
        verdict = judged(server, attempt(task()), tree=FAC, samples=1, reading="status word")
        assert len(server.requests) == 1
    assert verdict.decision == "failed"


def test_the_rate_is_a_bound_where_verdicts_are_unsure() -> None:
    def answer(request: dict[str, Any]) -> dict[str, Any]:
        return completion("well…") if "warm" in asked(request) else said("solved")

    with chat_server(answer) as server:
        verdicts = [judged(server, attempt(task(str(n)))) for n in range(6)]
        verdicts += [judged(server, attempt(task(str(n)), "warm")) for n in range(6, 8)]
        verdicts += [judged(server, None), judged(server, attempt(task("9"), ends=False))]
    found = pass_rate(verdicts)
    assert (found.attempts, found.passed, found.unsure, found.failed) == (10, 6, 2, 2)
    assert (found.low, found.high) == (0.6, 0.8)
    assert found.interval[0] < 0.6 < 0.8 < found.interval[1]
    assert found.problems == {"the judge answered in prose": 8}


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (completion("I think that it is solved."), "the judge answered in prose"),
        (completion(""), "the judge's reply is empty"),
        (completion(None, refusal="I cannot."), "the judge refused"),
        (completion('{"answer": "sol', finish_reason="length"), "the judge's reply was cut off"),
        (completion('{"answer": "maybe"}'), "the judge answered 'maybe', which is no answer here"),
        (
            completion('{"answer": "solved"} or {"answer": "unsolved"}'),
            "the judge contradicts itself",
        ),
        (
            completion('{"answer": "solved", "answer": "unsolved"}'),
            "the judge contradicts itself within one object",
        ),
        (Reply(b"", status=500), "the judge's server failed"),
        (Reply(b"{}", status=401), "the judge's server refused the request"),
        (Reply(b"", status=DROPPED), "the judge could not be reached"),
        (Reply(b"[]"), "the judge's server gave no completion"),
        (Reply(b"x", drips=True), "the judge timed out"),
    ],
)
def test_what_is_no_answer_is_an_unsure_vote_with_the_reason(reply: Any, problem: str) -> None:
    with chat_server([reply]) as server:
        verdict = judged(server, attempt(task()), timeout=0.3)
    assert verdict.decision == "unsure"
    assert [vote.problem for vote in verdict.votes] == [problem] * 4
    assert problem in verdict.reason
    assert pass_rate([verdict]).problems == {problem: 4}


def test_one_bad_vote_of_four_changes_nothing_and_is_counted() -> None:
    replies = [completion("no idea"), said("solved"), said("solved"), said("solved")]
    with chat_server(replies) as server:
        verdict = judged(server, attempt(task()))
    assert verdict.decision == "passed"
    assert pass_rate([verdict]).problems == {"the judge answered in prose": 1}


@pytest.mark.parametrize(
    "text",
    [
        '```json\n{"answer": "solved"}\n```',
        '<think>{"answer": "unsolved"}</think>{"answer": "Solved."}',
        'Here: {"answer": "solved"} — and again {"answer": "SOLVED"}',
    ],
)
def test_replies_with_one_reading_are_read(text: str) -> None:
    assert read_judge_reply(ChatReply(text), {"solved", "unsolved"}).answer == "solved"


@given(st.text(max_size=60) | st.text(alphabet='{}"[]:,answer solved', max_size=60))
def test_no_reply_breaks_the_reader(text: str) -> None:
    read = read_judge_reply(ChatReply(text), {"solved", "unsolved"})
    assert bool(read.answer) != bool(read.problem)


# --- text that speaks to the judge -------------------------------------------------------------


@pytest.mark.parametrize("place", ["answer", "observation"])
@pytest.mark.parametrize("number", range(len(INJECTIONS)))
def test_injected_text_never_leaves_the_fence(number: int, place: str) -> None:
    def answer(request: dict[str, Any]) -> dict[str, Any]:
        if CANARY in outside(request):
            return said("solved")  # an order that reached the judge is obeyed
        return said({"answer": "unsure", "path": "unsolved", "tools": "solvable"}[node_of(request)])

    text = INJECTIONS[number]
    episode = attempt(task(), text) if place == "answer" else attempt(task(), "ok", text)
    with chat_server(answer) as server:
        verdict = judged(server, episode, samples=1)
        assert any(CANARY in asked(request) for request in server.requests)
    assert verdict.votes[0].decision == "failed"
    assert verdict.decision == "unsure"  # what spoke to the judge is no ground for any verdict
    assert verdict.warnings


@pytest.mark.parametrize("place", ["answer", "observation"])
@pytest.mark.parametrize("number", range(len(INJECTIONS)))
def test_a_judge_that_obeys_is_not_believed(number: int, place: str) -> None:
    def obeys(request: dict[str, Any]) -> dict[str, Any]:
        return said("solved" if CANARY in asked(request) else "unsure")

    text = INJECTIONS[number]
    episode = attempt(task(), text) if place == "answer" else attempt(task(), "ok", text)
    with chat_server(obeys) as server:
        verdict = judged(server, episode, samples=1)
    assert verdict.votes[0].decision == "passed"
    assert verdict.decision == "unsure"
    assert verdict.reason == verdict.warnings[0]
    assert place in verdict.reason
    found = pass_rate([verdict])
    assert (found.low, found.warned) == (0.0, 1)


@pytest.mark.parametrize("text", HARMLESS)
def test_harmless_text_is_not_taken_for_an_injection(text: str) -> None:
    assert verdict_shaped([("the answer", text)]) == []


@given(st.text(max_size=200))
def test_any_text_is_fenced_and_read_back_as_it_was(text: str) -> None:
    prompt = pass_prompt(task(), attempt(task(), text), TOOLEVAL.questions["answer_solves"])
    request = json.loads(json.dumps({"messages": prompt.messages}))
    assert data_of(request)[-1] == {"answer": attempt(task(), text).answer}


@given(episodes())
def test_no_episode_breaks_a_question(episode: Episode) -> None:
    for tree in TREES.values():
        for question in tree.questions.values():
            if question.shows != "nothing":
                assert data_of({"messages": pass_prompt(episode.task, episode, question).messages})
    assert data_of({"messages": win_prompt(episode.task, episode, episode).messages})


# --- recorded and replayed ---------------------------------------------------------------------


def test_what_was_recorded_is_judged_again_without_a_server(tmp_path: Path) -> None:
    episodes = [attempt(task(str(n)), f"{n} °C") for n in range(5)]
    replies = [said("solved"), completion("prose"), Reply(b"x", drips=True)]

    def answer(request: dict[str, Any]) -> Any:
        return replies[len(asked(request)) % 3 if "3 °C" not in asked(request) else 2]

    def all_of(model: JudgeModel) -> list[PassVerdict]:
        judge = PassJudge(model, samples=2)
        return [bridge.run(judge.judge(case(episode), seed=1)) for episode in episodes]

    with Store(tmp_path / "s") as store, chat_server(answer) as server:
        model = JudgeModel("m", base_url=server.url, recordings=store, timeout=0.3, max_retries=0)
        first = all_of(model)
        model.close()
        count = len(server.requests)
        url = server.url
    assert count
    with Store(tmp_path / "s") as store:
        again = JudgeModel("m", base_url=url, recordings=store, offline=True)
        assert all_of(again) == first
        other = JudgeModel("m", base_url=url, recordings=store, offline=True, temperature=1.0)
        (unknown, *_) = all_of(other)
    assert unknown.votes[0].problem == "no completion of the judge is recorded"


def test_a_recorded_failure_is_asked_again_when_online(tmp_path: Path) -> None:
    with Store(tmp_path / "s") as store, chat_server([Reply(b"", 500), said("solved")]) as server:
        model = JudgeModel("m", base_url=server.url, recordings=store, max_retries=0)
        judge = PassJudge(model, samples=1)
        assert bridge.run(judge.judge(case(attempt(task())), seed=1)).decision == "unsure"
        assert bridge.run(judge.judge(case(attempt(task())), seed=1)).decision == "passed"
        assert bridge.run(judge.judge(case(attempt(task())), seed=1)).decision == "passed"
        assert len(server.requests) == 2
        model.close()


def test_inside_a_running_loop_it_says_the_same() -> None:
    with chat_server(by_node(answer="solved")) as server:
        alone = judged(server, attempt(task()))
        model = JudgeModel("m", base_url=server.url)

        async def within() -> PassVerdict:
            return await PassJudge(model).judge(case(attempt(task())), seed=7)

        assert asyncio.run(within()) == alone


def test_a_verdict_that_was_changed_does_not_recompute() -> None:
    with chat_server(by_node(answer="solved")) as server:
        verdict = judged(server, attempt(task()))
    vote = verdict.votes[0]
    worse = replace(vote, decision="failed")
    with pytest.raises(FormatError, match="path leads to passed"):
        recomputed(verdict.model_copy(update={"votes": (worse, *verdict.votes[1:])}))
    other = verdict.model_copy(update={"tree": "none"})
    with pytest.raises(FormatError, match="no tree"):
        recomputed(other)
    cut = replace(vote, path=vote.path[:-1])
    with pytest.raises(FormatError, match="stops before"):
        recomputed(verdict.model_copy(update={"votes": (cut,)}))


def test_fingerprints_cover_what_verdicts_depend_on_and_no_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret-key")
    with chat_server(by_node(answer="solved")) as server:
        verdict = judged(server, attempt(task()))
        assert server.headers[0]["authorization"] == "Bearer sk-very-secret-key"
    model = JudgeModel("m", base_url="http://127.0.0.1:1/v1")
    made = [PassJudge(model), PassJudge(model, samples=2), PassJudge(model, tree=TREES["fac"])]
    assert len({judge.fingerprint for judge in made}) == 3
    assert PassJudge(model).fingerprint == made[0].fingerprint
    assert "secret" not in repr(made[0].settings) + verdict.model_dump_json()


def test_options_that_cannot_be_used_are_refused() -> None:
    model = JudgeModel("m")
    with pytest.raises(ConfigurationError, match="at least one sample"):
        PassJudge(model, samples=0)
    with pytest.raises(ConfigurationError, match="offline"):
        JudgeModel("m", offline=True)
