"""Digests that say what a result depends on."""

from __future__ import annotations

import hashlib

from toolenv.jsontext import render_sorted

__all__ = ["fingerprint"]


def fingerprint(kind: str, value: object) -> str:
    """A short digest of a JSON-like value, prefixed by what it is the fingerprint of.

    Keys and tokens never belong in ``value``.

    Args:
        kind: What is described: ``"environment"``, ``"agent"``, ``"judge"`` or a part of one.
        value: Strings, numbers, lists and dictionaries; the order of keys does not matter.

    Returns:
        ``kind`` and 16 hexadecimal digits, as in ``agent-0123456789abcdef``.

    Example:
        >>> fingerprint("agent", {"a": 1, "b": 2}) == fingerprint("agent", {"b": 2, "a": 1})
        True
    """
    digest = hashlib.blake2b(render_sorted([kind, value]).encode(), digest_size=8)
    return f"{kind}-{digest.hexdigest()}"
