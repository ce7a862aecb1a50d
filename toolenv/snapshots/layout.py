"""The layout of a snapshot file: an SQLite database in which every byte that is used is checked.

- ``entries``: one row for each key's first 8 bytes, as a signed integer: all responses to the calls
  with that key, compressed with zstd, which carries a checksum. The keys stand inside once more, so
  that a row that is found in the wrong place is noticed.
- ``listing``: all those integers again, sorted, 1,024 a row, each row with a checksum: the proof
  that a call was never recorded, as against one whose row cannot be found any more.
- ``front``: the manifest, the APIs, the compression dictionary, and where the listing's rows begin,
  with one checksum over all.
- The header's user version is the checksum of the whole file, which ``verify`` computes.
"""

from __future__ import annotations

import hashlib
import sys
import zlib
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from toolenv.apis import Identity
from toolenv.episodes import Response, status_of
from toolenv.snapshots.records import Recorded

__all__ = [
    "APPLICATION_ID",
    "LISTED",
    "SCHEMA",
    "Entry",
    "Front",
    "Listing",
    "entry_id",
    "entry_responses",
    "file_checksums",
    "pack_entry",
    "pack_listing",
    "seal",
    "unpack_entry",
    "unpack_listing",
]

APPLICATION_ID: Final = 0x54454E56
"""``TENV``, in the file's header."""

LISTED: Final = 1024
"""Integers in one row of the listing."""

SCHEMA: Final = """
CREATE TABLE front (
    manifest BLOB NOT NULL, apis BLOB NOT NULL, dictionary BLOB NOT NULL, starts BLOB NOT NULL,
    checksum BLOB NOT NULL
);
CREATE TABLE entries (id INTEGER PRIMARY KEY, responses BLOB NOT NULL);
CREATE TABLE listing (id INTEGER PRIMARY KEY, ids BLOB NOT NULL);
"""

_SEAL: Final = slice(60, 64)
"""SQLite's user version, which it leaves to applications."""


class Entry(NamedTuple):
    """One record in an entry.

    Args:
        key: The record's key.
        api: The number of its API.
        record: The record, without its identity.
    """

    key: bytes
    api: int
    record: Recorded


class Front(NamedTuple):
    """The front row."""

    manifest: bytes
    apis: bytes
    dictionary: bytes
    starts: bytes
    checksum: bytes

    @classmethod
    def of(cls, manifest: bytes, apis: bytes, dictionary: bytes, starts: bytes) -> Front:
        """The row with its checksum."""
        return cls(
            manifest, apis, dictionary, starts, _checksum(manifest, apis, dictionary, starts)
        )

    def check(self) -> None:
        """Raise ``ValueError`` where the row is not what was written."""
        if self.checksum != _checksum(*self[:-1]):
            raise ValueError("the front is not what was written")


def entry_id(key: bytes) -> int:
    """The integer that a key is filed under."""
    return int.from_bytes(key[:8], "big", signed=True)


def pack_entry(entries: Sequence[Entry]) -> bytes:
    """All records of one integer, in their order, before compression.

    One line of JSON says what is there, and the arguments' and responses' texts follow.
    """
    described: list[tuple[object, ...]] = []
    texts: list[bytes] = []
    for key, api, record in entries:
        response = record.response
        arguments = record.arguments.encode("utf-8", "surrogatepass")
        text = response.text.encode("utf-8", "surrogatepass")
        described.append(
            (
                key.hex(),
                len(text),
                len(arguments),
                api,
                int(response.status),
                response.origin,
                response.completeness,
                response.recording,
                response.ordinal,
                record.recorded_at,
                record.changes,
            )
        )
        texts += (text, arguments)
    return b"\n".join((orjson.dumps(described), b"".join(texts)))


def entry_responses(
    packed: bytes, key: bytes, identity: Identity, identities: Sequence[Identity]
) -> list[Response]:
    """The responses to one call in an entry, as a look-up serves them.

    Raises:
        ValueError, TypeError, IndexError: The entry does not belong here, or is damaged.
    """
    start = packed.index(b"\n") + 1
    wanted = key.hex()
    found: list[Response] = []
    for line in orjson.loads(packed[: start - 1]):
        text, arguments, api, status, origin, completeness, recording, ordinal = line[1:9]
        if line[0] == wanted:
            known = identities[api]
            if known == identity or known.joins(identity):
                found.append(
                    Response(
                        packed[start : start + text].decode("utf-8", "surrogatepass"),
                        status_of(status),
                        "snapshot",
                        origin,
                        completeness,
                        recording,
                        ordinal,
                    )
                )
        elif line[0][:16] != wanted[:16]:
            raise ValueError("an entry stands in another's place")
        start += text + arguments
    return found


def unpack_entry(packed: bytes, identities: Sequence[Identity]) -> list[Entry]:
    """All records of an entry.

    Raises:
        ValueError, TypeError, IndexError: The entry is damaged.
    """
    start = packed.index(b"\n") + 1
    entries: list[Entry] = []
    described: list[list[Any]] = orjson.loads(packed[: start - 1])
    for key, text, arguments, api, status, *rest, recorded_at, changes in described:
        response = Response(
            packed[start : start + text].decode("utf-8", "surrogatepass"),
            status_of(status),
            "snapshot",
            *rest,
        )
        start += text
        written = packed[start : start + arguments].decode("utf-8", "surrogatepass")
        start += arguments
        record = Recorded(identities[api], written, response, recorded_at, changes)
        entries.append(Entry(bytes.fromhex(key), api, record))
    return entries


def pack_listing(ids: Sequence[int]) -> bytes:
    """One row of the listing: sorted integers, and their checksum."""
    raw = _big_endian(array("q", ids)).tobytes()
    return raw + _checksum(raw)


def unpack_listing(packed: bytes) -> array[int]:
    """The integers of a row of the listing.

    Raises:
        ValueError: The row is not what was written.
    """
    raw, checksum = packed[:-8], packed[-8:]
    if checksum != _checksum(raw):
        raise ValueError("the listing is not what was written")
    ids = array("q")
    ids.frombytes(raw)
    return _big_endian(ids)


class Listing:
    """Which integers have an entry, proven row by row.

    Args:
        starts: The first integer of each row, packed as a row is.
    """

    def __init__(self, starts: bytes) -> None:
        self._starts = unpack_listing(starts)

    def row_of(self, identifier: int) -> int | None:
        """The number of the row that would list an integer; None where none would."""
        return bisect_right(self._starts, identifier) - 1 if self._starts else None

    @staticmethod
    def lists(row: bytes, identifier: int) -> bool:
        """Whether a row lists an integer.

        Raises:
            ValueError: The row is not what was written.
        """
        ids = unpack_listing(row)
        place = bisect_left(ids, identifier)
        return place < len(ids) and ids[place] == identifier


def file_checksums(path: Path) -> tuple[int, int]:
    """The checksum that a file was sealed with, and the one that its bytes have."""
    with path.open("rb") as file:
        header = bytearray(file.read(100))
        sealed = int.from_bytes(header[_SEAL], "big")
        header[_SEAL] = bytes(4)
        checksum = zlib.crc32(header)
        while piece := file.read(1 << 20):
            checksum = zlib.crc32(piece, checksum)
    return sealed, checksum


def seal(path: Path) -> None:
    """Write a file's checksum to its header."""
    _, checksum = file_checksums(path)
    with path.open("r+b") as file:
        file.seek(_SEAL.start)
        file.write(checksum.to_bytes(4, "big"))


def _checksum(*parts: bytes) -> bytes:
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()


def _big_endian(ids: array[int]) -> array[int]:
    if sys.byteorder == "little":
        ids.byteswap()
    return ids
