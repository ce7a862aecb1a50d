"""Rows of training data in the forms that TRL's trainers take unchanged.

Messages are ``json`` columns and tools a text of JSON, so that Arrow never merges the arguments of
one call with those of another. Columns that trainers do not know say where a row comes from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from toolenv.formats.row_columns import Columns
from toolenv.jsontext import JsonValue, render
from toolenv.preferences.explored import Messages
from toolenv.preferences.pairs import Pair, Side, first_turn

__all__ = ["PAIR_FORMS", "PairForm", "RowForm"]

PairForm: TypeAlias = Literal["dpo", "kto", "reward"]
"""Whose rows: ``dpo`` for DPOTrainer, ``kto`` for KTOTrainer, ``reward`` for RewardTrainer."""

Row: TypeAlias = Mapping[str, object]

_PROVENANCE: Final[Columns] = {
    **dict.fromkeys(("task", "split", "source", "reason"), "string"),
    "provenance": "string",
}


class RowForm(NamedTuple):
    """One form of rows.

    Args:
        columns: Its columns.
        rows: The rows of a pair, each with the conversations that a model reads for it.
        trainer: What takes them.
    """

    columns: Columns
    rows: Callable[[Pair], Iterator[tuple[Row, Sequence[Messages]]]]
    trainer: str


def _dpo(pair: Pair) -> Iterator[tuple[Row, Sequence[Messages]]]:
    """One decision on each side: what the environment said is in no loss."""
    chosen, rejected = first_turn(pair.chosen), first_turn(pair.rejected)
    yield (
        {"prompt": pair.prompt, "chosen": chosen, "rejected": rejected, **_about(pair)},
        [[*pair.prompt, *chosen], [*pair.prompt, *rejected]],
    )


def _kto(pair: Pair) -> Iterator[tuple[Row, Sequence[Messages]]]:
    for side, label in ((pair.chosen, True), (pair.rejected, False)):
        turn = first_turn(side)
        row = {"prompt": pair.prompt, "completion": turn, "label": label, **_about(pair)}
        yield row, [[*pair.prompt, *turn]]


def _reward(pair: Pair) -> Iterator[tuple[Row, Sequence[Messages]]]:
    """All that was compared: a reward model judges where it led."""
    yield (
        {"prompt": pair.prompt, "chosen": pair.chosen, "rejected": pair.rejected, **_about(pair)},
        [[*pair.prompt, *pair.chosen], [*pair.prompt, *pair.rejected]],
    )


_SIDES: Final[Columns] = {"prompt": ["json"], "chosen": ["json"], "rejected": ["json"]}

PAIR_FORMS: Final[Mapping[PairForm, RowForm]] = {
    "dpo": RowForm({**_SIDES, "tools": "string", **_PROVENANCE}, _dpo, "DPOTrainer"),
    "kto": RowForm(
        {
            "prompt": ["json"],
            "completion": ["json"],
            "label": "bool",
            "tools": "string",
            **_PROVENANCE,
        },
        _kto,
        "KTOTrainer",
    ),
    "reward": RowForm({**_SIDES, "tools": "string", **_PROVENANCE}, _reward, "RewardTrainer"),
}
"""The forms by name."""


def _about(pair: Pair) -> dict[str, Any]:
    told: dict[str, JsonValue] = {
        "margin": pair.margin,
        "prefix": list(pair.prefix),
        "chosen": _told(pair.better),
        "rejected": _told(pair.worse),
    }
    return {
        "tools": render(list(pair.functions)),
        "task": pair.task,
        "split": pair.split,
        "source": pair.source,
        "reason": pair.reason,
        "provenance": render(told),
    }


def _told(side: Side) -> dict[str, JsonValue]:
    return {
        **side._asdict(),
        "steps": list(side.steps),
        "origins": list(side.origins),
    }
