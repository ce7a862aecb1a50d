"""Gold: what is known of a task's solution, to compare calls with.

A gold file is JSON Lines, one object for each task::

    {"task": "17",
     "calls": [{"function": "search_for_weather", "arguments": {"city": "Paris"}},
               {"function": "convert_for_units", "arguments": {"value": 21}, "after": [0]}],
     "checkpoints": [{"function": "search_for_weather"}, {"observed": "21"}],
     "answer": "It is 21 degrees."}

``calls`` is the gold call graph: ``after`` names the calls, by their place from 0, whose responses
a call needs. A task file may carry the same object, without ``task``, under the key ``gold``.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError, model_validator

from toolenv.errors import ConfigurationError, FormatError
from toolenv.formats.files import read_text
from toolenv.jsontext import parse
from toolenv.tasks import Task

__all__ = ["Checkpoint", "Gold", "GoldCall", "read_gold"]


class GoldCall(BaseModel):
    """One call of a solution.

    Args:
        function: The function's name, as the task offers it.
        arguments: Its arguments.
        after: The places of the calls that it needs the responses of; None where the source does
            not say, which is something else than needing none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    function: str
    arguments: dict[str, JsonValue] = {}
    after: tuple[int, ...] | None = None


class Checkpoint(BaseModel):
    """Something that a branch has to have reached; all that is given must hold of one step.

    Args:
        function: A function that was called, and whose response is no error.
        arguments: Arguments that the call had, among others.
        observed: A text that a response holds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    function: str = ""
    arguments: dict[str, JsonValue] = {}
    observed: str = ""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.function and not self.observed:
            raise ValueError("a checkpoint names a function, an observed text, or both")
        return self


class Gold(BaseModel):
    """What is known of a task's solution.

    Args:
        calls: The calls; None where they are not known.
        checkpoints: What has to be reached, in order; None where it is not known.
        answer: A right final answer; None where it is not known, or where there is none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    calls: tuple[GoldCall, ...] | None = None
    checkpoints: tuple[Checkpoint, ...] | None = None
    answer: str | None = None

    @model_validator(mode="after")
    def _names_earlier_calls(self) -> Self:
        for place, call in enumerate(self.calls or ()):
            if any(not 0 <= one < place for one in call.after or ()):
                raise ValueError(f"call {place} comes after {call.after}: name earlier calls")
        return self

    @classmethod
    def of(cls, task: Task) -> Gold | None:
        """What a task itself carries; None where it carries nothing.

        Raises:
            FormatError: What it carries is not gold.
        """
        carried = task.unknown.get("gold")
        if carried is None:
            return None
        return _read(carried, f"task {task.id}: gold")

    @property
    def edges(self) -> frozenset[tuple[int, int]] | None:
        """The graph's edges, by place; None where the source does not say of some call."""
        if self.calls is None or any(call.after is None for call in self.calls):
            return None
        return frozenset(
            (before, place) for place, call in enumerate(self.calls) for before in call.after or ()
        )


def read_gold(path: str | PathLike[str]) -> dict[str, Gold]:
    """Read a gold file.

    Returns:
        Task id to gold.

    Raises:
        FormatError: The file cannot be read, a line is not gold, or a task is there twice.
    """
    path = Path(path)
    found: dict[str, Gold] = {}
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            row = parse(line)
        except ValueError as error:
            raise FormatError(f"Is not JSON: {error}.", where=where) from None
        task = row.pop("task", None) if isinstance(row, dict) else None
        if task is None:
            raise FormatError("Names no task.", where=where, fix='Write {"task": …, "calls": …}.')
        if str(task) in found:
            raise FormatError(f"Task {task} is there twice.", where=where)
        found[str(task)] = _read(row, where)
    if not found:
        raise ConfigurationError("Holds no gold.", where=str(path))
    return found


def _read(value: JsonValue, where: str) -> Gold:
    try:
        return Gold.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "gold"
        raise FormatError(
            f"{place}: {first['msg']}.",
            where=where,
            fix="Write calls with function, arguments and after, checkpoints, and an answer.",
        ) from None
