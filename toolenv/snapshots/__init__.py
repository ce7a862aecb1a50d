"""What was answered: a live store that grows, and snapshots that never change."""

from toolenv.snapshots.freezing import freeze
from toolenv.snapshots.key import KEY_VERSION, Changes, exact_key
from toolenv.snapshots.manifest import SNAPSHOT_VERSION, Manifest
from toolenv.snapshots.records import Recorded, Recordings, records_of
from toolenv.snapshots.snapshot import Snapshot
from toolenv.snapshots.store import Store

__all__ = [
    "KEY_VERSION",
    "SNAPSHOT_VERSION",
    "Changes",
    "Manifest",
    "Recorded",
    "Recordings",
    "Snapshot",
    "Store",
    "exact_key",
    "freeze",
    "records_of",
]
