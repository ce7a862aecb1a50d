"""Episodes in a page: JSON in compressed chunks, each opened by the browser once it is asked for.

A chunk is a JSON list of episodes, compressed as ``deflate`` is in HTTP (RFC 1950) and written in
base64; browsers read it with ``DecompressionStream``. Episodes come in the order in which they
finished and go out in the order of the list, so that equal runs give equal bytes: in between they
are kept in a file.
"""

from __future__ import annotations

import base64
import tempfile
import zlib
from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Final, Self

from toolenv.errors import JournalError

__all__ = ["EpisodeChunks", "packed"]

_CHUNK: Final = 1 << 18
"""Bytes of JSON after which a chunk is closed: a few milliseconds to open."""

_IN_MEMORY: Final = 1 << 26
_LEVEL: Final = 6


class EpisodeChunks(AbstractContextManager["EpisodeChunks"]):
    """Takes episodes in any order and gives chunks in the order asked for."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115  closed on exit
        self._at: dict[Hashable, tuple[int, int]] = {}
        self._end = 0

    def add(self, key: Hashable, data: bytes) -> None:
        """Keep an episode's JSON; of two with one key the last counts.

        Raises:
            JournalError: There is no room for it.
        """
        try:
            self._file.write(data)
        except OSError as error:
            raise JournalError(
                f"Episodes cannot be kept while the page is written: {error.strerror}.",
                where=tempfile.gettempdir(),
                fix="Make room, or name another folder: TMPDIR.",
            ) from error
        self._at[key] = (self._end, len(data))
        self._end += len(data)

    def places(self, order: Iterable[Hashable]) -> list[tuple[int, int]]:
        """For each episode in this order the number of its chunk, and its place there."""
        return [
            (number, place)
            for number, chunk in enumerate(self._split(order))
            for place in range(len(chunk))
        ]

    def packed(self, order: Iterable[Hashable]) -> Iterator[str]:
        """The chunks of episodes in this order, compressed, in base64."""
        for chunk in self._split(order):
            yield packed(b"[%b]" % b",".join(map(self._read, chunk)))

    def _split(self, order: Iterable[Hashable]) -> Iterator[Sequence[Hashable]]:
        chunk: list[Hashable] = []
        size = 0
        for key in order:
            chunk.append(key)
            size += self._at[key][1]
            if size >= _CHUNK:
                yield chunk
                chunk, size = [], 0
        if chunk:
            yield chunk

    def _read(self, key: Hashable) -> bytes:
        offset, length = self._at[key]
        self._file.seek(offset)
        return self._file.read(length)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()


def packed(data: bytes) -> str:
    """Bytes compressed, in base64: nothing in it means anything to HTML.

    Example:
        >>> zlib.decompress(base64.b64decode(packed(b"</script>")))
        b'</script>'
    """
    return base64.b64encode(zlib.compress(data, _LEVEL)).decode()
