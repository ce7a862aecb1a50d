"""Whether a request may be sent again, and how long its server asks to wait before that."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from toolenv.simulators.web_messages import WebError, WebReply, WebRequest
from toolenv.simulators.web_responses import quota_is_spent

__all__ = ["asked_pause", "may_repeat"]

_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
_RESET: Final = re.compile(r"(x-)?rate-?limit(-[a-z0-9-]+)?-reset", re.IGNORECASE)
_SECONDS: Final = re.compile(r"\s*([0-9]{1,20})(?:\.[0-9]+)?\s*")


def may_repeat(last: WebReply | WebError, request: WebRequest) -> bool:
    """Whether sending a request again is safe, and may help.

    Args:
        last: What came of the last attempt.
        request: The request; without a word of its own its method tells whether it is repeatable.
    """
    repeatable = request.repeatable
    if repeatable is None:
        repeatable = request.method.upper() in _IDEMPOTENT
    if isinstance(last, WebError):
        return last.again and (last.unsent or repeatable)
    return last.status == 429 or (last.status >= 500 and repeatable)


def asked_pause(last: WebReply | WebError) -> float:
    """Seconds that the server asks to wait; 0 where it does not say."""
    if isinstance(last, WebError):
        return 0.0
    asked = _retry_after(last.headers.get("retry-after", ""))
    if asked is None and last.status == 429 and quota_is_spent(last.headers):
        resets = [
            _retry_after(value) for name, value in last.headers.items() if _RESET.fullmatch(name)
        ]
        asked = max((seconds for seconds in resets if seconds is not None), default=None)
    return asked or 0.0


def _retry_after(value: str) -> float | None:
    """Seconds that a header asks to wait: a number of them, or a date."""
    seconds = _SECONDS.fullmatch(value)
    if seconds is not None:
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    date = date if date.tzinfo is not None else date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.fromtimestamp(time.time(), UTC)).total_seconds())
