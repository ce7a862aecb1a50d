"""Damaged snapshots: every flipped byte of a small one, a thousand random ones of a large one.

Each must be refused by ``verify``, and in use no look-up may give another answer than the one
recorded, nor none where there is one.

    python -m benchmarks.damage
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from pathlib import Path

from benchmarks.measure import table
from benchmarks.snapshot import records
from toolenv.apis import Identity
from toolenv.errors import SnapshotError
from toolenv.snapshots import Snapshot, freeze

LARGE = 20_000
FLIPS = 1_000
TRUNCATIONS = 100

Asked = list[tuple[Identity, bytes, list[str]]]


def asked(path: Path, share: int) -> Asked:
    """Every so many-th call of a snapshot, with its answers."""
    with Snapshot(path) as snapshot:
        keyed = {record.key: record.identity for record in snapshot.records()}
        chosen = list(keyed.items())[::share]
        return [
            (identity, key, [one.text for one in snapshot.lookup(identity, key)])
            for key, identity in chosen
        ]


def judge(path: Path, calls: Asked, found: Counter[str]) -> None:
    """What becomes of a damaged file."""
    try:
        snapshot = Snapshot(path)
    except SnapshotError:
        found["refused by verify"] += 1
        found["refused when opened"] += 1
        return
    with snapshot:
        try:
            snapshot.verify()
        except SnapshotError:
            found["refused by verify"] += 1
        else:
            found["passed verify"] += 1
        for identity, key, texts in calls:
            try:
                served = [one.text for one in snapshot.lookup(identity, key)]
            except SnapshotError:
                found["look-ups refused"] += 1
                continue
            if served == texts:
                found["look-ups right"] += 1
            else:
                found["look-ups missed" if not served else "look-ups wrong"] += 1


def flip(path: Path, place: int, bits: int) -> None:
    """Change one byte; twice restores it."""
    with path.open("r+b") as file:
        file.seek(place)
        (before,) = file.read(1)
        file.seek(place)
        file.write(bytes([before ^ bits]))


def campaign(path: Path, places: list[int], calls: Asked, rng: random.Random) -> Counter[str]:
    """Flip each place in turn."""
    found: Counter[str] = Counter()
    for place in places:
        bits = rng.randrange(1, 256)
        flip(path, place, bits)
        judge(path, calls, found)
        flip(path, place, bits)
        found["files"] += 1
    return found


def truncations(path: Path, calls: Asked, rng: random.Random) -> Counter[str]:
    """Cut the file at random places."""
    found: Counter[str] = Counter()
    whole = path.read_bytes()
    cut = path.with_suffix(".cut")
    for _ in range(TRUNCATIONS):
        cut.write_bytes(whole[: rng.randrange(len(whole))])
        judge(cut, calls, found)
        found["files"] += 1
    return found


def show(title: str, found: Counter[str]) -> None:
    """Print what became of them."""
    wrong = found["look-ups wrong"] + found["look-ups missed"]
    right, refused = found["look-ups right"], found["look-ups refused"]
    table(
        title,
        [
            ("figure", "asked", "measured"),
            ("refused by verify", "all", f"{found['refused by verify']} of {found['files']}"),
            ("of them when opened", "–", str(found["refused when opened"])),
            (
                "look-ups wrong or silently missed",
                "none",
                f"{wrong} ({right} right, {refused} refused)",
            ),
        ],
    )


def main() -> None:
    """Measure and print."""
    rng = random.Random(5)
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=Path.cwd()) as folder:
        small, large = Path(folder, "small.snap"), Path(folder, "large.snap")
        freeze(records(12), small)
        size = small.stat().st_size
        found = campaign(small, list(range(size)), asked(small, 1), rng)
        show(f"every byte of a snapshot of {size:,} bytes flipped", found)
        freeze(records(LARGE), large)
        size = large.stat().st_size
        calls = asked(large, LARGE // 100)
        places = [rng.randrange(size) for _ in range(FLIPS)]
        show(f"{FLIPS:,} random flips in {size:,} bytes", campaign(large, places, calls, rng))
        show(f"{TRUNCATIONS} truncations of it", truncations(large, calls, rng))


if __name__ == "__main__":
    main()
