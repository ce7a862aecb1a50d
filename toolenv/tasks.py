"""A task: a user's request with the APIs it offers and, where known, a check of its answer."""

from __future__ import annotations

from functools import cached_property

from pydantic import Field, JsonValue

from toolenv.apis import API, Record, finish_function, name_apis

__all__ = ["Check", "Task"]


class Check(Record):
    """How an answer is checked, as data; ``toolenv.checks`` applies it.

    Args:
        kind: ``exact``, ``number``, ``set``, ``contains`` or ``gives_up``.
        value: What the answer is compared with: a text, a number, a list of texts.
        tolerance: For ``number``: the largest absolute difference that still passes.
    """

    kind: str
    value: JsonValue = None
    tolerance: float = 0.0


class Task(Record):
    """An instruction and what is offered to carry it out.

    Args:
        id: Unique in its file; text, also where the source has a number.
        instruction: The user's request.
        apis: The APIs offered; empty in open-domain files, where a retriever finds them.
        relevant: The raw ``(tool, api)`` pairs that the source calls relevant; None where it does
            not say.
        check: How an answer is checked; None where there is no definite answer.
        split: The set it belongs to, such as ``G1_instruction``.
    """

    id: str
    instruction: str
    apis: tuple[API, ...] = ()
    relevant: tuple[tuple[str, str], ...] | None = None
    check: Check | None = Field(default=None)
    split: str = ""

    @cached_property
    def named_apis(self) -> dict[str, API]:
        """Function name to API."""
        return name_apis(self.apis)

    @cached_property
    def functions(self) -> list[dict[str, JsonValue]]:
        """What the policy is shown: one function per API, then ``Finish``."""
        shown = [api.function_schema(name) for name, api in self.named_apis.items()]
        return [*shown, finish_function()]
