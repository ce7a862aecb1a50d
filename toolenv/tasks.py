"""A task: a user's request with the APIs it offers and, where known, a check of its answer."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from pydantic import Field, JsonValue, SerializerFunctionWrapHandler, model_serializer

from toolenv.apis import API, Record, finish_function, name_apis

__all__ = ["Check", "Examples", "Task", "WantedCall"]


class Examples(Record):
    """Answers that show what a check is for; ``toolenv tasks validate`` tries them.

    Args:
        right: Answers that the check must accept.
        wrong: Answers that it must not accept.
    """

    right: tuple[JsonValue, ...] = ()
    wrong: tuple[JsonValue, ...] = ()


class WantedCall(Record):
    """A call that a check looks for.

    Args:
        function: The function's name as the task offers it, or the API's name.
        arguments: Arguments that the call must give, with their values; others are free.
        checks: Arguments that the call must give, each with a check of its value.
    """

    function: str
    arguments: Mapping[str, JsonValue] = Field(default_factory=dict)
    checks: Mapping[str, Check] = Field(default_factory=dict)


class Check(Record):
    """How an answer is checked, as data; ``toolenv.checks`` applies it. See docs/checks.md.

    Args:
        kind: ``exact``, ``contains``, ``set``, ``number``, ``gives_up``; ``quantity``, ``date``,
            ``time``, ``name``, ``items``, ``list``, ``json_path``; ``state``, ``required_calls``,
            ``forbidden_calls``; ``all``, ``any``, ``not``.
        value: What the answer is compared with: a text, a number, a list of texts.
        tolerance: The largest absolute difference that still passes: in the check's unit, for
            ``date`` in days, for ``time`` in minutes.
        relative_tolerance: The same as a share of the value: 0.01 is one per cent.
        unit: For ``quantity``: a unit, ``%``, or a currency.
        path: For ``json_path`` and ``state``: where the value is, as ``$.bookings[0].total``.
        checks: Of ``all``, ``any`` and ``not``: the parts; of ``json_path`` and ``state``: a check
            of the value found.
        calls: For ``required_calls`` and ``forbidden_calls``.
        ordered: For ``required_calls``: whether they must come in this order.
        examples: Answers that the check must accept, and answers that it must not.
    """

    kind: str
    value: JsonValue = None
    tolerance: float = 0.0
    relative_tolerance: float = 0.0
    unit: str = ""
    path: str = ""
    checks: tuple[Check, ...] = ()
    calls: tuple[WantedCall, ...] = ()
    ordered: bool = False
    examples: Examples | None = None

    @cached_property
    def reads_state(self) -> bool:
        """Whether the check, or a part of it, looks at the state of a local world."""
        return self.kind == "state" or any(part.reads_state for part in self.checks)

    @model_serializer(mode="wrap")
    def _written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Options that are not used are not written: digests of tasks stay what they were."""
        written: dict[str, Any] = handler(self)
        return {key: value for key, value in written.items() if value or key not in _OPTIONS}


_OPTIONS = frozenset(Check.model_fields) - {"kind", "value", "tolerance"}


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
        max_steps: Steps of one branch, where the task allows fewer than the environment does.
    """

    id: str
    instruction: str
    apis: tuple[API, ...] = ()
    relevant: tuple[tuple[str, str], ...] | None = None
    check: Check | None = Field(default=None)
    split: str = ""
    max_steps: int | None = Field(default=None, ge=1)

    @model_serializer(mode="wrap")
    def _written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A limit that is not there is not written: digests of tasks stay what they were."""
        written: dict[str, Any] = handler(self)
        if self.max_steps is None:
            written.pop("max_steps", None)
        return written

    @cached_property
    def named_apis(self) -> dict[str, API]:
        """Function name to API."""
        return name_apis(self.apis)

    @cached_property
    def functions(self) -> list[dict[str, JsonValue]]:
        """What the policy is shown: one function per API, then ``Finish``."""
        shown = [api.function_schema(name) for name, api in self.named_apis.items()]
        return [*shown, finish_function()]
