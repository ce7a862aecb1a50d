"""Pairs of siblings in one tree: the prefix is the same, and one is plainly the worse.

A step that leads to success is never the rejected side, and a step that a failure of the
infrastructure or a miss befell is on neither.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from functools import cache
from typing import Final

from toolenv.episodes import ROOT
from toolenv.preferences.explored import Explored
from toolenv.preferences.faults import Fault, fault_of
from toolenv.preferences.pairs import Pair, Prefix, Source, pair_of, prefix_of

__all__ = ["VISIBLE", "Tree", "fault_pairs", "plain_pairs", "step_pairs"]

VISIBLE: Final[frozenset[Fault]] = frozenset(
    {"gave_up", "unknown_function", "invalid_arguments", "repeated_call", "error", "no_call"}
)
"""Faults that are the policy's to avoid. A miss is none: it says what the recordings lack."""


class Tree:
    """An explored episode as sources look at it.

    Attributes:
        children: The numbers of each step's children, by rank.
        winning: The numbers of the steps that lead to a success.
    """

    def __init__(self, explored: Explored) -> None:
        self.explored = explored
        self.children: dict[int, list[int]] = {}
        steps = explored.episode.steps
        for number, step in enumerate(steps):
            self.children.setdefault(step.parent, []).append(number)
        for siblings in self.children.values():
            siblings.sort(key=lambda number: steps[number].rank)
        self._prefix: tuple[int, Prefix] | None = None
        self.winning: set[int] = set()
        for number, step in enumerate(steps):
            if step.ended and number not in self.children:
                branch = explored.branch(number)
                if explored.success(branch):
                    self.winning.update(branch.numbers())
        self.fault = cache(self._fault)

    def _fault(self, number: int) -> Fault | None:
        found = fault_of(self.explored.branch(number))
        # where nothing can be done, giving up is what the task asks for
        return None if found == "gave_up" and number in self.winning else found

    def pair(
        self, source: Source, reason: str, chosen: int, rejected: int, margin: float = 1.0
    ) -> Pair:
        """The pair of two siblings."""
        parent = self.explored.episode.steps[chosen].parent
        if self._prefix is None or self._prefix[0] != parent:
            numbers = self.explored.branch(parent).numbers()
            self._prefix = (parent, prefix_of(self.explored, numbers))
        prefix = self._prefix[1]
        return pair_of(source, reason, margin, prefix, [chosen], (self.explored, [rejected]))

    def decisions(self) -> Iterator[tuple[int, list[int]]]:
        """The steps from which several were tried, and those."""
        for parent, siblings in sorted(self.children.items()):
            if len(siblings) > 1:
                yield parent, siblings


def step_pairs(tree: Tree, reasons: Container[str] = VISIBLE) -> Iterator[Pair]:
    """Where a path to success was taken: the step on it against each sibling with a visible fault.

    Args:
        tree: The tree.
        reasons: The faults that count.
    """
    for _, siblings in tree.decisions():
        good = [n for n in siblings if n in tree.winning and tree.fault(n) is None]
        if not good:
            continue
        settled = set(tree.explored.episode.branch.numbers())
        chosen = next((number for number in good if number in settled), good[0])
        for number in siblings:
            fault = tree.fault(number)
            if number not in tree.winning and fault in reasons:
                yield tree.pair("steps", str(fault), chosen, number)


def plain_pairs(tree: Tree) -> Iterator[Pair]:
    """The rule of TP-LLaMA (arXiv 2406.07115): on the success path, the child against each sibling.

    Nothing is asked of the sibling: it may have failed later, by bad luck or by budget.
    """
    branch = tree.explored.episode.branch
    if branch.at == ROOT or branch.at not in tree.winning:
        return
    path = branch.numbers()
    for number in path:
        for sibling in tree.children[tree.explored.episode.steps[number].parent]:
            if sibling != number and sibling not in tree.winning:
                yield tree.pair("tp-llama", tree.fault(sibling) or "sibling", number, sibling)


def fault_pairs(tree: Tree, source: Source, reasons: Container[str]) -> Iterator[Pair]:
    """Anywhere in a tree, also in one without success: a step without a fault against one with.

    Args:
        tree: The tree.
        source: What the pairs are called.
        reasons: The faults that count.
    """
    for _, siblings in tree.decisions():
        good = [number for number in siblings if tree.fault(number) is None]
        if not good:
            continue
        chosen = next((number for number in good if number in tree.winning), good[0])
        for number in siblings:
            fault = tree.fault(number)
            if number not in tree.winning and fault in reasons:
                yield tree.pair(source, str(fault), chosen, number)
