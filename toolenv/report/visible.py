"""Making text from outside harmless to look at: what would act on the screen is shown instead."""

from __future__ import annotations

import re

__all__ = ["cut", "visible"]

# Controls but line feed and tab; marks that reorder or hide text; separators that end a line in
# some readers and not in others; surrogates, which have no encoding.
_ACTING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff]"
)


def visible(text: str) -> str:
    r"""Replace every character that acts instead of being seen by a picture or its escape.

    Example:
        >>> visible("a\x1b[2Jb\u202ec")
        'a␛[2Jb\\u202ec'
    """
    return _ACTING.sub(_picture, text)


def cut(text: str, length: int) -> tuple[str, int]:
    """The first ``length`` characters of a text, and how many were cut.

    Example:
        >>> cut("abcdef", 4)
        ('abcd', 2)
    """
    return text[:length], max(0, len(text) - length)


def _picture(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
