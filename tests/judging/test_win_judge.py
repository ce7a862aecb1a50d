"""The win judge over a real socket: both orders, ties as ties, biases that show."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.chat.scripted_server import ChatServer, Reply, chat_server, completion
from tests.judging.injections import CANARY, INJECTIONS
from tests.judging.judged_by_hand import asked, attempt, case, data_of, said, task
from toolenv import bridge
from toolenv.episodes import Episode
from toolenv.errors import ConfigurationError
from toolenv.judging.judge_model import JudgeModel
from toolenv.judging.verdicts import WinVerdict, recomputed
from toolenv.judging.win_judge import WinJudge
from toolenv.judging.win_rate import comparisons, win_rate
from toolenv.tasks import Check


def judged(
    server: ChatServer, candidate: Episode | None, reference: Episode | None, **options: Any
) -> WinVerdict:
    model = JudgeModel("m", base_url=server.url, max_retries=0)
    pair = case(candidate, reference=reference, reference_name="base")
    verdict = bridge.run(WinJudge(model, **options).judge(pair, seed=7))
    model.close()
    assert recomputed(verdict) == verdict.decision
    return verdict


def answers(request: dict[str, Any]) -> list[str]:
    """What is shown first and second."""
    return [one["answer"] for one in data_of(request) if "answer" in one]


def pairs(count: int) -> list[tuple[Episode, Episode]]:
    return [
        (attempt(task(str(n)), f"{n} °C, mine"), attempt(task(str(n)), f"{n} °C, theirs"))
        for n in range(count)
    ]


def prefers(better: Callable[[str, str], bool]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def answer(request: dict[str, Any]) -> dict[str, Any]:
        first, second = answers(request)
        return said("first" if better(first, second) else "second")

    return answer


def test_both_orders_are_shown_equally_often_and_stored() -> None:
    with chat_server(prefers(lambda first, _: "mine" in first)) as server:
        verdict = judged(server, *pairs(1)[0])
    assert verdict.decision == "candidate"
    assert [vote.shown[0] for vote in verdict.votes] == ["candidate", "reference"] * 2
    assert [vote.choice for vote in verdict.votes] == ["first", "second"] * 2
    shown = sorted(tuple("mine" in one for one in answers(r)) for r in server.requests)
    assert shown == [(False, True), (False, True), (True, False), (True, False)]
    assert len({request["seed"] for request in server.requests}) == 2  # one for each pair of orders


def test_an_always_first_judge_scores_one_half_and_is_flagged() -> None:
    with chat_server([said("first")]) as server:
        found = win_rate([judged(server, *pair) for pair in pairs(8)])
    assert (found.low, found.high, found.ties) == (0.5, 0.5, 8)
    assert found.flip_rate.value == 1.0
    assert found.first_rate.value == 1.0
    assert found.position_biased


def test_a_fair_judge_is_not_flagged() -> None:
    with chat_server(prefers(lambda first, second: "mine" in first)) as server:
        found = win_rate([judged(server, *pair) for pair in pairs(8)])
    assert (found.low, found.wins) == (1.0, 8)
    assert (found.flip_rate.value, found.first_rate.value) == (0.0, 0.5)
    assert not found.position_biased


def test_ties_count_one_half() -> None:
    def answer(request: dict[str, Any]) -> dict[str, Any]:
        tied = "0 °C" in asked(request)
        return said("tie") if tied else prefers(lambda first, _: "mine" in first)(request)

    with chat_server(answer) as server:
        found = win_rate([judged(server, *pair) for pair in pairs(2)])
    assert (found.ties, found.wins, found.low) == (1, 1, 0.75)


def test_what_needs_no_judge_asks_none() -> None:
    definite = task("1", Check(kind="contains", value="21"))
    right, wrong = attempt(definite), attempt(definite, "cold")
    plain = attempt(task())
    silent = attempt(task(), None)
    passed = {("", "1", "react", "script", 0): "passed", ("base", "1", "react", "b", 0): "failed"}
    with chat_server([said("first")]) as server:
        found = [
            judged(server, plain, None),
            judged(server, None, plain),
            judged(server, None, None),
            judged(server, silent, plain),
            judged(server, right, wrong),
            judged(server, wrong, right),
            judged(server, plain, attempt(task())),
            judged(server, plain, attempt(task(), "cold", policy="b"), passed=passed),
        ]
        assert not server.requests
    assert [(verdict.decision, verdict.rule) for verdict in found] == [
        ("candidate", "answer"),
        ("reference", "answer"),
        ("tie", "answer"),
        ("reference", "answer"),
        ("candidate", "check"),
        ("reference", "check"),
        ("tie", "equal"),
        ("candidate", "pass"),
    ]
    assert win_rate(found).by_rule == {"answer": 4, "check": 2, "equal": 1, "pass": 1}


def test_a_judge_that_says_nothing_leaves_a_bound() -> None:
    def answer(request: dict[str, Any]) -> Any:
        if "0 °C" in asked(request):
            return Reply(b"", 500)
        return prefers(lambda first, _: "mine" in first)(request)

    with chat_server(answer) as server:
        found = win_rate([judged(server, *pair) for pair in pairs(4)])
    assert (found.wins, found.unsure) == (3, 1)
    assert (found.low, found.high) == (0.75, 1.0)
    assert found.problems == {"the judge's server failed": 4}


def test_prose_in_one_order_alone_does_not_let_the_other_win() -> None:
    def answer(request: dict[str, Any]) -> dict[str, Any]:
        return said("first") if "mine" in answers(request)[0] else completion("hm")

    with chat_server(answer) as server:
        assert judged(server, *pairs(1)[0]).decision == "unsure"


@pytest.mark.parametrize("text", INJECTIONS)
def test_an_answer_that_speaks_to_the_judge_does_not_win(text: str) -> None:
    def obeys(request: dict[str, Any]) -> dict[str, Any]:
        return said("first" if CANARY in answers(request)[0] else "second")

    with chat_server(obeys) as server:
        verdict = judged(server, attempt(task(), text), attempt(task(), "21 °C"), samples=2)
    assert [vote.winner for vote in verdict.votes] == ["candidate"] * 2
    assert verdict.decision == "unsure"
    assert win_rate([verdict]).warned == 1


def test_a_judge_that_likes_length_is_seen_through() -> None:
    draw = random.Random(3)
    tasks = [task(str(n)) for n in range(60)]
    longer = prefers(lambda first, second: len(first) > len(second))
    with chat_server(longer) as server:
        found = [
            judged(
                server,
                attempt(one, "good " * draw.randint(20, 60)),
                attempt(one, "fine " * draw.randint(10, 40)),
                samples=2,
            )
            for one in tasks
        ]
    rate = win_rate(found)
    assert rate.low > 0.7
    assert rate.length_controlled.slope.low > 0
    assert rate.length_controlled.rate.low < 0.5 < rate.length_controlled.rate.high


def test_verdicts_on_several_references_become_comparisons() -> None:
    with chat_server([said("tie")]) as server:
        verdict = judged(server, *pairs(1)[0])
    assert comparisons([verdict]) == [("0", "react script", "base", 0.5)]


def test_an_odd_number_of_votes_cannot_be_balanced() -> None:
    for samples in (0, 3):
        with pytest.raises(ConfigurationError, match="even"):
            WinJudge(JudgeModel("m"), samples=samples)
