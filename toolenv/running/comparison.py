"""Comparing results: only of what they depend on alike, or knowing in what they differ."""

from __future__ import annotations

from collections.abc import Collection

from toolenv.errors import ConfigurationError
from toolenv.running.manifest import Manifest
from toolenv.running.verdict_sets import VerdictManifest

__all__ = [
    "differing_parts",
    "refuse_different",
    "refuse_different_judges",
    "refuse_different_tasks",
]

_JUDGED = ("judge",)

_SETTINGS = {
    "documents": "tasks",
    "tasks": "tasks",
    "simulator": "simulator",
    "action format": "compatibility",
    "open domain": "retriever",
}
"""The setting that a part comes of, whose text says more than a digest."""


def differing_parts(one: Manifest, other: Manifest) -> list[str]:
    """What the results of two runs depend on differently.

    The parts of the environment are named where both manifests have them (``documents``,
    ``tasks``, ``simulator``, ``action format``, ``limits``, ``prompt``); ``environment`` stands
    for all of them where one manifest is of before there were parts. ``judge`` is named where
    both were judged, and differently. Agents and policies are what is compared, and no difference.
    """
    found = [
        name
        for name in sorted({*one.environment, *other.environment})
        if one.environment.get(name) != other.environment.get(name)
    ]
    if not one.environment or not other.environment:
        mine, theirs = (run.fingerprints.get("environment", "") for run in (one, other))
        found = ["environment"] if mine != theirs else []
    for name in _JUDGED:
        mine, theirs = one.fingerprints.get(name, ""), other.fingerprints.get(name, "")
        if mine != theirs and mine and theirs:
            found.append(name)
    return found


def refuse_different(
    one: Manifest,
    other: Manifest,
    *,
    apart_from: Collection[str] = (),
    force: bool = False,
) -> list[str]:
    """Refuse to compare the results of different environments or judges.

    Args:
        one: The manifest of a run.
        other: The manifest of another.
        apart_from: Parts whose difference is what is looked at, such as ``simulator``.
        force: Compare all the same.

    Returns:
        The parts that differ, those of ``apart_from`` left out: empty unless forced.

    Raises:
        ConfigurationError: A part differs; it is named, with what was given for it and the digest
            of either.
    """
    different = [part for part in differing_parts(one, other) if part not in apart_from]
    if different and not force:
        named = "; ".join(
            f"{part} ({_said(one, part)} and {_said(other, part)})" for part in different
        )
        raise ConfigurationError(
            f"The results depend on different things and cannot be compared: {named}.",
            fix="Run both with the same settings, or compare them all the same (--force).",
        )
    return different


def refuse_different_tasks(
    one: str, ours: Collection[str], other: str, theirs: Collection[str], *, force: bool = False
) -> list[str]:
    """Refuse to compare what is not of the same tasks.

    Args:
        one: What the first is called.
        ours: The ids of its tasks.
        other: What the second is called.
        theirs: The ids of its tasks.
        force: Compare all the same, in the tasks of both.

    Returns:
        The tasks that are in one alone, sorted: empty unless forced.

    Raises:
        ConfigurationError: Some are, or none is in both.
    """
    apart = sorted(set(ours) ^ set(theirs))
    if apart and (not force or not set(ours) & set(theirs)):
        raise ConfigurationError(
            f"{one} and {other} are not of the same tasks: {len(apart)} are in one alone, such as "
            f"{apart[0]!r}.",
            fix="Compare complete runs of the same tasks.",
        )
    return apart


def refuse_different_judges(
    one: VerdictManifest, other: VerdictManifest, *, force: bool = False
) -> list[str]:
    """Refuse to compare what different judges, or one with other seeds, decided.

    Returns:
        What differs: empty unless forced.

    Raises:
        ConfigurationError: Something does.
    """
    different = [part for part in ("judge", "seed") if getattr(one, part) != getattr(other, part)]
    if different and not force:
        named = "; ".join(
            f"{part} ({getattr(one, part)} and {getattr(other, part)})" for part in different
        )
        raise ConfigurationError(
            f"The verdicts are not of one judge: {named}.",
            fix="Judge both with the same settings, or compare them all the same (--force).",
        )
    return [f"verdicts' {part}" for part in different]


def _said(run: Manifest, part: str) -> str:
    """What a run was given for a part, where one setting is it, and the part's digest."""
    digest = run.environment.get(part) or run.fingerprints.get(part) or "none"
    given = run.configuration.get(_SETTINGS.get(part, ""))
    texts = [str(one) for one in given] if isinstance(given, list) else [given] if given else []
    return " ".join([*map(str, texts), f"[{digest}]"]) if texts else digest
