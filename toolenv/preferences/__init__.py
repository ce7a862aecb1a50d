"""What is learnt from explored episodes: preference pairs, demonstrations, and their exports."""

from toolenv.preferences.collecting import PairCounts, PairSettings, collect_pairs
from toolenv.preferences.explored import Explored, explored_by_task
from toolenv.preferences.exporting import Exported, export_pairs
from toolenv.preferences.faults import Fault, fault_of
from toolenv.preferences.leaks import Leak, LeakCheck
from toolenv.preferences.lengths import TokenLimit
from toolenv.preferences.pairs import Pair, Side, Source
from toolenv.preferences.resampling import Resampled

__all__ = [
    "Explored",
    "Exported",
    "Fault",
    "Leak",
    "LeakCheck",
    "Pair",
    "PairCounts",
    "PairSettings",
    "Resampled",
    "Side",
    "Source",
    "TokenLimit",
    "collect_pairs",
    "explored_by_task",
    "export_pairs",
    "fault_of",
]
