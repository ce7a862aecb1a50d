"""Hypothesis strategies for episodes: whatever the vocabulary can hold."""

from __future__ import annotations

import re
from typing import Any, cast, get_args

from hypothesis import strategies as st

from toolenv.apis import FINISH, Identity
from toolenv.episodes import (
    ROOT,
    Call,
    Completeness,
    Cost,
    Episode,
    FunctionCall,
    Message,
    Origin,
    Outcome,
    Response,
    Source,
    Status,
    Step,
    Tokens,
    Usage,
    number_in_preorder,
)
from toolenv.tasks import Task

PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
# Any text with lone surrogates; two that make up one character cannot be told from it in JSON.
texts = st.text(st.characters(codec=None), max_size=12).filter(lambda text: not PAIR.search(text))
numbers = st.integers(-(2**80), 2**80) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
identities = st.builds(Identity, texts, texts, texts, texts)
statuses = st.sampled_from(Status) | st.integers(200, 999).map(lambda code: cast("Status", code))
function_calls = st.builds(FunctionCall, texts, texts, texts)
messages = st.builds(
    Message,
    content=texts,
    calls=st.lists(function_calls, max_size=3).map(tuple),
    reasoning=texts,
    diversity=texts,
    usage=st.builds(Usage, st.integers(0, 10**9), st.integers(0, 10**9)),
    repaired=texts,
    tokens=st.none()
    | st.builds(
        Tokens,
        ids=st.lists(st.integers(0, 2**31), max_size=3).map(tuple),
        texts=st.lists(texts, max_size=3).map(tuple),
        logprobs=st.lists(st.floats(max_value=0, allow_infinity=False), max_size=3).map(tuple),
        prompt_ids=st.lists(st.integers(0, 2**31), max_size=3).map(tuple),
    ),
)
calls = st.builds(
    Call,
    function=texts,
    arguments=st.none() | st.dictionaries(texts, values, max_size=3),
    api=st.none() | identities,
    text=texts,
    invalid=texts,
    id=texts,
)
responses = st.builds(
    Response,
    text=texts,
    status=statuses,
    source=st.sampled_from(get_args(Source)),
    origin=st.sampled_from(get_args(Origin)),
    completeness=st.sampled_from(get_args(Completeness)),
    recording=texts,
    ordinal=st.integers(0, 2**63),
)


@st.composite
def steps_as_taken(draw: st.DrawFn) -> list[Step]:
    """Steps of a tree in any order in which a parent comes before its children."""
    taken: list[Step] = []
    children: dict[int, int] = {}
    for number in range(draw(st.integers(0, 6))):
        parent = draw(st.integers(ROOT, number - 1))
        message = draw(messages)
        as_written = [Call(c.name, {}, None, c.arguments, "", c.id) for c in message.calls]
        answers = tuple(draw(st.lists(responses, max_size=2)))
        same = draw(st.booleans()) and len(answers) == 1
        taken.append(
            Step(
                parent,
                children.get(parent, 0),
                message,
                tuple(as_written if draw(st.booleans()) else draw(st.lists(calls, max_size=2))),
                answers,
                answers[0].text if same else draw(texts),
                draw(st.floats(allow_nan=False, allow_infinity=False)),
                draw(texts),
            )
        )
        children[parent] = children.get(parent, 0) + 1
    return taken


@st.composite
def episodes(draw: st.DrawFn, id: str | None = None) -> Episode:
    """Any episode, numbered in pre-order."""
    steps, _ = number_in_preorder(draw(steps_as_taken()))
    return Episode(
        Task(id=draw(texts) if id is None else id, instruction=draw(texts)),
        steps,
        chosen=draw(st.integers(ROOT, len(steps) - 1)),
        agent=draw(texts),
        policy=draw(texts),
        seed=draw(st.integers(0, 2**70)),
        ended=draw(texts),
        outcome=draw(st.sampled_from(get_args(Outcome))),
        reward=draw(st.floats(allow_nan=False, allow_infinity=False)),
        cost=draw(st.builds(Cost, *[st.integers(0, 10**9)] * 4, st.floats(0, 1e9))),
        fingerprints=draw(st.dictionaries(texts, texts, max_size=2)),
    )


def chain(task: Task, length: int = 3, *, answer: str = "21 °C", **about: Any) -> Episode:
    """A plain episode: calls, then an answer."""
    steps: list[Step] = []
    for number in range(length - 1):
        text = f'{{"error":"","response":"{number}"}}'
        written = FunctionCall("search_for_weather", '{"city":"Paris"}', f"call_{number}")
        identity = Identity("search_for_weather", "Weather", "weather", "search")
        steps.append(
            Step(
                number - 1,
                0,
                Message("Look it up.", (written,), usage=Usage(100, 10)),
                (Call(written.name, {"city": "Paris"}, identity, *written[1:2], "", written.id),),
                (Response(text, Status.OK, "snapshot", "live"),),
                text,
            )
        )
    finish = f'{{"return_type":"give_answer","final_answer":"{answer}"}}'
    arguments = {"return_type": "give_answer", "final_answer": answer}
    steps.append(
        Step(
            length - 2,
            0,
            Message("", (FunctionCall(FINISH, finish),)),
            (Call(FINISH, cast("dict[str, Any]", arguments), None, finish),),
            (Response('{"error":"","response":""}', Status.ANSWERED),),
            '{"error":"","response":""}',
            1.0,
            "answer",
        )
    )
    return Episode(
        task,
        tuple(steps),
        length - 1,
        **{"agent": "react", "policy": "script", "ended": "answer", "outcome": "passed", **about},
    )
