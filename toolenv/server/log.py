"""The server's log: one JSON object a line.

Keys and tokens are not in it: headers are never logged, bodies only where that is asked for, and
then without the field for a key. Of an error that is not ours only the type and the place are told,
since its text may quote what it failed at.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from datetime import UTC, datetime
from typing import BinaryIO

from toolenv.errors import ToolenvError
from toolenv.jsontext import render

__all__ = ["ServerLog"]

_EVERY_SECONDS = 0.1
_MOST_WAITING = 200
_LONGEST_TEXT = 10_000


class ServerLog(logging.Handler):
    """Writes lines; those that can wait are written together, ten times a second.

    Args:
        stream: Where they go.
    """

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(logging.WARNING)
        self._stream = stream
        self._waiting: list[str] = []

    def later(self, event: str, **fields: object) -> None:
        """Log what happened, soon; on a running loop."""
        self._waiting.append(_line(event, fields))
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_later(_EVERY_SECONDS, self.flush)
        elif len(self._waiting) >= _MOST_WAITING:
            self.flush()

    def now(self, event: str, **fields: object) -> None:
        """Log what happened, at once."""
        self._waiting.append(_line(event, fields))
        self.flush()

    def failure(self, error: BaseException, **fields: object) -> None:
        """Log an error: ours in full, another's type and place."""
        said = str(error) if isinstance(error, ToolenvError) else ""
        self.now("failure", kind=type(error).__name__, error=said, at=_place(error), **fields)

    def flush(self) -> None:
        """Write what waits."""
        lines, self._waiting = self._waiting, []
        if lines:
            try:
                self._stream.write("".join(lines).encode())
                self._stream.flush()
            except (OSError, ValueError):  # nobody reads it any more
                pass

    def emit(self, record: logging.LogRecord) -> None:
        """Log what a library says: its own words, without the values in them."""
        error = record.exc_info[1] if record.exc_info else None
        at = _place(error) if error is not None else ""
        said = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
        self.now(record.levelname.lower(), library=record.name, message=said.strip(), at=at)


def _line(event: str, fields: dict[str, object]) -> str:
    about = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event}
    for name, value in fields.items():
        if isinstance(value, str) and len(value) > _LONGEST_TEXT:
            fields[name] = f"{value[:_LONGEST_TEXT]}…"
    return f"{render({**about, **fields})}\n"


def _place(error: BaseException) -> str:
    """Where an error was raised, innermost last."""
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    return " > ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames)
