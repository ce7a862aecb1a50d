"""What differs between two attempts at an episode is named to the field."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings

from tests.running.episodes_by_hand import episodes
from toolenv.episodes import Episode, Message, Response, Step
from toolenv.running.episode_differences import episode_differences
from toolenv.tasks import Task

TASK = Task(id="t1", instruction="?")


def step(parent: int, text: str = "hm", rank: int = 0, **changes: object) -> Step:
    made = Step(parent, rank, Message(text), (), (Response("sunny"),), "sunny")
    return made._replace(**changes)  # type: ignore[arg-type]


RECORDED = Episode(TASK, (step(-1), step(0), step(1)), 2, "react", "random", 7, "answer", "passed")


@given(episodes())
@settings(max_examples=30, deadline=None)
def test_an_episode_does_not_differ_from_itself(episode: Episode) -> None:
    assert episode_differences(episode, replace(episode)) == []


def test_each_field_is_named_with_what_it_was_and_is() -> None:
    responses = (Response("rainy", source="llm"),)
    steps = (
        RECORDED.steps[0],
        step(0, responses=responses, observation="rainy"),
        RECORDED.steps[2],
    )
    again = replace(RECORDED, steps=steps, outcome="failed", reward=0.5)
    found = episode_differences(RECORDED, again)
    assert [(one.step, one.field, one.recorded, one.again) for one in found] == [
        (1, "responses[0].text", '"sunny"', '"rainy"'),
        (1, "responses[0].source", '"environment"', '"llm"'),
        (None, "outcome", '"passed"', '"failed"'),
        (None, "reward", "0.0", "0.5"),
    ]
    assert str(found[0]) == (
        't1 react random seed 7 step 1: responses[0].text: recorded "sunny", now "rainy"'
    )
    apart = episode_differences(RECORDED, again, apart_from={"source", "text", "outcome"})
    assert [one.field for one in apart] == ["reward"]
    assert len(episode_differences(RECORDED, again, most=2)) == 2


def test_a_step_more_or_less_is_named_and_those_beside_it_are_not() -> None:
    less = replace(RECORDED, steps=RECORDED.steps[:2], chosen=1)
    assert [(one.step, one.field, one.again) for one in episode_differences(RECORDED, less)] == [
        (2, "step", ""),
        (None, "steps", "2"),
        (None, "chosen", "1"),
    ]
    (first, second, third) = RECORDED.steps
    sibling = replace(
        RECORDED, steps=(first, step(0, "new", rank=-1), second, third._replace(parent=2)), chosen=3
    )
    found = episode_differences(RECORDED, sibling)
    assert [(one.step, one.field) for one in found] == [
        (1, "step"),
        (None, "steps"),
        (None, "chosen"),
    ]
    assert found[0].recorded == ""


def test_long_texts_are_cut_to_where_they_differ() -> None:
    before, now = (f"{'same ' * 100}{word}{' same' * 100}" for word in ("then", "now"))
    one, other = (replace(RECORDED, steps=(step(-1, text),), chosen=0) for text in (before, now))
    (found,) = episode_differences(one, other)
    assert found.field == "message.content"
    assert "then" in found.recorded and "now" in found.again
    assert max(len(found.recorded), len(found.again)) <= 102
