"""What a report says of its runs as a whole: the figures behind its tables and drawings."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from toolenv.episodes import Cost
from toolenv.judging.error_taxonomy import ERROR_KINDS, ErrorCount
from toolenv.report.runs import Row
from toolenv.report.summary import Group, calls_by_source, count, group_results, summarise
from toolenv.running.results import Result

__all__ = ["COSTS", "Overview", "Player", "overview_of"]

COSTS: Final[Mapping[str, Callable[[Cost], float]]] = {
    "policy calls": lambda cost: cost.policy_calls,
    "tokens": lambda cost: cost.input_tokens + cost.output_tokens,
    "money": lambda cost: cost.money,
}
"""What passing may cost, by name."""

_CURVE_POINTS: Final = 200


class Player(NamedTuple):
    """Who is compared with whom.

    Args:
        run: The run's name in the report.
        agent: What explored.
        policy: What decided.
    """

    run: str
    agent: str
    policy: str


@dataclass(frozen=True)
class Overview:
    """Figures of runs.

    Args:
        runs: The runs' names.
        players: Who is compared, the best first.
        groups: What each player's episodes come to.
        splits: The splits, by name.
        per_split: The same for each player and split where there are episodes.
        curves: For each cost, and each player, where the share that passed within so much rises,
            and to what. A cost that nothing had is left out.
        ended: How many episodes ended how.
        errors: For each kind of error that occurred, and each player, how often.
        sources: For each player, how many calls each source answered.
        origins: For each player, what first produced the responses.
    """

    runs: Sequence[str]
    players: Sequence[Player]
    groups: Mapping[Player, Group]
    splits: Sequence[str]
    per_split: Mapping[tuple[Player, str], Group]
    curves: Mapping[str, Mapping[Player, Sequence[tuple[float, float]]]]
    ended: Mapping[str, int]
    errors: Mapping[str, Mapping[Player, ErrorCount]]
    sources: Mapping[Player, Mapping[str, int]]
    origins: Mapping[Player, Mapping[str, int]]

    def label(self, player: Player) -> str:
        """A player's name, with no more than tells it from the others."""
        parts = [
            part
            for place, part in enumerate(player)
            if place == 1 or len({other[place] for other in self.players}) > 1
        ]
        return " · ".join(parts)


def overview_of(runs: Sequence[str], rows: Iterable[Row]) -> Overview:
    """Add rows up.

    Args:
        runs: The runs' names, those without an episode included.
        rows: Their episodes.
    """
    of_player: dict[Player, list[Row]] = defaultdict(list)
    for row in rows:
        of_player[Player(row.run, row.result.agent, row.result.policy)].append(row)
    results = {player: [row.result for row in own] for player, own in of_player.items()}
    known = {player: summarise(own) for player, own in results.items()}
    players = sorted(known, key=lambda player: (-(known[player].rate or 0.0), player))
    per_split = {
        (player, split): group
        for player in players
        for (split,), group in group_results(results[player], lambda r: (r.split,)).items()
    }
    everything = [result for own in results.values() for result in own]
    return Overview(
        runs=tuple(runs),
        players=players,
        groups={player: known[player] for player in players},
        splits=sorted({result.split for result in everything}),
        per_split=per_split,
        curves={
            name: {player: _curve(results[player], cost) for player in players}
            for name, cost in COSTS.items()
            if any(cost(result.cost) for result in everything)
        },
        ended=count({result.ended: 1} for result in everything),
        errors=_errors(players, of_player),
        sources={player: calls_by_source(results[player]) for player in players},
        origins={
            player: count(result.calls_by_origin for result in results[player])
            for player in players
        },
    )


def _curve(results: Sequence[Result], cost: Callable[[Cost], float]) -> list[tuple[float, float]]:
    """Where the share of decided episodes that passed within a cost rises, and to what."""
    decided = [result for result in results if result.outcome in ("passed", "failed")]
    at = Counter(cost(result.cost) for result in decided if result.outcome == "passed")
    points: list[tuple[float, float]] = []
    passed = 0
    for spent in sorted(at):
        passed += at[spent]
        points.append((spent, passed / len(decided)))
    if len(points) <= _CURVE_POINTS:
        return points
    kept = {round(n * (len(points) - 1) / (_CURVE_POINTS - 1)) for n in range(_CURVE_POINTS)}
    return [points[number] for number in sorted(kept)]


def _errors(
    players: Sequence[Player], of_player: Mapping[Player, Sequence[Row]]
) -> dict[str, dict[Player, ErrorCount]]:
    times: dict[Player, Counter[str]] = {player: Counter() for player in players}
    affected: dict[Player, Counter[str]] = {player: Counter() for player in players}
    for player in players:
        for row in of_player[player]:
            times[player].update(row.errors)
            affected[player].update(row.errors.keys())
    return {
        kind: {
            player: ErrorCount(times[player][kind], affected[player][kind]) for player in players
        }
        for kind in ERROR_KINDS
        if any(times[player][kind] for player in players)
    }
