"""The snapshot: an immutable, content-addressed set of recorded responses in one file.

The file is opened read-only and immutable and mapped into memory, so that processes share it
through the page cache and nothing of it is loaded before it is asked for. The digest is over the
records in their own order, so it depends neither on the order nor on the machine of recording.

Every look-up checks what it serves, and every miss is proven from the file's own listing: damage is
an error, never another answer, and never a call that seems not to have been made.
"""

from __future__ import annotations

import sqlite3
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Self

import orjson
import zstandard

from toolenv.apis import Identity
from toolenv.episodes import Response
from toolenv.errors import SnapshotError
from toolenv.snapshots.canonical import CANONICAL_VERSION
from toolenv.snapshots.freezing import RecordsDigest
from toolenv.snapshots.key import KEY_VERSION
from toolenv.snapshots.layout import (
    APPLICATION_ID,
    Front,
    Listing,
    Pairs,
    entry_canonical,
    entry_id,
    entry_responses,
    file_checksums,
    unpack_entry,
)
from toolenv.snapshots.manifest import SNAPSHOT_VERSION, Manifest
from toolenv.snapshots.records import Recorded, encode

__all__ = ["Snapshot"]

_DAMAGE = (
    sqlite3.Error,
    struct.error,
    zstandard.ZstdError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    MemoryError,
    OverflowError,
)
"""What reading raises where bytes are not what was written: values of any type, any length."""

_LOOKUP = "SELECT responses FROM entries WHERE id = ?"


class Snapshot:
    """A frozen set of recorded responses, read from its file.

    Args:
        path: A file written by ``freeze``.

    Raises:
        SnapshotError: The file is missing, is no snapshot, is damaged where it is read first, or
            was written by a newer version.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise SnapshotError(
                "There is no such file.",
                where=str(path),
                fix="Make one with: toolenv snapshot freeze STORE --out FILE.",
            )
        try:
            self._handles = _Handles(self.path)
            connection = self._handles.connection
            (application_id,) = connection.execute("PRAGMA application_id").fetchone()
            if application_id != APPLICATION_ID:
                raise SnapshotError("The file is no toolenv snapshot.", where=str(path))
            (manifest,) = connection.execute("SELECT manifest FROM front").fetchone()
            self._refuse_newer(orjson.loads(manifest))
            front = Front(*connection.execute("SELECT * FROM front").fetchone())
            front.check()
            self.manifest = Manifest.model_validate_json(manifest)
            self._names = front.read_names()
            self._listing = Listing(front.starts)
            self._pairs = Pairs(front.pair_starts)
        except _DAMAGE as error:
            raise SnapshotError(
                f"The file cannot be read as a snapshot: {error}.", where=str(path)
            ) from error

    def _refuse_newer(self, manifest: dict[str, int]) -> None:
        version, keys = manifest["version"], manifest["key_version"]
        canonical = manifest.get("canonical_version", 0)
        if version > SNAPSHOT_VERSION or keys > KEY_VERSION or canonical > CANONICAL_VERSION:
            raise SnapshotError(
                f"The snapshot has layout {version}, exact keys {keys} and canonical keys "
                f"{canonical}; this toolenv reads up to {SNAPSHOT_VERSION}, {KEY_VERSION} and "
                f"{CANONICAL_VERSION}.",
                where=str(self.path),
                fix="Upgrade toolenv.",
            )
        if version < SNAPSHOT_VERSION:
            raise SnapshotError(
                f"The snapshot has layout {version}, which this toolenv no longer reads.",
                where=str(self.path),
                fix="Make it again from what it was made of.",
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
        identifier = entry_id(key)
        try:
            handles = self._handles
            row = handles.cursor.execute(_LOOKUP, (identifier,)).fetchone()
            if row is not None:
                return entry_responses(handles.decompress(row[0]), key, identity, self._names)
            self._prove_absence(identifier)
            return []
        except _DAMAGE as error:
            raise self._damaged(error) from error

    def lookup_canonical(self, identity: Identity, key: bytes) -> Sequence[Response]:
        """All answers to the calls with a canonical key, earliest first; empty for none.

        Raises:
            SnapshotError: The file is damaged.
        """
        identifier = entry_id(key)
        found: list[Recorded] = []
        try:
            handles = self._handles
            for number in self._pairs.rows_of(identifier):
                (row,) = handles.connection.execute(
                    "SELECT pairs FROM canonical WHERE id = ?", (number,)
                ).fetchone()
                for entry in Pairs.entries(row, identifier):
                    (packed,) = handles.cursor.execute(_LOOKUP, (entry,)).fetchone()
                    unpacked = handles.decompress(packed)
                    found += entry_canonical(unpacked, key, identity, self._names)
        except _DAMAGE as error:
            raise self._damaged(error) from error
        return [record.response for record in sorted(found, key=lambda record: record.order)]

    def records(self) -> Iterator[Recorded]:
        """Every record, in the order of the digest.

        Raises:
            SnapshotError: The file is damaged.
        """
        try:
            handles = self._handles
            for (packed,) in handles.connection.execute(
                "SELECT responses FROM entries ORDER BY id"
            ):
                entries = unpack_entry(handles.decompress(packed), self._names)
                yield from (entry.record for entry in entries)
        except _DAMAGE as error:
            raise self._damaged(error) from error

    def identities(self) -> list[Identity]:
        """The APIs it holds responses of."""
        return list(self._names.identities)

    def verify(self) -> None:
        """Check every byte of the file, and recompute the digest from every record.

        Raises:
            SnapshotError: The file is damaged or was altered.
        """
        sealed, checksum = file_checksums(self.path)
        if sealed != checksum:
            raise SnapshotError(
                f"The file has the checksum {checksum:08x} and was sealed with {sealed:08x}.",
                where=str(self.path),
                fix="The file was damaged or altered: fetch it again.",
            )
        digest = RecordsDigest()
        for record in self.records():
            digest.add(encode(record))
        if digest.hex() != self.manifest.digest:
            raise SnapshotError(
                f"The records have the digest {digest.hex()}, the manifest says "
                f"{self.manifest.digest}.",
                where=str(self.path),
                fix="The file was damaged or altered: fetch it again.",
            )

    def close(self) -> None:
        """Close the file for the calling thread; closing twice is harmless."""
        self._handles.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _prove_absence(self, identifier: int) -> None:
        """Raise ``ValueError`` where an entry that should be there cannot be found."""
        number = self._listing.row_of(identifier)
        if number is None or number < 0:
            return
        row = self._handles.connection.execute(
            "SELECT ids FROM listing WHERE id = ?", (number,)
        ).fetchone()
        if row is None or Listing.lists(row[0], identifier):
            raise ValueError("an entry that is listed cannot be found")

    def _damaged(self, error: Exception) -> SnapshotError:
        return SnapshotError(
            f"The snapshot is damaged: {error}.",
            where=str(self.path),
            fix="Fetch it again; 'toolenv snapshot verify' checks a whole file.",
        )


class _Handles(threading.local):
    """One connection and one decompressor per thread: neither may be shared by two at once."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True
        )
        self.cursor = self.connection.cursor()
        self.connection.execute("PRAGMA cache_size = -256")  # pages are mapped, not copied
        self.connection.execute(f"PRAGMA mmap_size = {path.stat().st_size}")
        self.decompress: Callable[[bytes], bytes] = self._open_decompressor

    def _open_decompressor(self, packed: bytes) -> bytes:
        (dictionary,) = self.connection.execute("SELECT dictionary FROM front").fetchone()
        plain = zstandard.ZstdDecompressor().decompress
        if not dictionary:
            self.decompress = plain
            return plain(packed)
        learned = zstandard.ZstdDecompressor(
            dict_data=zstandard.ZstdCompressionDict(dictionary)
        ).decompress

        def decompress(packed: bytes) -> bytes:
            return learned(packed) if packed[4] & 3 else plain(packed)  # the frame's dictionary

        self.decompress = decompress
        return decompress(packed)
