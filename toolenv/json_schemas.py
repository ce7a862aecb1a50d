"""JSON Schemas from outside, compiled without fetching what they refer to."""

from __future__ import annotations

from typing import NoReturn

from jsonschema_rs import Validator, validator_for

from toolenv.jsontext import JsonValue

__all__ = ["compile_schema"]


def compile_schema(schema: dict[str, JsonValue] | bool) -> Validator:
    """A validator of a schema, which may refer to its own parts alone.

    By itself the library would fetch addresses and open files that a schema names.

    Raises:
        ValueError: It is no schema, or refers to something outside itself.

    Example:
        >>> compile_schema({"type": "integer"}).is_valid(3)
        True
    """
    return validator_for(schema, retriever=_refuse)


def _refuse(address: str) -> NoReturn:
    raise ValueError(f"{address} is not fetched")
