"""Keys and tokens are refused where they would be written down: options, addresses, configurations.

They belong into environment variables. What is refused is never quoted.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Final
from urllib.parse import parse_qsl

from toolenv.errors import ConfigurationError
from toolenv.jsontext import JsonValue, parse

__all__ = ["refuse_credentials", "refuse_known_credentials"]

_NAMES: Final = re.compile(
    r"(.*(api|access|auth|private|subscription|secret|account|rapidapi|signing)-?(key|token)"
    r"|(.*-)?(password|passwd|passphrase|secret|credentials?|authorization|bearer)"
    r"|key|token|x-.*-key|hf-token)"
)
"""Names of fields that hold keys: not ``max_tokens``, ``stop_token_ids`` or ``key_variable``."""

_BETWEEN_WORDS: Final = re.compile(r"[_\s-]+|(?<=[a-z])(?=[A-Z])")

_VARIABLES: Final = re.compile(r".*(KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS)", re.IGNORECASE)
_SHORTEST: Final = 8
"""Characters from which a variable's value is looked for: placeholders are words like others."""


def refuse_credentials(value: JsonValue, where: str) -> None:
    """Refuse options that hold a key or token by the name of a field, however deep.

    Args:
        value: Options: JSON, addresses and specifications with options after a question mark.
        where: What they are, for the error.

    Raises:
        ConfigurationError: A field's name says that it holds a key or token.

    Example:
        >>> refuse_credentials({"max_tokens": 3}, "extra_body")
        >>> refuse_credentials({"api_key": "abc"}, "extra_body")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        toolenv.errors.ConfigurationError: extra_body: The field 'api_key' holds a key or token...
    """
    for name in _names(value):
        if _NAMES.fullmatch(_BETWEEN_WORDS.sub("-", name).lower()):
            raise ConfigurationError(
                f"The field {name!r} holds a key or token, which would be written down with the "
                "run.",
                where=where,
                fix="Put it into the environment variable that the client reads.",
            )


def refuse_known_credentials(text: str, where: str) -> None:
    """Refuse text that holds the value of an environment variable that is named like a key.

    Args:
        text: What would be written down.
        where: What it is, for the error.

    Raises:
        ConfigurationError: It does; the variable is named.
    """
    for name, value in os.environ.items():
        if len(value) >= _SHORTEST and value in text and _VARIABLES.fullmatch(name):
            raise ConfigurationError(
                f"The value of the environment variable {name} would be written down with the run.",
                where=where,
                fix="Leave it to the environment variable that the client reads.",
            )


def _names(value: JsonValue) -> Iterator[str]:
    """The names of all fields that have a value."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if inner not in (None, "", False):
                yield name
            yield from _names(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _names(inner)
    elif isinstance(value, str):
        yield from _names_in_text(value)


def _names_in_text(text: str) -> Iterator[str]:
    if text[:1] in ("{", "["):
        with suppress(ValueError):
            yield from _names(parse(text))
        return
    for part in text.split("|"):
        _, asked, query = part.partition("?")
        for name, inner in parse_qsl(query, keep_blank_values=True) if asked else ():
            yield name
            yield from _names_in_text(inner)
