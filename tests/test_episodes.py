"""What happens in an episode, as plain records: messages, responses, branches, trees."""

from __future__ import annotations

import copy
import pickle  # noqa: TID251 -- what we pickled ourselves
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.simulators_by_hand import task
from toolenv.episodes import (
    ROOT,
    Branch,
    Call,
    Episode,
    FunctionCall,
    Message,
    Response,
    Status,
    Step,
    number_in_preorder,
    status_of,
)

TASK = task()
FINISH_CALL = ("Finish", {"return_type": "give_answer", "final_answer": "it"})


def step(parent: int, rank: int = 0, word: str = "", ended: str = "", *calls: Call) -> Step:
    return Step(parent, rank, Message(word), calls, (Response("{}"),) * len(calls), "", 0.5, ended)


def finishing(arguments: Any, invalid: str = "") -> Call:
    return Call("Finish", arguments, None, "", invalid)


# --- responses -----------------------------------------------------------------------------------


def test_a_structured_body_is_rendered_and_read_back() -> None:
    response = Response.of({"n": [1, "é"]}, error="half of it", status=Status.API_ERROR)
    assert response.text == '{"error":"half of it","response":{"n":[1,"é"]}}'
    assert (response.error, response.body) == ("half of it", {"n": [1, "é"]})


@pytest.mark.parametrize("text", ["", "plain", "[1]", '{"error": "cut he', "null"])
def test_a_text_that_is_no_envelope_has_no_body(text: str) -> None:
    assert (Response(text).error, Response(text).body) == ("", None)


def test_an_error_that_is_no_text_is_said_as_json() -> None:
    assert Response('{"error": {"code": 5}, "response": ""}').error == '{"code":5}'


@pytest.mark.parametrize("status", Status)
def test_failures_are_all_but_success_and_answers(status: Status) -> None:
    assert Response("", status).failed == (status not in (Status.OK, Status.ANSWERED))
    assert status_of(int(status)) is status


@pytest.mark.parametrize("code", [-1, 13, 99, 500])
def test_unknown_codes_are_errors_of_the_api(code: int) -> None:
    assert status_of(code) is Status.API_ERROR


def test_toolbenchs_codes_have_their_documented_meaning() -> None:
    documented = {
        0: "OK",
        1: "NO_SUCH_FUNCTION",
        2: "BAD_INPUT",
        3: "ANSWERED",
        4: "GAVE_UP",
        5: "TIMEOUT",
        6: "NOT_FOUND",
        7: "NOT_SUBSCRIBED",
        8: "UNAUTHORISED",
        9: "TOO_MANY_REQUESTS",
        10: "RATE_LIMITED",
        11: "API_ERROR",
        12: "SEND_ERROR",
    }
    assert {code: Status(code).name for code in range(13)} == documented
    assert all(status > 12 for status in Status if status.name not in documented.values())


# --- messages ------------------------------------------------------------------------------------


def test_a_message_in_openais_form() -> None:
    message = Message("So.", (FunctionCall("f", "{}", "1"),), reasoning="secret")
    assert message.as_openai() == {
        "role": "assistant",
        "content": "So.",
        "tool_calls": [
            {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        ],
    }
    assert Message("So.").as_openai() == {"role": "assistant", "content": "So."}


# --- branches ------------------------------------------------------------------------------------


def test_the_empty_path() -> None:
    branch = Branch(TASK, [step(ROOT)], ROOT)
    assert (branch.path(), branch.numbers(), branch.last, branch.ended, branch.answer) == (
        [],
        [],
        None,
        "",
        None,
    )
    assert list(branch.calls()) == []


def test_a_path_among_others() -> None:
    steps = [step(ROOT, 0, "a"), step(ROOT, 1, "b"), step(0, 0, "c"), step(2, 0, "d", "gave_up")]
    branch = Branch(TASK, steps, 3)
    assert branch.numbers() == [0, 2, 3]
    assert [each.message.content for each in branch.path()] == ["a", "c", "d"]
    assert (branch.last, branch.ended, branch.answer) == (steps[3], "gave_up", None)


def test_a_view_of_a_list_that_grows_stays_as_it_is() -> None:
    steps = [step(ROOT)]
    branch = Branch(TASK, steps, 0)
    steps.append(step(0))
    assert branch.path() == steps[:1]


def test_calls_of_a_path_in_order() -> None:
    one, other, third = (Call(name, {}, None, "{}") for name in "abc")
    steps = [step(ROOT, 0, "", "", one, other), step(0, 0, "", "", third)]
    assert [call.function for call, _ in Branch(TASK, steps, 1).calls()] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("calls", "ended", "answer"),
    [
        ([finishing({"final_answer": "it"})], "answer", "it"),
        ([finishing({"final_answer": 7})], "answer", "7"),
        ([finishing({"final_answer": {"a": None}})], "answer", '{"a":null}'),
        ([finishing({})], "answer", ""),
        ([finishing({"final_answer": "it"})], "gave_up", None),
        ([finishing({"final_answer": "it"})], "", None),
        (
            [finishing({"final_answer": "no"}, "bad"), finishing({"final_answer": "it"})],
            "answer",
            "it",
        ),
        ([finishing(None), finishing({"final_answer": "it"})], "answer", "it"),
        ([Call("f", {"final_answer": "no"}, None, "")], "answer", None),
    ],
)
def test_the_answer_of_a_branch(calls: list[Call], ended: str, answer: str | None) -> None:
    assert Branch(TASK, [step(ROOT, 0, "", ended, *calls)], 0).answer == answer


def test_fifty_thousand_steps_are_a_path_like_any_other() -> None:
    steps = [step(number - 1) for number in range(50_000)]
    branch = Branch(TASK, steps, len(steps) - 1)
    assert len(branch.path()) == 50_000
    assert number_in_preorder(steps)[0] == tuple(steps)
    episode = Episode(TASK, tuple(steps), len(steps) - 1)
    assert pickle.loads(pickle.dumps(episode)) == episode  # noqa: S301
    assert copy.deepcopy(episode) == episode


# --- trees ---------------------------------------------------------------------------------------


def test_siblings_are_numbered_by_rank() -> None:
    steps = [step(ROOT, 1, "b"), step(0, 0, "b.a"), step(ROOT, 0, "a"), step(2, 5, "a.f")]
    renumbered, numbers = number_in_preorder(steps)
    assert [each.message.content for each in renumbered] == ["a", "a.f", "b", "b.a"]
    assert [each.parent for each in renumbered] == [ROOT, 0, ROOT, 2]
    assert numbers == {ROOT: ROOT, 0: 2, 1: 3, 2: 0, 3: 1}


def test_no_steps_at_all() -> None:
    assert number_in_preorder([]) == ((), {ROOT: ROOT})
    empty = Episode(TASK, ())
    assert (empty.branches(), empty.answer, empty.children(ROOT)) == ([], None, [])


@given(st.lists(st.integers(0, 30), max_size=30), st.randoms(use_true_random=False))
def test_pre_order_keeps_every_step_after_its_parent(draws: list[int], random: Any) -> None:
    steps: list[Step] = []
    for number, draw in enumerate(draws):
        steps.append(step(draw % (number + 1) - 1, random.randrange(5), f"{number}"))
    renumbered, numbers = number_in_preorder(steps)
    assert len(renumbered) == len(steps)
    for number, each in enumerate(renumbered):
        assert each.parent < number
        before = renumbered[number - 1] if number else None
        assert each.parent == ROOT or before is not None
    episode = Episode(TASK, renumbered)
    ranks = [[renumbered[n].rank for n in episode.children(p)] for p in range(-1, len(steps))]
    assert all(each == sorted(each) for each in ranks)
    for old, each in enumerate(steps):
        assert renumbered[numbers[old]] == each._replace(parent=numbers[each.parent])


def test_branches_are_the_leaves_in_order() -> None:
    steps = (step(ROOT), step(0), step(0, 1), step(2), step(ROOT, 1))
    assert [branch.at for branch in Episode(TASK, steps).branches()] == [1, 3, 4]
