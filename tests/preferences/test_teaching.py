"""A teacher says what it would have done where a student stood."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.preferences.stumbling import Stumbling, stumbling_run
from toolenv.conversations import conversation
from toolenv.episodes import Branch, Message
from toolenv.errors import PolicyError
from toolenv.jsontext import JsonValue, parse
from toolenv.preferences import explored_by_task
from toolenv.preferences.explored import Explored
from toolenv.preferences.teaching import taught_rows


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stumbling_run(tmp_path_factory.mktemp("runs") / "run", "react").path


class Watched(Stumbling):
    """Knows the way, and remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(luck=1.0)
        self.heard: list[list[dict[str, JsonValue]]] = []

    async def __call__(
        self,
        messages: Sequence[dict[str, JsonValue]],
        functions: Sequence[dict[str, JsonValue]],
        *,
        seed: int,
    ) -> Message:
        self.heard.append([*messages])
        return await super().__call__(messages, functions, seed=seed)


def taught(run: Path, teacher: Any) -> tuple[list[dict[str, Any]], Counter[str]]:
    counts = Counter[str]()
    rows = [dict(row) for row in taught_rows(explored_by_task([run]), teacher, counts)]
    return rows, counts


def decisions(run: Path) -> Iterator[tuple[Explored, int]]:
    for group in explored_by_task([run]):
        for explored in group:
            for place in range(len(explored.episode.branch.path())):
                yield explored, place


def test_every_decision_is_a_row_with_what_the_teacher_says_there(run: Path) -> None:
    rows, counts = taught(run, Stumbling(luck=1.0))
    by_task: dict[str, list[str]] = {}
    for row in rows:
        assert [message["role"] for message in row["prompt"]][:2] == ["system", "user"]
        (said,) = row["completion"]
        assert said["role"] == "assistant"
        (call,) = said["tool_calls"]
        assert isinstance(call["function"]["arguments"], dict)
        assert '"name":"Finish"' in row["tools"]
        by_task.setdefault(row["task"], []).append(str(row["prompt"]))
    assert all(len(set(prompts)) == len(prompts) for prompts in by_task.values())
    assert counts["decisions"] == sum(1 for _ in decisions(run)) >= len(rows)
    provenances: list[Any] = [parse(row["provenance"]) for row in rows]
    agreed = sum(provenance["agreed"] for provenance in provenances)
    assert counts["decisions that the teacher would have made"] == agreed
    assert 0 < agreed < len(rows)
    assert provenances[0]["teacher"] == ["stumbling", "policy-stumbling"]


def test_the_teacher_hears_what_the_student_heard(run: Path) -> None:
    teacher = Watched()
    taught(run, teacher)
    for explored, place in decisions(run):
        branch = explored.episode.branch
        before = branch.steps[branch.numbers()[place]].parent
        assert conversation(Branch(branch.task, branch.steps, before)) in teacher.heard


def test_a_student_that_is_right_is_agreed_with(tmp_path: Path) -> None:
    run = stumbling_run(tmp_path / "run", "react", seeds=[0]).path
    rows, _ = taught(run, Stumbling(luck=1.0))
    for row in rows:
        told: Any = parse(row["provenance"])
        step = next(
            explored.episode.branch.path()[place]
            for explored, place in decisions(run)
            if explored.episode.task.id == row["task"]
            and explored.episode.branch.numbers()[place] == told["step"]
        )
        said = row["completion"][0]["tool_calls"][0]["function"]
        same = [(call.name, parse(call.arguments)) for call in step.message.calls] == [
            (said["name"], said["arguments"])
        ]
        assert told["agreed"] == same


class Failing(Watched):
    """Has nothing to say at the second decision."""

    async def __call__(
        self,
        messages: Sequence[dict[str, JsonValue]],
        functions: Sequence[dict[str, JsonValue]],
        *,
        seed: int,
    ) -> Message:
        if len(messages) > 2:
            raise PolicyError("Nothing to say.", where="teacher")
        return await super().__call__(messages, functions, seed=seed)


def test_where_the_teacher_fails_there_is_no_row(run: Path) -> None:
    rows, counts = taught(run, Failing())
    whole, _ = taught(run, Stumbling(luck=1.0))
    assert 0 < len(rows) < len(whole)
    assert counts["decisions at which the teacher failed"] == len(whole) - len(rows)
