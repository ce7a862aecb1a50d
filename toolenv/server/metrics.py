"""Counts and times for Prometheus, in its text format 0.0.4."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

__all__ = ["CONTENT_TYPE", "Metrics", "Outcome"]

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_BOUNDS: Final = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)
"""Seconds: a recorded answer takes a fraction of a millisecond, a live one up to a minute."""


class Outcome(NamedTuple):
    """How a request ended; the words are ours, so that no client's text becomes a label.

    Args:
        path: The route; ``other`` for unknown ones.
        http: The HTTP status.
        answer: The response's status; empty where there was none.
        source: Who answered; empty likewise.
    """

    path: str
    http: int
    answer: str = ""
    source: str = ""


class Metrics:
    """What is counted, in one process.

    Example:
        >>> metrics = Metrics()
        >>> metrics.count(Outcome("/virtual", 200, "OK", "snapshot"), 0.0002)
        >>> [line for line in metrics.text({}).splitlines() if line.startswith("toolenv_requests")]
        ['toolenv_requests_total{path="/virtual",status="200",answer="OK",source="snapshot"} 1']
    """

    def __init__(self) -> None:
        self._counts: dict[Outcome, int] = {}
        self._buckets: dict[str, list[int]] = {}
        self._seconds: dict[str, float] = {}

    def count(self, outcome: Outcome, seconds: float) -> None:
        """Count a request that has ended."""
        counts, path = self._counts, outcome.path
        counts[outcome] = counts.get(outcome, 0) + 1
        if path not in self._buckets:
            self._buckets[path] = [0] * (len(_BOUNDS) + 1)
            self._seconds[path] = 0.0
        self._buckets[path][bisect_left(_BOUNDS, seconds)] += 1
        self._seconds[path] += seconds

    def text(self, gauges: Mapping[str, tuple[str, int]]) -> str:
        """Everything counted.

        Args:
            gauges: What is so now: name to what it is and how much.
        """
        return "".join(f"{line}\n" for line in self._lines(gauges))

    def _lines(self, gauges: Mapping[str, tuple[str, int]]) -> Iterator[str]:
        yield "# HELP toolenv_requests_total Requests answered."
        yield "# TYPE toolenv_requests_total counter"
        for outcome, count in sorted(self._counts.items()):
            path, http, answer, source = outcome
            labels = f'path="{path}",status="{http}",answer="{answer}",source="{source}"'
            yield f"toolenv_requests_total{{{labels}}} {count}"
        yield "# HELP toolenv_request_seconds Time from a request's head to its answer."
        yield "# TYPE toolenv_request_seconds histogram"
        for path, buckets in sorted(self._buckets.items()):
            total = 0
            for bound, count in zip((*map(str, _BOUNDS), "+Inf"), buckets, strict=True):
                total += count
                yield f'toolenv_request_seconds_bucket{{path="{path}",le="{bound}"}} {total}'
            yield f'toolenv_request_seconds_sum{{path="{path}"}} {self._seconds[path]:.6f}'
            yield f'toolenv_request_seconds_count{{path="{path}"}} {total}'
        for name, (about, value) in gauges.items():
            yield f"# HELP toolenv_{name} {about}"
            yield f"# TYPE toolenv_{name} gauge"
            yield f"toolenv_{name} {value}"
