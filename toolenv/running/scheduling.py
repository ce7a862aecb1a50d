"""Which episode begins next: fair to all groups, whatever the pace of each.

A group is an agent over a policy. A place that comes free goes to the group with the fewest
episodes in flight, and among equals to the one that has waited longest, so that a slow group holds
no more than its share while others go on. Within a group every task has its turn with the first
seed before any has it with the second. Results do not depend on the order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

__all__ = ["Schedule", "Scheduled"]


class Scheduled(Protocol):
    """What can be scheduled."""

    @property
    def seed(self) -> int:
        """The seed of the episode."""
        ...

    @property
    def group(self) -> Hashable:
        """What shares the places with others."""
        ...


T = TypeVar("T", bound=Scheduled)


@dataclass(slots=True, eq=False)
class _Group(Generic[T]):
    waiting: deque[T] = field(default_factory=deque)
    in_flight: int = 0
    served: int = 0


class Schedule(Generic[T]):
    """Hands out episodes.

    Args:
        items: All of them, in the run's order.
    """

    def __init__(self, items: Iterable[T]) -> None:
        self._groups: dict[Hashable, _Group[T]] = {}
        by_seed: dict[Hashable, dict[int, list[T]]] = {}
        for item in items:
            by_seed.setdefault(item.group, {}).setdefault(item.seed, []).append(item)
        for name, seeds in by_seed.items():
            group: _Group[T] = _Group()
            self._groups[name] = group
            for some in seeds.values():
                group.waiting.extend(some)
        self._served = 0

    def __len__(self) -> int:
        """How many have not begun."""
        return sum(len(group.waiting) for group in self._groups.values())

    def next(self) -> T | None:
        """The next to begin; None where none is left."""
        chosen: _Group[T] | None = None
        for group in self._groups.values():
            if group.waiting and (
                chosen is None
                or (group.in_flight, group.served) < (chosen.in_flight, chosen.served)
            ):
                chosen = group
        if chosen is None:
            return None
        self._served += 1
        chosen.served = self._served
        chosen.in_flight += 1
        return chosen.waiting.popleft()

    def ended(self, item: T) -> None:
        """One that was handed out is no longer in flight."""
        self._groups[item.group].in_flight -= 1

    def put_back(self, items: Sequence[T]) -> None:
        """Those that were handed out have come to nothing, and are the next of their groups."""
        for item in reversed(items):
            group = self._groups[item.group]
            group.in_flight -= 1
            group.waiting.appendleft(item)
