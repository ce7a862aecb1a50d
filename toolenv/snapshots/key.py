"""Keys: which calls are the same call.

The exact key, version 1, is a digest of the API's function name (see ``Identity``) and of the
arguments as JSON in one form: keys in code-point order, no white space, numbers that are equal
written alike (``3`` and ``3.0``), text in Unicode's composed form (NFC). Arguments that are not a
JSON object are keyed by their text. Nothing is read from the documentation, so that a record made
without it is found with it, and a call that the schema would refuse is found as well.
"""

from __future__ import annotations

import hashlib
import unicodedata

from toolenv.jsontext import JsonValue, render_sorted

__all__ = ["KEY_VERSION", "exact_key"]

KEY_VERSION = 1

_PREFIX = b"toolenv-exact-1\0"


def exact_key(function: str, arguments: dict[str, JsonValue] | None, text: str = "") -> bytes:
    """The exact key of a call, 16 bytes.

    Args:
        function: ``Identity.function`` of the API.
        arguments: The parsed arguments; None where they are not a JSON object.
        text: The arguments' text, used only where ``arguments`` is None.

    Example:
        >>> exact_key("f", {"a": 3.0, "b": "x"}) == exact_key("f", {"b": "x", "a": 3})
        True
        >>> exact_key("f", {"a": 3}) == exact_key("f", {"a": "3"})
        False
    """
    if arguments is None:
        body = "text:" + text
    else:
        for value in arguments.values():
            if type(value) is not str:
                arguments = {key: _plain_numbers(item) for key, item in arguments.items()}
                break
        body = render_sorted(arguments)
    if not body.isascii():
        body = unicodedata.normalize("NFC", body)
    name = function.encode("utf-8", "surrogatepass")
    raw = body.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(_PREFIX + name + b"\0" + raw, digest_size=16).digest()


def _plain_numbers(value: JsonValue) -> JsonValue:
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, dict):
        return {key: _plain_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain_numbers(item) for item in value]
    return value
