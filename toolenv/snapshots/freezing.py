"""Freezing: records in any order become a snapshot file, in memory that does not grow with them."""

from __future__ import annotations

import hashlib
import heapq
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import zstandard

from toolenv.apis import Identity
from toolenv.errors import SnapshotError
from toolenv.files import replacing
from toolenv.snapshots.layout import (
    APPLICATION_ID,
    LISTED,
    PAIRED,
    SCHEMA,
    Entry,
    Front,
    Names,
    entry_id,
    pack_entry,
    pack_listing,
    seal,
)
from toolenv.snapshots.manifest import Manifest
from toolenv.snapshots.records import Recorded, decode, encode
from toolenv.snapshots.success import classify

__all__ = ["RecordsDigest", "freeze"]

_DICTIONARY_SIZE = 112 * 1024
_SAMPLES = 2_000
_SAMPLE_SIZE = 16 * 1024
_SMALL = 64 << 20
_TINY = 1 << 20
_BATCH = 1_000
_LEARNED = 2_048  # bytes: what is longer compresses as well, and opens faster, without a dictionary


class RecordsDigest:
    """The digest of records in their order: BLAKE2b over their encodings, framed by length."""

    def __init__(self) -> None:
        self._digest = hashlib.blake2b(b"toolenv-snapshot-2", digest_size=16)

    def add(self, encoded: bytes) -> None:
        """Add the next record, as ``records.encode`` writes it."""
        self._digest.update(len(encoded).to_bytes(8, "big"))
        self._digest.update(encoded)

    def hex(self) -> str:
        """The digest, 32 hexadecimal digits."""
        return self._digest.hexdigest()


def freeze(
    records: Iterable[Recorded],
    path: str | Path,
    *,
    notes: str = "",
    licence: str = "",
    documents: str = "",
) -> Manifest:
    """Write a snapshot: sorted, compressed, immutable. An existing file is replaced at once.

    Equal records give an equal digest, in whatever order they come, and equal files as long as
    the versions of SQLite and zstd are the same.

    Args:
        records: What to freeze, in any order; equal records are kept once, with a canonical key
            where one of them has it.
        path: The file to write. Beside it, as much room again is needed meanwhile.
        notes: Whatever should be known of it.
        licence: The licence of the responses.
        documents: Digest of the documentation that the canonical keys were made from.

    Returns:
        The manifest, digest included.

    Raises:
        SnapshotError: The file cannot be written.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            TemporaryDirectory(prefix=".freezing-", dir=path.parent) as folder,
            _Sorted(Path(folder) / "records.db") as ordered,
            replacing(path) as new,
        ):
            ordered.fill(records)
            said = _Said(notes, licence, documents)
            manifest = _write(new, ordered, said)
            seal(new)
        return manifest
    except (OSError, sqlite3.Error, TypeError) as error:  # TypeError: a name with a lone surrogate
        raise SnapshotError(f"The snapshot cannot be written: {error}.", where=str(path)) from error


class _Said(NamedTuple):
    """What a snapshot's makers say of it."""

    notes: str
    licence: str
    documents: str


class _Sorted:
    """Records sorted on the disk, and a sample of them that does not depend on their order."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path)
        self._connection.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA temp_store = FILE;"
            "PRAGMA cache_size = -16384;"  # KiB: sorted pieces of this size, so that they stay few
            f"PRAGMA temp_store_directory = '{str(path.parent).replace(chr(39), chr(39) * 2)}';"
            "CREATE TABLE records (id INTEGER, key BLOB, recorded_at TEXT, recording BLOB, "
            "ordinal INTEGER, record BLOB, canonical BLOB);"
            "CREATE TABLE pairs (canonical INTEGER, entry INTEGER)"
        )
        self._sample: list[tuple[int, bytes]] = []  # a heap: the records of smallest digest
        self.size = 0

    def fill(self, records: Iterable[Recorded]) -> None:
        """Take all records in."""
        self._connection.executemany(
            "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?)", map(self._row, records)
        )
        self._connection.commit()

    def _row(self, record: Recorded) -> tuple[object, ...]:
        key, encoded = record.key, encode(record._replace(canonical=""))
        self.size += len(encoded)
        rank = -int.from_bytes(hashlib.blake2b(encoded, digest_size=8).digest(), "big")
        if len(self._sample) < _SAMPLES:
            heapq.heappush(self._sample, (rank, encoded[:_SAMPLE_SIZE]))
        elif rank > self._sample[0][0]:
            heapq.heapreplace(self._sample, (rank, encoded[:_SAMPLE_SIZE]))
        recording = record.response.recording.encode("utf-8", "surrogatepass")
        place = (record.recorded_at, recording, record.response.ordinal)
        return (entry_id(key), key, *place, encoded, bytes.fromhex(record.canonical))

    def __iter__(self) -> Iterator[tuple[int, bytes, Recorded]]:
        """Integer, key and content of each record, in order; each once."""
        last = b""
        for identifier, key, encoded, canonical in self._connection.execute(
            "SELECT id, key, record, canonical FROM records "
            "ORDER BY id, key, recorded_at, recording, ordinal, record, canonical DESC"
        ):
            if encoded != last:
                if canonical:
                    pair = (entry_id(canonical), identifier)
                    self._connection.execute("INSERT INTO pairs VALUES (?, ?)", pair)
                yield identifier, key, decode(encoded)._replace(canonical=canonical.hex())
            last = encoded

    def pairs(self) -> Iterator[tuple[int, int]]:
        """Integers of the canonical keys of all records so far with those of their entries."""
        yield from self._connection.execute(
            "SELECT DISTINCT canonical, entry FROM pairs ORDER BY canonical, entry"
        )

    def dictionary(self) -> bytes:
        """A zstd dictionary trained on the sample; none where there is too little to learn."""
        samples: list[bytes | bytearray | memoryview] = [raw for _, raw in sorted(self._sample)]
        size = min(_DICTIONARY_SIZE, sum(map(len, samples)) // 10)
        if len(samples) < 32 or size < 1024:
            return b""
        try:
            return zstandard.train_dictionary(size, samples, level=_level(self.size)).as_bytes()
        except zstandard.ZstdError:  # too uniform a sample
            return b""

    def __enter__(self) -> _Sorted:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def _level(size: int) -> int:
    """What is small is compressed hard; a large store would take hours. Both open equally fast."""
    return 12 if size < _SMALL else 6


def _page_size(size: int) -> int:
    """Small pages waste little of a small file; in large ones no entry is spread over several."""
    return 512 if size < _TINY else 4096 if size < _SMALL else 32768


def _compressor(level: int, dictionary: bytes) -> Callable[[bytes], bytes]:
    """Compression of entries: the short ones with the dictionary, if there is one."""
    plain = zstandard.ZstdCompressor(
        level=level,
        write_checksum=True,  # a damaged text is an error, never another text
    )
    if not dictionary:
        return plain.compress
    learned = zstandard.ZstdCompressor(
        level=level,
        dict_data=zstandard.ZstdCompressionDict(dictionary),
        write_checksum=True,
    )

    def compress(entry: bytes) -> bytes:
        return (learned if len(entry) < _LEARNED else plain).compress(entry)

    return compress


def _write(path: Path, ordered: _Sorted, said: _Said) -> Manifest:
    dictionary = ordered.dictionary()
    compress = _compressor(_level(ordered.size), dictionary)
    counted = _Counted()
    starts: list[int] = []
    connection = sqlite3.connect(path)
    try:
        connection.execute(f"PRAGMA page_size = {_page_size(ordered.size)}")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("PRAGMA journal_mode = OFF")  # a file that is renamed when complete
        connection.executescript(SCHEMA)
        listed: list[int] = []
        rows: list[tuple[int, bytes]] = []

        def flush_listing() -> None:
            if listed:
                connection.execute(
                    "INSERT INTO listing VALUES (?, ?)", (len(starts), pack_listing(listed))
                )
                starts.append(listed[0])
                listed.clear()

        for identifier, group in groupby(ordered, key=lambda item: item[0]):
            entries = [counted.add(key, record) for _, key, record in group]
            rows.append((identifier, compress(pack_entry(entries))))
            listed.append(identifier)
            if len(listed) == LISTED:
                flush_listing()
            if len(rows) == _BATCH:
                connection.executemany("INSERT INTO entries VALUES (?, ?)", rows)
                rows.clear()
        connection.executemany("INSERT INTO entries VALUES (?, ?)", rows)
        flush_listing()
        pair_starts = _write_pairs(connection, ordered.pairs())
        manifest = counted.manifest(said)
        front = Front.of(
            manifest.model_dump_json().encode(),
            Names(list(counted.identities), list(counted.recordings)),
            dictionary,
            pack_listing(starts),
            pack_listing(pair_starts),
        )
        connection.execute("INSERT INTO front VALUES (?, ?, ?, ?, ?, ?)", front)
        connection.commit()
    finally:
        connection.close()
    return manifest


def _write_pairs(connection: sqlite3.Connection, pairs: Iterator[tuple[int, int]]) -> list[int]:
    """Write the rows of ``canonical``; the first integer of each."""
    starts: list[int] = []
    while row := list(islice(pairs, PAIRED)):
        packed = pack_listing([integer for pair in row for integer in pair])
        connection.execute("INSERT INTO canonical VALUES (?, ?)", (len(starts), packed))
        starts.append(row[0][0])
    return starts


class _Counted:
    """Everything that the manifest says, gathered record by record."""

    def __init__(self) -> None:
        self.identities: dict[Identity, int] = {}
        self._digest = RecordsDigest()
        self._responses = self._calls = 0
        self._last = b""
        self.recordings: dict[str, int] = {}
        self._of_recording: Counter[str] = Counter()
        self._origins: Counter[str] = Counter()
        self._completeness: Counter[str] = Counter()
        self._success: Counter[str] = Counter()
        self._canonical = 0
        self._from = self._to = ""

    def add(self, key: bytes, record: Recorded) -> Entry:
        """Count a record, the next in order."""
        response = record.response
        self._digest.add(encode(record))
        self._responses += 1
        self._calls += key != self._last
        self._last = key
        self._of_recording[response.recording] += 1
        self._origins[response.origin] += 1
        self._completeness[response.completeness] += 1
        readable = response.completeness != "unparsable"
        self._success[classify(response.status, response.text) if readable else "unknown"] += 1
        self._canonical += bool(record.canonical)
        if record.recorded_at:
            self._from = min(self._from or record.recorded_at, record.recorded_at)
            self._to = max(self._to, record.recorded_at)
        api = self.identities.setdefault(record.identity, len(self.identities))
        recording = self.recordings.setdefault(response.recording, len(self.recordings))
        return Entry(key, api, recording, record)

    def manifest(self, said: _Said) -> Manifest:
        """What all of it comes to."""
        return Manifest(
            digest=self._digest.hex(),
            responses=self._responses,
            calls=self._calls,
            apis=len(self.identities),
            recordings=dict(sorted(self._of_recording.items())),
            origins=dict(sorted(self._origins.items())),
            completeness=dict(sorted(self._completeness.items())),
            success=dict(sorted(self._success.items())),
            canonical=self._canonical,
            recorded_from=self._from,
            recorded_to=self._to,
            notes=said.notes,
            licence=said.licence,
            documents=said.documents,
        )
