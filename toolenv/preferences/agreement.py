"""How far the judge whose verdicts make pairs agrees with people: the gate before an export."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from toolenv.errors import ConfigurationError
from toolenv.judging.agreement import Label, LabelName, Pair, agree
from toolenv.judging.bootstrap import Estimate
from toolenv.judging.verdicts import PassVerdict, Winner, WinVerdict

__all__ = ["pass_kappa", "require_kappa", "win_kappa"]

_AS_LABEL: Final[Mapping[Winner, LabelName]] = {
    "candidate": "passed",
    "reference": "failed",
    "tie": "unsure",
    "unsure": "unsure",
}


def pass_kappa(verdicts: Sequence[PassVerdict], labels: Sequence[Label]) -> Estimate:
    """Cohen's kappa of pass verdicts with people's labels of the same attempts."""
    return agree(
        Pair(one.task, one.decision, label.label)
        for one in verdicts
        for label in labels
        if label.task == one.task and _fits(label, one.agent, one.policy, one.seed)
    ).kappa


def win_kappa(
    verdicts: Sequence[WinVerdict],
    players: Mapping[str, tuple[str, str, str]],
    labels: Sequence[Label],
) -> Estimate:
    """Cohen's kappa of win verdicts with people, where people's labels tell the two apart.

    People say of each attempt whether it passed; of two, they prefer the one of which more say so.
    What a rule decided is no judge's opinion and is left out.

    Args:
        verdicts: What the judge said.
        players: By the name of a reference: its run, agent and policy.
        labels: What people said of attempts; they must say of which agent or policy.
    """
    told: list[Pair] = []
    for one in verdicts:
        if one.rule:
            continue
        _, agent, policy = players[one.reference]
        own = _share(labels, one.task, one.agent, one.policy, one.seed)
        other = _share(labels, one.task, agent, policy, one.seed)
        if own is not None and other is not None and own != other:
            told.append(
                Pair(one.task, _AS_LABEL[one.decision], "passed" if own > other else "failed")
            )
    return agree(told).kappa


def require_kappa(kappa: Estimate, least: float, name: str) -> None:
    """Refuse a judge who agrees too little with people.

    Raises:
        ConfigurationError: Its kappa is below the least, or is not known.
    """
    if kappa.value >= least:
        return
    known = kappa.value == kappa.value
    raise ConfigurationError(
        f"The judge's kappa with people is {kappa.value:.2f} ({kappa.low:.2f} to {kappa.high:.2f}),"
        f" and {least:.2f} is asked for."
        if known
        else "No label of people speaks of what the judge decided, so its kappa is not known.",
        where=f"verdicts {name}",
        fix="Judge again with another model or more votes, or lower --least-kappa."
        if known
        else "Labels need task and label, and agent or policy to say which attempt they are of.",
    )


def _fits(label: Label, agent: str, policy: str, seed: int) -> bool:
    return (
        label.agent in ("", agent) and label.policy in ("", policy) and label.seed in (None, seed)
    )


def _share(labels: Sequence[Label], task: str, agent: str, policy: str, seed: int) -> float | None:
    """Of the people who are sure of an attempt, the share who pass it."""
    said = [
        label.label
        for label in labels
        if label.task == task and label.label != "unsure" and _fits(label, agent, policy, seed)
    ]
    return sum(label == "passed" for label in said) / len(said) if said else None
