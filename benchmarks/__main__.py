"""All figures, one table after the other: ``python -m benchmarks``."""

from benchmarks import fork, startup, step

for benchmark in (step, fork, startup):
    benchmark.main()
