"""The sides of a comparison: one agent over one policy in one run, and how its episodes went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from toolenv.errors import ConfigurationError
from toolenv.running.folder import RunFolder
from toolenv.running.judging import Reference, references_of
from toolenv.running.results import Result
from toolenv.running.verdict_sets import VerdictManifest, VerdictSet, pass_verdicts

__all__ = ["Side", "read_sides"]


class Side(NamedTuple):
    """One side.

    Args:
        name: What it is called, unlike the others.
        run: The run.
        agent: Its agent.
        policy: Its policy.
        rows: Its finished episodes, with the outcome that the verdicts give.
        judge: Who judged, where a verdict set says what passed; else None.
    """

    name: str
    run: RunFolder
    agent: str
    policy: str
    rows: tuple[Result, ...]
    judge: VerdictManifest | None = None


def read_sides(texts: Sequence[str], verdicts: str = "") -> list[Side]:
    """Open what is compared.

    Args:
        texts: A run's folder for each agent and policy in it; ``RUN:AGENT``, ``RUN:POLICY`` or
            ``RUN:AGENT:POLICY`` for some of them. What is named twice is one side.
        verdicts: The set of pass verdicts beside each run that says how episodes went; an episode
            that it does not know is unsure. Empty for what the runs themselves say.

    Raises:
        ConfigurationError: A run has no such agent or policy.
        JournalError: There is no such run, or no such set of verdicts.
    """
    places: dict[tuple[Path, str, str], Reference] = {}
    for one in (one for text in texts for one in _named(text)):
        places.setdefault((one.run.path.resolve(), one.agent, one.policy), one)
    references = list(places.values())
    names = Counter(one.name for one in references)
    results: dict[Path, list[Result]] = {}
    sides = []
    for one in references:
        path = one.run.path
        if path not in results:
            results[path] = _results(one.run, verdicts)
        rows = [row for row in results[path] if (row.agent, row.policy) == (one.agent, one.policy)]
        name = one.name
        if names[name] > 1:  # of runs whose folders have one name
            name = f"{path}{name.removeprefix(path.name)}"
        judge = VerdictSet.of(path, verdicts).manifest() if verdicts else None
        sides.append(Side(name, one.run, one.agent, one.policy, tuple(rows), judge))
    return sides


def _named(text: str) -> list[Reference]:
    """The agents and policies that a text names."""
    ends = [place for place, letter in enumerate(text) if letter == ":"]
    end = next((end for end in ends if (Path(text[:end]) / "manifest.json").exists()), len(text))
    if (Path(text) / "manifest.json").exists():
        end = len(text)
    run, wanted = RunFolder.open(text[:end]), text[end + 1 :]
    players = references_of(run)
    found = [
        one for one in players if wanted in ("", one.agent, one.policy, f"{one.agent}:{one.policy}")
    ]
    if not found:
        there = ", ".join(f"{one.agent}:{one.policy}" for one in players) or "no episode"
        raise ConfigurationError(
            f"There is no {wanted!r}." if wanted else "No episode has finished.",
            where=str(run.path),
            fix=f"The run has {there}.",
        )
    return found


def _results(run: RunFolder, verdicts: str) -> list[Result]:
    rows = run.results()
    if not verdicts:
        return rows
    judged = pass_verdicts(run.path, verdicts)
    return [
        row._replace(outcome=judged[row.key].decision if row.key in judged else "unsure")
        for row in rows
    ]
