"""A score that a model of random weights can differ in."""

from __future__ import annotations

from toolenv.episodes import Branch


def variety(branch: Branch) -> float:
    """The share of different characters in what the policy said."""
    said = "".join(step.message.content for step in branch.path())
    return len(set(said)) / max(1, len(said))
