"""Lines that prove themselves: one JSON object per line, its last member a checksum of the rest.

A line is ``<object without its closing brace>,"crc":"<8 hex digits>"}`` and a line feed. The digits
are the CRC-32 of every byte before ``,"crc"``. So any JSON reader reads a line, and ours knows
whether it is what was written.
"""

from __future__ import annotations

from zlib import crc32

import orjson

from toolenv.jsontext import render

__all__ = ["frame", "is_whole"]

_TRAILER = b',"crc":"'
_TRAILER_LENGTH = len(_TRAILER) + 8 + len(b'"}\n')


def frame(record: dict[str, object]) -> bytes:
    """Write a record, which has at least one member, as one line with its checksum.

    Raises:
        TypeError: The record has no JSON form.
    """
    try:
        body = orjson.dumps(record)[:-1]
    except TypeError:  # integers over 64 bits, lone surrogates, deep nesting
        body = render(record).encode()[:-1]
    return b'%b,"crc":"%08x"}\n' % (body, crc32(body))


def is_whole(line: bytes) -> bool:
    """Whether a line, line feed included, is to the byte what ``frame`` wrote."""
    body = line[:-_TRAILER_LENGTH]
    return line[len(body) :] == b',"crc":"%08x"}\n' % crc32(body) and bool(body)
