"""The layout of a snapshot file: an SQLite database in which every byte that is used is checked.

- ``entries``: one row for each key's first 8 bytes, as a signed integer: all responses to the calls
  with that key, compressed with zstd, which carries a checksum. The keys stand inside once more, so
  that a row that is found in the wrong place is noticed.
- ``listing``: all those integers again, sorted, 1,024 a row, each row with a checksum: the proof
  that a call was never recorded, as against one whose row cannot be found any more.
- ``canonical``: for each record with a canonical key, that key's first 8 bytes and the integer of
  its entry, as pairs of integers, sorted, 512 pairs a row, each row with a checksum. Rows are found
  by where they begin, so that a canonical key that is not among them is proven to be none; the keys
  stand inside the entries in full.
- ``front``: the manifest, the names of APIs and recordings, the compression dictionary, and where
  the rows of ``listing`` and ``canonical`` begin, with one checksum over all.
- The header's user version is the checksum of the whole file, which ``verify`` computes.
"""

from __future__ import annotations

import hashlib
import struct
import sys
import zlib
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import orjson
import zstandard

from toolenv.apis import Identity
from toolenv.episodes import Completeness, Origin, Response, Status
from toolenv.snapshots.records import Recorded

__all__ = [
    "APPLICATION_ID",
    "LISTED",
    "PAIRED",
    "SCHEMA",
    "Entry",
    "Front",
    "Listing",
    "Names",
    "Pairs",
    "entry_canonical",
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

PAIRED: Final = 512
"""Pairs in one row of ``canonical``."""

SCHEMA: Final = """
CREATE TABLE front (
    manifest BLOB NOT NULL, names BLOB NOT NULL, dictionary BLOB NOT NULL, starts BLOB NOT NULL,
    pair_starts BLOB NOT NULL, checksum BLOB NOT NULL
);
CREATE TABLE entries (id INTEGER PRIMARY KEY, responses BLOB NOT NULL);
CREATE TABLE listing (id INTEGER PRIMARY KEY, ids BLOB NOT NULL);
CREATE TABLE canonical (id INTEGER PRIMARY KEY, pairs BLOB NOT NULL);
"""

_SEAL: Final = slice(60, 64)
"""SQLite's user version, which it leaves to applications."""


_COUNT: Final = struct.Struct("<I")
_HEAD: Final = struct.Struct("<16s16s5IQH2B")
"""Key; canonical key, zeros for none; sizes of text, arguments, about; API, recording, ordinal;
status, origin, completeness."""

_ORIGINS: Final[tuple[Origin, ...]] = ("live", "simulated", "local", "environment", "unknown")
_COMPLETENESS: Final[tuple[Completeness, ...]] = ("whole", "truncated", "unparsable")
_STATUSES: Final = {int(status): status for status in Status}


class Entry(NamedTuple):
    """One record in an entry.

    Args:
        key: The record's key.
        api: The number of its API.
        recording: The number of its recording.
        record: The record.
    """

    key: bytes
    api: int
    recording: int
    record: Recorded


class Names(NamedTuple):
    """What entries name by numbers."""

    identities: Sequence[Identity]
    recordings: Sequence[str]


class Front(NamedTuple):
    """The front row."""

    manifest: bytes
    names: bytes
    dictionary: bytes
    starts: bytes
    pair_starts: bytes
    checksum: bytes

    @classmethod
    def of(
        cls, manifest: bytes, names: Names, dictionary: bytes, starts: bytes, pair_starts: bytes
    ) -> Front:
        """The row with its checksum."""
        listed = orjson.dumps([[list(one) for one in names.identities], names.recordings])
        packed = zstandard.compress(listed, 12)
        parts = (manifest, packed, dictionary, starts, pair_starts)
        return cls(*parts, _checksum(*parts))

    def read_names(self) -> Names:
        """The names."""
        identities, recordings = orjson.loads(zstandard.decompress(self.names))
        return Names([Identity(*identity) for identity in identities], recordings)

    def check(self) -> None:
        """Raise ``ValueError`` where the row is not what was written."""
        if self.checksum != _checksum(*self[:-1]):
            raise ValueError("the front is not what was written")


def entry_id(key: bytes) -> int:
    """The integer that a key is filed under."""
    return int.from_bytes(key[:8], "big", signed=True)


def pack_entry(entries: Sequence[Entry]) -> bytes:
    """All records of one integer, in their order, before compression.

    A count, a fixed head for each record, then the texts that the heads measure.
    """
    heads: list[bytes] = [_COUNT.pack(len(entries))]
    texts: list[bytes] = []
    for key, api, recording, record in entries:
        response = record.response
        text = response.text.encode("utf-8", "surrogatepass")
        arguments = record.arguments.encode("utf-8", "surrogatepass")
        about = f"{record.recorded_at}\0{record.changes}".encode()
        heads.append(
            _HEAD.pack(
                key,
                bytes.fromhex(record.canonical),
                len(text),
                len(arguments),
                len(about),
                api,
                recording,
                response.ordinal,
                response.status,
                _ORIGINS.index(response.origin),
                _COMPLETENESS.index(response.completeness),
            )
        )
        texts += (text, arguments, about)
    return b"".join((*heads, *texts))


def entry_responses(packed: bytes, key: bytes, identity: Identity, names: Names) -> list[Response]:
    """The responses to one call in an entry, as a look-up serves them.

    Raises:
        ValueError, TypeError, IndexError, struct.error: The entry is damaged, or belongs elsewhere.
    """
    (count,) = _COUNT.unpack_from(packed)
    start = _COUNT.size + count * _HEAD.size
    found: list[Response] = []
    for place in range(_COUNT.size, start, _HEAD.size):
        own, _, text, arguments, about, api, recording, ordinal, *kinds = _HEAD.unpack_from(
            packed, place
        )
        if own == key:
            known = names.identities[api]
            if known == identity or known.joins(identity):
                status, origin, completeness = kinds
                found.append(
                    Response(
                        str(packed[start : start + text], "utf-8", "surrogatepass"),
                        _STATUSES[status],
                        "snapshot",
                        _ORIGINS[origin],
                        _COMPLETENESS[completeness],
                        names.recordings[recording],
                        ordinal,
                    )
                )
        elif own[:8] != key[:8]:
            raise ValueError("an entry stands in another's place")
        start += text + arguments + about
    return found


def entry_canonical(packed: bytes, key: bytes, identity: Identity, names: Names) -> list[Recorded]:
    """The records in an entry that have a canonical key and may be of an API.

    Raises:
        ValueError, TypeError, IndexError, struct.error: The entry is damaged, or belongs elsewhere.
    """
    canonical = key.hex()
    entries = unpack_entry(packed, names)
    if all(entry.record.canonical[:16] != canonical[:16] for entry in entries):
        raise ValueError("an entry stands in another's place")
    return [
        entry.record
        for entry in entries
        if entry.record.canonical == canonical and entry.record.identity.joins(identity)
    ]


def unpack_entry(packed: bytes, names: Names) -> list[Entry]:
    """All records of an entry.

    Raises:
        ValueError, TypeError, IndexError, struct.error: The entry is damaged.
    """
    (count,) = _COUNT.unpack_from(packed)
    start = _COUNT.size + count * _HEAD.size
    entries: list[Entry] = []

    def take(size: int) -> str:
        nonlocal start
        start += size
        return packed[start - size : start].decode("utf-8", "surrogatepass")

    for head in _HEAD.iter_unpack(packed[_COUNT.size : start]):
        key, canonical, text, arguments, about, api, recording, ordinal, *kinds = head
        status, origin, completeness = kinds
        response = Response(
            take(text),
            _STATUSES[status],
            "snapshot",
            _ORIGINS[origin],
            _COMPLETENESS[completeness],
            names.recordings[recording],
            ordinal,
        )
        written = take(arguments)
        recorded_at, _, changes = take(about).partition("\0")
        record = Recorded(
            names.identities[api],
            written,
            response,
            recorded_at,
            changes,
            canonical.hex() if any(canonical) else "",
        )
        entries.append(Entry(key, api, recording, record))
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


class Pairs:
    """Which entries answer the calls with a canonical key, proven row by row.

    Args:
        starts: The first integer of each row, packed as a row is.
    """

    def __init__(self, starts: bytes) -> None:
        self._starts = unpack_listing(starts)

    def rows_of(self, identifier: int) -> range:
        """The numbers of the rows that may hold an integer's pairs."""
        first = bisect_left(self._starts, identifier) - 1
        return range(max(first, 0), bisect_right(self._starts, identifier))

    @staticmethod
    def entries(row: bytes, identifier: int) -> list[int]:
        """The entries that a row pairs with an integer.

        Raises:
            ValueError: The row is not what was written.
        """
        pairs = unpack_listing(row)
        canonical = pairs[::2]
        low, high = bisect_left(canonical, identifier), bisect_right(canonical, identifier)
        return list(pairs[2 * low + 1 : 2 * high : 2])


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
