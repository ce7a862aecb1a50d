"""Attempts made by hand, and scripted judges over a real socket."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.chat.scripted_server import Reply, completion
from tests.report.runs_by_hand import called, finish
from toolenv.apis import API
from toolenv.episodes import ROOT, Episode, Step
from toolenv.judging.judge import Case
from toolenv.tasks import Check, Task

WEATHER = API(
    category="Weather", tool="weather", name="search", description="The weather of a city."
)
_FENCED = re.compile(r"^BEGIN DATA ([0-9a-f]{12})\n(.*?)\nEND DATA \1$", re.MULTILINE | re.DOTALL)


def task(id: str = "1", check: Check | None = None) -> Task:
    return Task(id=id, instruction="How is the weather in Paris?", apis=(WEATHER,), check=check)


def attempt(
    task: Task,
    answer: str | None = "21 °C",
    observation: str = '{"error":"","response":"21 °C"}',
    *,
    policy: str = "script",
    seed: int = 0,
    ends: bool = True,
) -> Episode:
    """A call, and an answer or giving up; without an end where that is asked for."""
    steps: tuple[Step, ...] = (
        called(ROOT, 0, "search_for_weather", {"city": "Paris"}, observation),
    )
    if ends:
        steps = (*steps, finish(0, 0, answer))
    last = len(steps) - 1
    ended = steps[last].ended or "limit:steps"
    return Episode(task, steps, last, "react", policy, seed, ended)


def case(candidate: Episode | None, of: Task | None = None, **about: Any) -> Case:
    of = of or (candidate.task if candidate is not None else task())
    agent, policy, seed = ("react", "script", 0)
    if candidate is not None:
        agent, policy, seed = candidate.agent, candidate.policy, candidate.seed
    return Case(of, agent, policy, seed, candidate, **about)


def said(answer: str, **more: str) -> dict[str, Any]:
    """A judge's reply."""
    fields = {"evidence": "21 °C", "reason": "it says so", **more, "answer": answer}
    return completion(json.dumps(fields, ensure_ascii=False))


def asked(request: dict[str, Any]) -> str:
    """The whole text of the question."""
    return "\n".join(message["content"] for message in request["messages"])


def outside(request: dict[str, Any]) -> str:
    """The text of the question without what is fenced."""
    return "\n".join(_FENCED.sub("", message["content"]) for message in request["messages"])


def data_of(request: dict[str, Any]) -> list[dict[str, Any]]:
    """The fenced objects, in order."""
    text = request["messages"][-1]["content"]
    return [json.loads(line) for found in _FENCED.finditer(text) for line in found[2].split("\n")]


def node_of(request: dict[str, Any]) -> str:
    """Which kind of question it is, by what is shown."""
    text = request["messages"][-1]["content"]
    if "The first attempt:" in text:
        return "pair"
    if "The tools that were offered:" in text:
        return "tools"
    return "path" if "The calls that were made" in text else "answer"


def by_node(**answers: str) -> Any:
    """A judge that answers each kind of question with one word."""

    def answer(request: dict[str, Any]) -> Reply | dict[str, Any]:
        return said(answers[node_of(request)])

    return answer
