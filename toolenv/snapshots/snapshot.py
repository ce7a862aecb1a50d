"""The snapshot: an immutable, content-addressed set of recorded responses in one SQLite file.

The file is opened read-only and immutable, so that processes share it through the page cache and
nothing of it is loaded before it is asked for. Texts are compressed one by one with zstd and a
dictionary trained on the snapshot itself. The digest is over the records in their own order, so it
depends neither on the order nor on the machine of recording.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Self

import zstandard
from pydantic import BaseModel, ConfigDict

from toolenv.apis import Identity
from toolenv.episodes import Response, status_of
from toolenv.errors import SnapshotError
from toolenv.files import replacing
from toolenv.snapshots.key import KEY_VERSION
from toolenv.snapshots.records import Recorded, encode

__all__ = ["SNAPSHOT_VERSION", "Manifest", "Snapshot", "freeze"]

SNAPSHOT_VERSION = 1
_APPLICATION_ID = 0x54454E56  # "TENV", in the file's header
_LEVEL = 9
_DICTIONARY_SIZE = 64 * 1024
_DICTIONARY_SAMPLES = 2_000

_SCHEMA = """
CREATE TABLE manifest (json TEXT NOT NULL, dictionary BLOB NOT NULL);
CREATE TABLE apis (
    id INTEGER PRIMARY KEY, function TEXT NOT NULL, category TEXT NOT NULL, tool TEXT NOT NULL,
    api TEXT NOT NULL, UNIQUE (function, category, tool, api)
);
CREATE TABLE responses (
    id INTEGER PRIMARY KEY, key BLOB NOT NULL, api INTEGER NOT NULL REFERENCES apis (id),
    arguments BLOB NOT NULL, text BLOB NOT NULL, status INTEGER NOT NULL, origin TEXT NOT NULL,
    completeness TEXT NOT NULL, recording TEXT NOT NULL, ordinal INTEGER NOT NULL,
    recorded_at TEXT NOT NULL, changes TEXT NOT NULL, checksum INTEGER NOT NULL
);
"""
_SEAL = slice(60, 64)
"""Where the file's own checksum is: SQLite leaves these bytes of its header to applications."""

_DAMAGE = (
    sqlite3.Error,
    zstandard.ZstdError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    MemoryError,
    OverflowError,
)
"""What reading raises where bytes are not what was written: values of any type, any length."""

_LOOKUP = (
    "SELECT checksum, api, text, status, origin, completeness, recording, ordinal "
    "FROM responses WHERE key = ? ORDER BY id"
)


class Manifest(BaseModel):
    """What a snapshot says of itself.

    Args:
        version: Version of the file's layout.
        key_version: Version of the keys.
        digest: Digest of the records, 32 hexadecimal digits.
        responses: How many responses it holds.
        calls: How many different calls they answer.
        apis: Of how many APIs.
        recordings: How many responses each recording gave.
        origins: How many responses each origin gave.
        completeness: How many responses are whole, truncated, unparsable.
        recorded_from: Time of the earliest response; empty where unknown.
        recorded_to: Time of the latest.
        notes: Whatever its makers want to say: licence, purpose.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    version: int = SNAPSHOT_VERSION
    key_version: int = KEY_VERSION
    digest: str
    responses: int
    calls: int
    apis: int
    recordings: dict[str, int]
    origins: dict[str, int]
    completeness: dict[str, int]
    recorded_from: str = ""
    recorded_to: str = ""
    notes: str = ""


class Snapshot:
    """A frozen set of recorded responses, read from its file.

    Args:
        path: A file written by ``freeze``.

    Raises:
        SnapshotError: The file is missing, is no snapshot, or was written by a newer version.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._intact = False
        if not self.path.is_file():
            raise SnapshotError(
                "There is no such file.",
                where=str(path),
                fix="Make one with: toolenv snapshot freeze STORE --out FILE.",
            )
        self._handles = _Handles(f"{self.path.resolve().as_uri()}?mode=ro&immutable=1")
        try:
            connection = self._handles.connection
            (application_id,) = connection.execute("PRAGMA application_id").fetchone()
            if application_id != _APPLICATION_ID:
                raise SnapshotError("The file is no toolenv snapshot.", where=str(path))
            (text,) = connection.execute("SELECT json FROM manifest").fetchone()
            self.manifest = Manifest.model_validate_json(text)
            self._refuse_newer()
            self._identities = {
                number: Identity(*names)
                for number, *names in connection.execute(
                    "SELECT id, function, category, tool, api FROM apis"
                )
            }
        except _DAMAGE as error:
            raise SnapshotError(
                f"The file cannot be read as a snapshot: {error}.", where=str(path)
            ) from error

    def _refuse_newer(self) -> None:
        if self.manifest.version > SNAPSHOT_VERSION or self.manifest.key_version > KEY_VERSION:
            raise SnapshotError(
                f"The snapshot has layout {self.manifest.version} and keys "
                f"{self.manifest.key_version}; this toolenv reads up to {SNAPSHOT_VERSION} and "
                f"{KEY_VERSION}.",
                where=str(self.path),
                fix="Upgrade toolenv.",
            )

    @property
    def fingerprint(self) -> str:
        """The digest of the records."""
        return f"snapshot-{self.manifest.digest}"

    def lookup(self, identity: Identity, key: bytes) -> Sequence[Response]:
        """All answers recorded for a call, earliest first; empty for none.

        Raises:
            SnapshotError: The file is damaged.
        """
        try:
            handles, identities = self._handles, self._identities
            rows = handles.connection.execute(_LOOKUP, (key,)).fetchall()
            for checksum, *row in rows:
                if checksum != _row_checksum(key, *row):
                    raise ValueError("a row is not what was written")
            decompress = handles.decompress
            found = [
                Response(
                    decompress(text).decode("utf-8", "surrogatepass"),
                    status_of(status),
                    "snapshot",
                    origin,
                    completeness,
                    recording,
                    ordinal,
                )
                for _, api, text, status, origin, completeness, recording, ordinal in rows
                if identities[api] == identity or identities[api].joins(identity)
            ]
            if not found and not self._intact:
                self._check_seal()  # damage must not look like a call that was never made
            return found
        except _DAMAGE as error:
            raise self._damaged(error) from error

    def records(self) -> Iterator[Recorded]:
        """Every record, in the file's order.

        Raises:
            SnapshotError: The file is damaged.
        """
        handles = self._handles
        decompress = handles.decompress
        try:
            for (
                api,
                arguments,
                text,
                status,
                *rest,
                recorded_at,
                changes,
            ) in handles.connection.execute(
                "SELECT api, arguments, text, status, origin, completeness, recording, ordinal, "
                "recorded_at, changes FROM responses ORDER BY id"
            ):
                yield Recorded(
                    self._identities[api],
                    arguments.decode("utf-8", "surrogatepass"),
                    Response(
                        decompress(text).decode("utf-8", "surrogatepass"),
                        status_of(status),
                        "snapshot",
                        *rest,
                    ),
                    recorded_at,
                    changes,
                )
        except _DAMAGE as error:
            raise self._damaged(error) from error

    def identities(self) -> list[Identity]:
        """The APIs it holds responses of."""
        return list(self._identities.values())

    def verify(self) -> None:
        """Check every byte of the file, and recompute the digest from every record.

        Raises:
            SnapshotError: The file is damaged or was altered.
        """
        self._check_seal()
        found = _Digest()
        for record in self.records():
            found.add(record)
        if found.hex() != self.manifest.digest:
            raise SnapshotError(
                f"The records have the digest {found.hex()}, the manifest says "
                f"{self.manifest.digest}.",
                where=str(self.path),
                fix="The file was damaged or altered: fetch it again.",
            )

    def _check_seal(self) -> None:
        sealed, checksum = _checksums(self.path)
        if sealed != checksum:
            raise SnapshotError(
                f"The file has the checksum {checksum:08x} and was sealed with {sealed:08x}.",
                where=str(self.path),
                fix="The file was damaged or altered: fetch it again.",
            )
        self._intact = True

    def close(self) -> None:
        """Close the file for the calling thread; closing twice is harmless."""
        self._handles.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _damaged(self, error: Exception) -> SnapshotError:
        return SnapshotError(
            f"The snapshot is damaged: {error}.",
            where=str(self.path),
            fix="Fetch it again; 'toolenv snapshot verify' checks a whole file.",
        )


class _Handles(threading.local):
    """One connection and one decompressor per thread: neither may be shared by two at once."""

    def __init__(self, uri: str) -> None:
        self.connection = sqlite3.connect(uri, uri=True)

    @cached_property
    def decompress(self) -> Callable[[bytes], bytes]:
        (dictionary,) = self.connection.execute("SELECT dictionary FROM manifest").fetchone()
        return _decompressor(dictionary).decompress


def freeze(records: Iterable[Recorded], path: str | Path, *, notes: str = "") -> Manifest:
    """Write a snapshot: sorted, compressed, immutable. An existing file is replaced at once.

    Args:
        records: What to freeze, in any order; equal records are kept once.
        path: The file to write.
        notes: Whatever should be known of it.

    Returns:
        The manifest, digest included.

    Raises:
        SnapshotError: The file cannot be written.
    """
    path = Path(path)
    ordered = sorted({(record.key, _plain(record)) for record in records}, key=_place)
    dictionary = _train([record.response.text for _, record in ordered])
    try:
        with replacing(path) as new:
            manifest = _write(new, ordered, dictionary, notes)
            _seal(new)
            return manifest
    except (OSError, sqlite3.Error, UnicodeEncodeError) as error:  # a name with a lone surrogate
        raise SnapshotError(f"The snapshot cannot be written: {error}.", where=str(path)) from error


def _plain(record: Recorded) -> Recorded:
    """The record without what depends on where it was read from."""
    return record._replace(response=record.response._replace(source="snapshot"))


def _place(item: tuple[bytes, Recorded]) -> tuple[object, ...]:
    key, record = item
    return (key, record.order, record.identity, record.arguments, record.response)


def _write(
    path: Path, ordered: Sequence[tuple[bytes, Recorded]], dictionary: bytes, notes: str
) -> Manifest:
    compressor = zstandard.ZstdCompressor(
        level=_LEVEL,
        dict_data=zstandard.ZstdCompressionDict(dictionary) if dictionary else None,
        write_checksum=True,  # a damaged text is an error, never another text
    )
    digest = _Digest()
    identities: dict[Identity, int] = {}
    connection = sqlite3.connect(path)
    try:
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute("PRAGMA journal_mode = OFF")  # a file that is renamed when complete
        connection.executescript(_SCHEMA)
        for key, record in ordered:
            digest.add(record)
            api = identities.setdefault(record.identity, len(identities) + 1)
            response = record.response
            text = compressor.compress(response.text.encode("utf-8", "surrogatepass"))
            about = (
                int(response.status),
                response.origin,
                response.completeness,
                response.recording,
                response.ordinal,
            )
            connection.execute(
                "INSERT INTO responses VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    key,
                    api,
                    record.arguments.encode("utf-8", "surrogatepass"),
                    text,
                    *about,
                    record.recorded_at,
                    record.changes,
                    _row_checksum(key, api, text, *about),
                ),
            )
        connection.executemany(
            "INSERT INTO apis VALUES (?, ?, ?, ?, ?)",
            ((number, *identity) for identity, number in identities.items()),
        )
        responses = [record.response for _, record in ordered]
        times = sorted(record.recorded_at for _, record in ordered if record.recorded_at)
        manifest = Manifest(
            digest=digest.hex(),
            responses=len(ordered),
            calls=len({key for key, _ in ordered}),
            apis=len(identities),
            recordings=_counts(response.recording for response in responses),
            origins=_counts(response.origin for response in responses),
            completeness=_counts(response.completeness for response in responses),
            recorded_from=times[0] if times else "",
            recorded_to=times[-1] if times else "",
            notes=notes,
        )
        connection.execute(
            "INSERT INTO manifest VALUES (?, ?)", (manifest.model_dump_json(), dictionary)
        )
        connection.execute("CREATE INDEX responses_by_key ON responses (key)")
        connection.commit()
    finally:
        connection.close()
    return manifest


def _row_checksum(key: bytes, api: int, text: bytes, *about: object) -> int:
    """Checksum of all that a look-up serves, and of the key that it is served for."""
    return zlib.crc32(text, zlib.crc32(f"{api} {about}".encode(), zlib.crc32(key)))


def _checksums(path: Path) -> tuple[int, int]:
    """The checksum that a file was sealed with, and the one that its bytes have."""
    with path.open("rb") as file:
        header = bytearray(file.read(100))
        sealed = int.from_bytes(header[_SEAL], "big")
        header[_SEAL] = bytes(4)
        checksum = zlib.crc32(header)
        while piece := file.read(1 << 20):
            checksum = zlib.crc32(piece, checksum)
    return sealed, checksum


def _seal(path: Path) -> None:
    """Write a file's checksum to its header."""
    _, checksum = _checksums(path)
    with path.open("r+b") as file:
        file.seek(_SEAL.start)
        file.write(checksum.to_bytes(4, "big"))


class _Digest:
    """BLAKE2b over the records' encodings, each framed by its length."""

    def __init__(self) -> None:
        self._digest = hashlib.blake2b(b"toolenv-snapshot-1", digest_size=16)

    def add(self, record: Recorded) -> None:
        raw = encode(record)
        self._digest.update(len(raw).to_bytes(8, "big"))
        self._digest.update(raw)

    def hex(self) -> str:
        return self._digest.hexdigest()


def _train(texts: Sequence[str]) -> bytes:
    """A zstd dictionary from an evenly spaced sample; none where there is too little to learn."""
    step = max(1, len(texts) // _DICTIONARY_SAMPLES)
    samples: list[bytes | bytearray | memoryview] = [
        text.encode("utf-8", "surrogatepass") for text in texts[::step]
    ]
    size = min(_DICTIONARY_SIZE, sum(map(len, samples)) // 10)
    if len(samples) < 32 or size < 1024:
        return b""
    try:
        return zstandard.train_dictionary(size, samples, level=_LEVEL).as_bytes()
    except zstandard.ZstdError:  # too uniform a sample
        return b""


def _decompressor(dictionary: bytes) -> zstandard.ZstdDecompressor:
    if not dictionary:
        return zstandard.ZstdDecompressor()
    return zstandard.ZstdDecompressor(dict_data=zstandard.ZstdCompressionDict(dictionary))


def _counts(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))
