"""Keys and tokens, kept out of whatever comes back: replies, errors, log records."""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Final
from urllib.parse import quote, quote_plus
from weakref import WeakSet

from toolenv.jsontext import render

__all__ = ["Secrets"]

_SHORTEST_SECRET: Final = 4
"""Shorter ones are not looked for: they would be found in any text."""

_LOGGERS: Final = ("httpcore.connection", "httpcore.http11")
"""The loggers that show a reply's headers, at the level DEBUG."""


class Secrets:
    """Keys and tokens, to be kept out of whatever a server sends back.

    They are found as they are and in the forms in which they travel: percent-encoded, and as text
    in JSON. A server that hides one otherwise is not stopped.

    Example:
        >>> Secrets(["s3cr/et"]).hide("a=s3cr/et&b=s3cr%2Fet")
        'a=…&b=…'
    """

    def __init__(self, secrets: Collection[str]) -> None:
        forms: set[str] = set()
        for secret in secrets:
            secret = secret.strip()
            if len(secret) >= _SHORTEST_SECRET:
                inside = render(secret)[1:-1]
                forms |= {secret, quote(secret, safe=""), quote(secret), quote_plus(secret), inside}
        self._forms = sorted(forms, key=lambda form: (-len(form), form))
        self._bytes = [form.encode("utf-8", "surrogatepass") for form in self._forms]
        if self._forms:
            _in_use.add(self)

    def __repr__(self) -> str:
        return "Secrets(…)"

    def hide(self, text: str) -> str:
        """The text with an ellipsis for every secret."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, "…")
        return text

    def hide_bytes(self, content: bytes) -> bytes:
        """The same for UTF-8."""
        for form in self._bytes:
            if form in content:
                content = content.replace(form, "…".encode())
        return content


class _Hiding(logging.Filter):
    """Hides in a log record what any client in use keeps secret."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        hidden = message
        for secrets in list(_in_use):
            hidden = secrets.hide(hidden)
        if hidden != message:
            record.msg, record.args = hidden, ()
        return True


_in_use: WeakSet[Secrets] = WeakSet()
for _name in _LOGGERS:
    logging.getLogger(_name).addFilter(_Hiding())
