"""The main job on the embedded world: run, record, freeze, run again from the snapshot, compare.

And trained policies on the generated one.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from toolenv.errors import ConfigurationError
from toolenv.mini.benchmark.tasks import TEST_SPLITS
from toolenv.mini.benchmark.trained import STAGES
from toolenv.running.configuration import RunConfiguration
from toolenv.running.episode_differences import EpisodeDifference, episode_differences
from toolenv.running.folder import RunFolder
from toolenv.running.records import EpisodeKey
from toolenv.running.runner import run
from toolenv.running.tally import Progress
from toolenv.snapshots import Manifest, Store, freeze

__all__ = ["Demonstration", "demonstrate", "demonstrate_trained"]

_MARK = ".toolenv-demo"


@dataclass(frozen=True)
class Demonstration:
    """What the demonstration left behind.

    Args:
        live: The run on the embedded world.
        manifest: The snapshot of what it was answered.
        snapshot: The snapshot's file.
        replayed: The run from the snapshot alone.
        different: Where an episode first observed, or came to, something else in the second.
    """

    live: RunFolder
    manifest: Manifest
    snapshot: Path
    replayed: RunFolder
    different: list[EpisodeDifference]


def demonstrate(
    out: Path | str, *, report: Callable[[Progress], None] = lambda progress: None
) -> Demonstration:
    """Run two agents over three policies on the embedded tasks, live and from a snapshot.

    Args:
        out: The folder to write; what an earlier demonstration left in it is replaced.
        report: Told how far it is, after each episode.

    Raises:
        ConfigurationError: The folder holds something else.
    """
    out = Path(out)
    if out.exists() and any(out.iterdir()) and not (out / _MARK).exists():
        raise ConfigurationError(
            "The folder holds something else.", where=str(out), fix="Name another with --out."
        )
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    (out / _MARK).touch()
    configuration = RunConfiguration(
        agents=("react", "dfsdt"),
        policies=(
            "random",
            "local:toolenv.mini:KeywordPolicy",
            "oracle",
        ),
        policy_calls=30,
        record=str(out / "store"),
        record_failures=True,  # the world's rate limits are part of it
        record_time=False,  # equal demonstrations, equal digests
    )
    live = run(configuration, out / "live", report=report)
    snapshot = out / "mini.snap"
    with Store(out / "store") as store:
        manifest = freeze(store.records(), snapshot, notes="MiniToolBench, recorded by the demo")
    frozen = configuration.model_copy(
        update={"simulator": (f"snapshot:{snapshot}",), "record": None}
    )
    replayed = run(frozen, out / "replayed", report=report)
    return Demonstration(live, manifest, snapshot, replayed, _different(live, replayed))


def demonstrate_trained(
    out: Path | str,
    tasks_per_split: int,
    *,
    report: Callable[[Progress], None] = lambda progress: None,
) -> RunFolder:
    """Run the trained policies, with one attempt and with search, on part of MiniToolBench-v1.

    Args:
        out: The folder to write, which is absent or empty.
        tasks_per_split: How many tasks of each test split: the first.
        report: Told how far it is, after each episode.

    Raises:
        ConfigurationError: The folder holds something, or the policies cannot be used here.
    """
    home = "toolenv.mini.benchmark"
    configuration = RunConfiguration(
        tasks=f"{home}:benchmark_tasks",
        only=tuple(f"{split}-{n}" for split in TEST_SPLITS for n in range(tasks_per_split)),
        simulator=(f"local:{home}:benchmark_simulator",),
        agents=("react", "dfsdt?breadth=3&siblings=hidden"),
        policies=tuple(f"local:{home}:trained_policy?stage={stage}" for stage in STAGES),
        policy_calls=12,
        concurrency=512,  # full batches
    )
    return run(configuration, out, report=report)


def _different(live: RunFolder, replayed: RunFolder) -> list[EpisodeDifference]:
    """What was observed and came of it otherwise; who answered is otherwise throughout."""
    before = {EpisodeKey.of(episode): episode for episode in live.episodes()}
    return [
        difference
        for episode in replayed.episodes()
        for difference in episode_differences(
            before[EpisodeKey.of(episode)], episode, apart_from=_WHO_ANSWERED, most=1
        )
    ]


_WHO_ANSWERED = frozenset({"source", "recording", "ordinal", "fingerprints", "state"})
