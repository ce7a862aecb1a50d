"""What was answered: a live store that grows, and snapshots that never change."""

from toolenv.snapshots.canonical import CANONICAL_VERSION, Documentation, canonical_key
from toolenv.snapshots.comparison import CallDifference, Comparison, diff, merge
from toolenv.snapshots.exporting import export_lines, export_parquet, export_stabletoolbench
from toolenv.snapshots.freezing import freeze
from toolenv.snapshots.importing import import_records
from toolenv.snapshots.key import KEY_VERSION, Changes, exact_key
from toolenv.snapshots.manifest import SNAPSHOT_VERSION, Manifest
from toolenv.snapshots.records import Recorded, Recordings, documented, records_of
from toolenv.snapshots.snapshot import Snapshot
from toolenv.snapshots.store import Store
from toolenv.snapshots.success import Success, classify

__all__ = [
    "CANONICAL_VERSION",
    "KEY_VERSION",
    "SNAPSHOT_VERSION",
    "CallDifference",
    "Changes",
    "Comparison",
    "Documentation",
    "Manifest",
    "Recorded",
    "Recordings",
    "Snapshot",
    "Store",
    "Success",
    "canonical_key",
    "classify",
    "diff",
    "documented",
    "exact_key",
    "export_lines",
    "export_parquet",
    "export_stabletoolbench",
    "freeze",
    "import_records",
    "merge",
    "records_of",
]
