"""Keys: which calls are the same call.

The exact key, version 1, is a digest of the API's function name (see ``Identity``) and of the
arguments as JSON in one form: keys in code-point order, no white space, numbers that are equal
written alike (``3`` and ``3.0``), text in Unicode's composed form (NFC). Arguments that are not a
JSON object are keyed by their text. Nothing is read from the documentation, so that a record made
without it is found with it, and a call that the schema would refuse is found as well.

What an API answers may depend on what was changed before. State is kept per tool: a call's key also
covers the calls on its path so far that changed something at the same tool (``Changes``), in order.
Without any, it is the plain key.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType

from toolenv.apis import Identity
from toolenv.jsontext import JsonValue, render_sorted

__all__ = ["KEY_VERSION", "Changes", "composed", "exact_key", "plain_numbers"]

KEY_VERSION = 1

_PREFIX = b"toolenv-exact-1\0"


def exact_key(
    function: str,
    arguments: dict[str, JsonValue] | None,
    text: str = "",
    changes: bytes = b"",
) -> bytes:
    """The exact key of a call, 16 bytes.

    Args:
        function: ``Identity.function`` of the API.
        arguments: The parsed arguments; None where they are not a JSON object.
        text: The arguments' text, used only where ``arguments`` is None.
        changes: Digest of the tool's earlier changes, from ``Changes.of``.

    Example:
        >>> exact_key("f", {"a": 3.0, "b": "x"}) == exact_key("f", {"b": "x", "a": 3})
        True
        >>> exact_key("f", {"a": 3}) == exact_key("f", {"a": "3"})
        False
    """
    if arguments is None:
        body = unicodedata.normalize("NFC", "text:" + text)
    else:
        for value in arguments.values():
            if type(value) is not str:
                arguments = {key: plain_numbers(item) for key, item in arguments.items()}
                break
        body = render_sorted(arguments)
        if not body.isascii():
            body = render_sorted(composed(arguments))
    name = function.encode("utf-8", "surrogatepass")
    raw = body.encode("utf-8", "surrogatepass")
    framed = _PREFIX + name + b"\0" + raw
    return hashlib.blake2b(framed, digest_size=16, key=changes).digest()


class Changes:
    """The calls on a path that changed something, by tool; immutable, so that forks share it.

    Example:
        >>> cart = Identity("add_for_cart", "Shop", "cart", "add")
        >>> later = Changes().after(cart, b"key of the call")
        >>> later.of(cart) != Changes().of(cart) == b""
        True
    """

    __slots__ = ("_digests",)

    def __init__(self, digests: Mapping[tuple[str, str], bytes] = MappingProxyType({})) -> None:
        self._digests = digests

    def of(self, identity: Identity) -> bytes:
        """Digest of the changes at an API's tool so far; empty for none."""
        return self._digests.get(_tool(identity), b"") if self._digests else b""

    def after(self, identity: Identity, key: bytes) -> Changes:
        """The changes once a call with this key has changed something."""
        digest = hashlib.blake2b(self.of(identity) + key, digest_size=16).digest()
        return Changes({**self._digests, _tool(identity): digest})


def _tool(identity: Identity) -> tuple[str, str]:
    """What keeps state: the tool; the function where no more is known."""
    return (identity.category, identity.tool or identity.function)


def composed(value: JsonValue) -> JsonValue:
    """All text in composed form, before keys are sorted: it changes their order."""
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, dict):
        alike = {unicodedata.normalize("NFC", key): composed(value[key]) for key in value}
        if len(alike) == len(value):
            return alike
        return {key: composed(item) for key, item in value.items()}  # alike, and yet two keys
    if isinstance(value, list):
        return [composed(item) for item in value]
    return value


def plain_numbers(value: JsonValue) -> JsonValue:
    """Numbers that are whole as integers, so that equal ones are written alike."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, dict):
        return {key: plain_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain_numbers(item) for item in value]
    return value
