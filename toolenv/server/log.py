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
from time import time
from typing import BinaryIO

import orjson

from toolenv.errors import ToolenvError
from toolenv.jsontext import render

__all__ = ["ServerLog"]

_EVERY_SECONDS = 0.1
_MOST_WAITING = 200


class ServerLog(logging.Handler):
    """Writes lines; those that can wait are written together, ten times a second.

    Args:
        stream: Where they go.
    """

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(logging.WARNING)
        self._stream = stream
        self._waiting: list[dict[str, object]] = []

    def later(self, fields: dict[str, object]) -> None:
        """Log what happened, soon; on a running loop.

        Args:
            fields: The line; ``time`` is first, in seconds.
        """
        waiting = self._waiting
        waiting.append(fields)
        if len(waiting) == 1:
            asyncio.get_running_loop().call_later(_EVERY_SECONDS, self.flush)
        elif len(waiting) >= _MOST_WAITING:
            self.flush()

    def now(self, event: str, **fields: object) -> None:
        """Log what happened, at once."""
        self._waiting.append({"time": time(), "event": event, **fields})
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
                self._stream.write(b"".join([_line(fields) for fields in lines]))
                self._stream.flush()
            except (OSError, ValueError):  # nobody reads it any more
                pass

    def emit(self, record: logging.LogRecord) -> None:
        """Log what a library says: its own words, without the values in them."""
        error = record.exc_info[1] if record.exc_info else None
        at = _place(error) if error is not None else ""
        said = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
        self.now(record.levelname.lower(), library=record.name, message=said.strip(), at=at)


def _line(fields: dict[str, object]) -> bytes:
    at = fields["time"]
    moment = datetime.fromtimestamp(at if isinstance(at, float) else time(), UTC)
    fields["time"] = moment
    try:
        return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # half a character in a name
        return f"{render({**fields, 'time': moment.isoformat()})}\n".encode()


def _place(error: BaseException) -> str:
    """Where an error was raised, innermost last."""
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    return " > ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames)
