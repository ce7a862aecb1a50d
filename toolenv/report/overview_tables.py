"""The report's tables: leaderboard, splits, errors, endings, calls by source and origin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from toolenv.judging.error_taxonomy import ERROR_KINDS
from toolenv.report.overview import Overview, Player
from toolenv.report.summary import Group
from toolenv.report.tables import Cell, Column, Kind, Mean, Rate, Share, Table

__all__ = ["tables_of"]


def tables_of(found: Overview) -> list[Table]:
    """The report's tables; those without a row are left out."""
    tables = [
        _leaderboard(found),
        *([_splits(found)] if len(found.splits) > 1 else []),
        _errors(found),
        _ended(found),
        _calls(found, "sources", "Calls by source", found.sources, _SOURCE_NOTE),
        _calls(found, "origins", "Calls by origin", found.origins, _ORIGIN_NOTE),
    ]
    return [table for table in tables if table.rows]


_SOURCE_NOTE: Final = "Who answered: a miss is a call that no simulator answered."
_ORIGIN_NOTE: Final = "What first produced the responses, kept through recording and serving."


def _players(found: Overview) -> tuple[list[Column], list[int]]:
    """The columns that name a player, and which parts of its name they are."""
    parts = ([0] if len(found.runs) > 1 else []) + [1, 2]
    return [Column(("Run", "Agent", "Policy")[part]) for part in parts], parts


def _rate(group: Group) -> Rate:
    return Rate(group.rate, *group.interval, group.decided)


def _leaderboard(found: Overview) -> Table:
    names, parts = _players(found)
    groups = found.groups.values()
    missed = any(group.missed for group in groups)
    undecided = any(group.decided != group.episodes for group in groups)
    optional: list[tuple[str, Kind, bool]] = [
        ("Bounds", "bounds", missed),
        ("No miss", "share", missed),
        ("Episodes", "number", True),
        ("Unsure", "number", undecided),
        ("Broken", "number", undecided),
        ("Steps", "number", True),
        ("Policy calls", "number", True),
        ("API calls", "number", True),
        ("Tokens", "number", any(group.mean_tokens for group in groups)),
        ("Money", "number", any(group.mean_money for group in groups)),
    ]
    shown = [Column(name, kind) for name, kind, wanted in optional if wanted]
    rows: list[list[Cell]] = [
        [
            *(player[part] for part in parts),
            _rate(group),
            *(_of_group(group)[column.heading] for column in shown),
        ]
        for player, group in found.groups.items()
    ]
    note = (
        "Pass rates with Wilson's 95 % intervals over tasks, of the episodes that something has "
        "decided on. Steps, calls, tokens and money are means per episode."
    )
    if missed:
        note += (
            " Bounds: the rate if all episodes with a miss (a call that nothing answered, which "
            "says nothing of the policy) failed, and if all of them passed; then the share of "
            "episodes without one."
        )
    columns = [*names, Column("Pass rate", "rate"), *shown]
    return Table("leaderboard", "Leaderboard", columns, rows, note)


def _of_group(group: Group) -> dict[str, Cell]:
    low, high = group.bounds or (0.0, 1.0)
    return {
        "Bounds": Rate(None, low, high, group.decided),
        "No miss": Share(group.episodes - group.missed, group.episodes),
        "Episodes": group.episodes,
        "Unsure": group.unsure,
        "Broken": group.infrastructure_errors,
        "Steps": Mean(group.mean_steps),
        "Policy calls": Mean(group.mean_policy_calls),
        "API calls": Mean(group.mean_api_calls),
        "Tokens": Mean(group.mean_tokens, 0),
        "Money": Mean(group.mean_money, 4),
    }


def _splits(found: Overview) -> Table:
    columns, parts = _players(found)
    columns += [Column(split or "no split", "rate") for split in found.splits]
    rows: list[list[Cell]] = [
        [
            *(player[part] for part in parts),
            *(
                _rate(group) if (group := found.per_split.get((player, split))) else None
                for split in found.splits
            ),
        ]
        for player in found.players
    ]
    note = "With 95 % intervals, of the episodes that something has decided on."
    return Table("splits", "Pass rate per split", columns, rows, note)


def _errors(found: Overview) -> Table:
    columns = [Column("Error"), Column("What it is"), Column("Times", "number")]
    columns += [Column(found.label(player), "share") for player in found.players]
    rows: list[list[Cell]] = [
        [
            kind.replace("_", " "),
            ERROR_KINDS[kind],
            sum(one.times for one in by_player.values()),
            *(
                Share(by_player[player].episodes, found.groups[player].episodes)
                for player in found.players
            ),
        ]
        for kind, by_player in found.errors.items()
    ]
    note = "Share of episodes in which it occurs, abandoned branches included."
    return Table("errors", "What went wrong", columns, rows, note)


def _ended(found: Overview) -> Table:
    total = sum(found.ended.values())
    columns = [Column("Ended"), Column("Episodes", "number"), Column("Share", "share")]
    rows: list[list[Cell]] = [
        [name or "not at all", n, Share(n, total)] for name, n in found.ended.items()
    ]
    return Table("ended", "How episodes ended", columns, rows)


def _calls(
    found: Overview,
    name: str,
    title: str,
    counts: Mapping[Player, Mapping[str, int]],
    note: str,
) -> Table:
    columns, parts = _players(found)
    totals: dict[str, int] = {}
    for own in counts.values():
        for one, times in own.items():
            totals[one] = totals.get(one, 0) + times
    kinds = sorted(totals, key=lambda one: (-totals[one], one))
    columns += [Column(kind, "share") for kind in kinds]
    rows: list[list[Cell]] = [
        [
            *(player[part] for part in parts),
            *(Share(counts[player].get(kind, 0), sum(counts[player].values())) for kind in kinds),
        ]
        for player in found.players
        if kinds
    ]
    return Table(name, title, columns, rows, note)
