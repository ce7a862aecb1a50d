"""The keyword policy: deterministic, better than nothing, and better with a search."""

from __future__ import annotations

import inspect

import pytest

from tests.mini.driving import search
from toolenv import bridge
from toolenv.agents.base import Policy
from toolenv.checks import apply_check
from toolenv.conversations import opening
from toolenv.mini import KeywordPolicy, mini_tasks, policy, reading
from toolenv.mini.reading import fill, words

TASKS = mini_tasks()


def passed(breadth: int, seed: int = 0) -> set[str]:
    branches = {task.id: search(task, breadth, seed) for task in TASKS}
    return {
        task.id
        for task in TASKS
        if apply_check(task.check, branches[task.id]).decision == "correct"
    }


def test_a_search_passes_more_than_a_single_attempt() -> None:
    single, searched = passed(breadth=1), passed(breadth=2)
    assert 0.4 <= len(single) / len(TASKS) <= 0.7
    assert len(searched) >= len(single) + 4
    assert len(searched) < len(TASKS)


def test_it_keeps_the_contract() -> None:
    keyword: Policy = KeywordPolicy()
    assert isinstance(keyword, Policy)
    assert keyword.fingerprint == KeywordPolicy().fingerprint


def test_equal_conversations_get_equal_messages() -> None:
    for task in TASKS:
        messages = opening(task.instruction)
        first = bridge.run(KeywordPolicy()(messages, task.functions, seed=3))
        assert first == bridge.run(KeywordPolicy()(messages, task.functions, seed=3))
        assert len(first.calls) == 1


def test_what_was_tried_is_avoided() -> None:
    task = next(task for task in TASKS if task.id == "I1-inst-4")
    messages = opening(task.instruction)
    first = bridge.run(KeywordPolicy()(messages, task.functions, seed=0)).calls[0]
    messages.append({"role": "user", "content": f"You tried {first.name}. Do something else."})
    second = bridge.run(KeywordPolicy()(messages, task.functions, seed=0)).calls[0]
    assert first.name == "convert_for_rateboard"
    assert second.name == "convert_currency_for_fxhub"


def test_it_gives_up_where_nothing_is_about_the_request() -> None:
    message = bridge.run(KeywordPolicy()(opening("Sing!"), TASKS[0].functions, seed=0))
    assert "give_up_and_restart" in message.calls[0].arguments


def test_it_never_looks_at_solutions_or_checks() -> None:
    for module in (policy, reading):
        source = inspect.getsource(module)
        assert "toolenv.mini.tasks" not in source
        assert "toolenv.mini.world" not in source
        assert "toolenv.checks" not in source


@pytest.mark.parametrize(
    ("name", "kind", "clause", "value"),
    [
        ("city", "string", "What is the weather in Lima?", "Lima"),
        ("hotel_id", "string", "Book the hotel H212 for 3 nights", "H212"),
        ("nights", "integer", "Book the hotel H212 for 3 nights", 3),
        ("target", "string", "from EUR to NOK", "NOK"),
        ("max_price", "number", "in Seoul for at most 100 euros", 100),
        ("guest", "string", "for the guest Jonas Berg.", "Jonas Berg"),
        ("name", "string", 'the artist "Mira Solano"', "Mira Solano"),
    ],
)
def test_parameters_are_filled_from_words(name: str, kind: str, clause: str, value: object) -> None:
    schema = {"properties": {name: {"type": kind}}, "required": [name]}
    assert fill(schema, clause, clause, ()) == ({name: value}, [])


def test_identifiers_come_from_the_record_that_is_spoken_of() -> None:
    schema = {"properties": {"artist_id": {"type": "string"}}, "required": ["artist_id"]}
    records = {"artists": [{"artist_id": "A", "name": "One"}, {"artist_id": "B", "name": "Two"}]}
    arguments, missing = fill(schema, "songs of Two", "songs of Two", [records])  # type: ignore[list-item]
    assert (arguments, missing) == ({"artist_id": "B"}, [])
    assert fill(schema, "songs", "songs", ()) == ({}, ["artist_id"])


def test_words_that_say_nothing_are_left_out() -> None:
    assert words("What are the latest_prices of my glass?") == ["latest", "price", "glass"]
