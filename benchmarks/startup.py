"""``import toolenv`` and ``toolenv --help`` on a warm disk, each in a fresh process.

python -m benchmarks.startup
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from benchmarks.measure import table

HEAVY = ("torch", "transformers", "trl", "ray", "openai")


def seconds(*arguments: str, repeats: int = 9) -> tuple[float, float, float]:
    """Median, minimum and maximum of a process, after one that does not count."""
    times = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
        times.append(time.perf_counter() - began)
    return statistics.median(times[1:]), min(times[1:]), max(times[1:])


def loaded_by(code: str) -> list[str]:
    """Which of the heavy packages a piece of code imports."""
    check = f"{code}; import sys; print([name for name in {HEAVY!r} if name in sys.modules])"
    output = subprocess.run(
        [sys.executable, "-c", check], check=True, capture_output=True, text=True
    )
    return [name for name in HEAVY if repr(name) in output.stdout]


def main() -> None:
    """Measure and print."""
    bare = seconds("-c", "pass")
    package = seconds("-c", "import toolenv")
    command = seconds("-m", "toolenv", "--help")
    heavy = loaded_by("import toolenv, toolenv.cli.main")
    table(
        f"start-up; a bare interpreter takes {bare[0]:.3f} s",
        [
            ("figure", "asked", "measured"),
            ("import toolenv", "under 0.35 s", "{:.3f} s ({:.3f}–{:.3f})".format(*package)),
            ("toolenv --help", "under 0.6 s", "{:.3f} s ({:.3f}–{:.3f})".format(*command)),
            ("heavy packages imported", "none", ", ".join(heavy) or "none"),
        ],
    )


if __name__ == "__main__":
    main()
