"""Frames: pieces of a file that prove themselves, each a zstd frame of its own (RFC 8878).

Frames lie one after the other, so ``zstdcat`` and every other reader of zstd reads the file as one
text. Each carries the checksum of its content. A frame that a crash cut short is known by having no
whole frame behind it; one that is damaged by having some. A damaged piece can be closed off in
place as a skippable frame, which readers of zstd pass over.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import zstandard

__all__ = ["Damage", "Frame", "close_off", "compress", "decompress", "walk"]

_LEVEL = 1
_LITTLE_LOG = 14
"""Up to so many bytes, as a power of two, a small table of hashes finds as much as a large one, in
two thirds of the time: it need not be brought into the processor's cache for each frame."""
_LITTLE_HASH_LOG = 11
_MAGIC = b"\x28\xb5\x2f\xfd"  # no text in UTF-8 holds it, so no recorded text can look like a frame
_SKIPPABLE_MAGIC = b"\x50\x2a\x4d\x18"
_SKIPPABLE_HEADER = len(_SKIPPABLE_MAGIC) + 4
_FIRST_READ = 8 * 1024
_SEARCHED_AT_ONCE = 1024 * 1024


class Frame(NamedTuple):
    """A whole frame of a file: where it begins, its length in bytes, and what it says."""

    offset: int
    length: int
    content: bytes


class Damage(NamedTuple):
    """A piece of a file that holds no whole frame, though one lies behind it."""

    offset: int
    length: int


class _OfThread(threading.local):
    """zstd's contexts are costly to make, and one serves one thread at a time."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
        self.compressor_of_little = zstandard.ZstdCompressor(
            compression_params=zstandard.ZstdCompressionParameters.from_level(
                _LEVEL,
                window_log=_LITTLE_LOG,
                hash_log=_LITTLE_HASH_LOG,
                chain_log=_LITTLE_HASH_LOG,
                min_match=5,
                strategy=zstandard.STRATEGY_FAST,
                write_checksum=True,
            )
        )
        self.decompressor = zstandard.ZstdDecompressor()


_of_thread = _OfThread()


def compress(content: bytes) -> bytes:
    """A frame of some content, which is not empty."""
    if len(content) <= 1 << _LITTLE_LOG:
        return _of_thread.compressor_of_little.compress(content)
    return _of_thread.compressor.compress(content)


def decompress(frame: bytes) -> bytes | None:
    """A frame's content; None where the bytes are not one whole frame."""
    try:
        return _of_thread.decompressor.decompress(frame, allow_extra_data=False)
    except zstandard.ZstdError:
        return None


def walk(path: Path, offset: int = 0) -> Iterator[Frame | Damage]:
    """Go through a file's frames, and past what is damaged, up to its last whole frame.

    Args:
        path: The file; it may grow meanwhile.
        offset: Where to begin: at a frame.

    Raises:
        OSError: The file cannot be read.
    """
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while True:
            frame = _skipped(file, offset) or _frame_at(file, offset)
            if frame is None:
                frame = _next_whole(file, offset + 1)
                if frame is None:
                    return
                yield Damage(offset, frame.offset - offset)
            if frame.content:
                yield frame
            offset = frame.offset + frame.length
    finally:
        os.close(file)


def _frame_at(file: int, offset: int) -> Frame | None:
    """The frame that begins there; None where none does, or not all of it is there."""
    reading = _of_thread.decompressor.decompressobj()
    content: list[bytes] = []
    at, size = offset, _FIRST_READ
    try:
        while piece := os.pread(file, size, at):
            at += len(piece)
            content.append(reading.decompress(piece))
            if reading.eof:
                length = at - offset - len(reading.unused_data)
                whole = b"".join(content)
                return Frame(offset, length, whole) if whole else None
            size *= 4
    except zstandard.ZstdError:
        pass
    return None


def _skipped(file: int, offset: int) -> Frame | None:
    """The skippable frame that begins there, as one without content."""
    header = os.pread(file, _SKIPPABLE_HEADER, offset)
    if header[: len(_SKIPPABLE_MAGIC)] != _SKIPPABLE_MAGIC or len(header) < _SKIPPABLE_HEADER:
        return None
    length = _SKIPPABLE_HEADER + int.from_bytes(header[len(_SKIPPABLE_MAGIC) :], "little")
    return Frame(offset, length, b"") if offset + length <= os.fstat(file).st_size else None


def _next_whole(file: int, offset: int) -> Frame | None:
    while len(piece := os.pread(file, _SEARCHED_AT_ONCE, offset)) >= len(_MAGIC):
        place = piece.find(_MAGIC)
        while place >= 0:
            if frame := _frame_at(file, offset + place):
                return frame
            place = piece.find(_MAGIC, place + 1)
        offset += len(piece) - len(_MAGIC) + 1
    return None


def close_off(path: Path, damage: Damage) -> None:
    """Make a damaged piece one that readers of zstd pass over; all but its first bytes stay.

    A piece of less than 8 bytes has no room for that and is left as it is.

    Raises:
        OSError: The file cannot be written.
    """
    room = damage.length - _SKIPPABLE_HEADER
    if room >= 0:
        with path.open("r+b") as file:
            file.seek(damage.offset)
            file.write(_SKIPPABLE_MAGIC + room.to_bytes(4, "little"))
            file.flush()
            os.fsync(file.fileno())
