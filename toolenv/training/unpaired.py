"""Rows that are desirable or not, each by itself: counted, weighed, and put into batches."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

from toolenv.errors import FormatError
from toolenv.seeds import derive

__all__ = ["Labels", "labels_of", "spread"]


class Labels(NamedTuple):
    """How many rows have either label."""

    desirable: int
    undesirable: int

    @classmethod
    def of(cls, labels: Sequence[bool]) -> Self:
        """Count them."""
        return cls(sum(labels), len(labels) - sum(labels))

    def weights(self, desirable: float | None, undesirable: float | None) -> tuple[float, float]:
        """The weights of the loss on desirable and on undesirable rows.

        What is not given makes the weighted numbers of both equal, the rarer label's weight being
        raised: Ethayarajh et al. (arXiv 2402.01306, Eq. 8) advise between 1:1 and 4:3.

        Args:
            desirable: The weight of desirable rows, if it is given.
            undesirable: The weight of undesirable rows, if it is given.

        Example:
            >>> Labels(desirable=100, undesirable=400).weights(None, None)
            (4.0, 1.0)
            >>> Labels(desirable=100, undesirable=400).weights(1.0, None)
            (1.0, 0.25)
        """
        to_undesirable = self.desirable / self.undesirable
        if desirable is not None:
            return desirable, desirable * to_undesirable if undesirable is None else undesirable
        if undesirable is not None:
            return undesirable / to_undesirable, undesirable
        return max(1.0, 1 / to_undesirable), max(1.0, to_undesirable)


def labels_of(rows: Any, place: str) -> list[bool]:
    """Whether each row is desirable.

    Args:
        rows: The rows.
        place: Where they are from.

    Raises:
        FormatError: One is neither true nor false, or all are the same.
    """
    labels = list(rows["label"])
    for number, label in enumerate(labels):
        if not isinstance(label, bool):
            raise FormatError(
                f"The label of row {number} is {label!r}, neither true nor false.",
                where=place,
                fix="Say true of what is desirable, false of what is not.",
            )
    if not all(Labels.of(labels)):
        raise FormatError(
            f"All {len(labels)} rows that fit are {'desirable' if labels[0] else 'undesirable'}: "
            "there is nothing to tell them from.",
            where=place,
            fix="Give rows of both labels: 'toolenv pairs RUN --out DATA --as kto' writes both. "
            "What is desirable alone can be imitated: 'toolenv train sft'.",
        )
    return labels


def spread(prompts: Sequence[str], labels: Sequence[bool], batch_size: int, seed: int) -> list[int]:
    """An order of rows in whose batches one prompt is as seldom as can be.

    ``KTOTrainer`` estimates how far the policy has gone from its reference by each prompt with the
    completion of the row before it in its batch, and asks for batches in the order of the rows. As
    pairs are written, that would be the other side of the same pair. Where the last batch would be
    one row, which has no other, a row of the more frequent label is left out.

    Args:
        prompts: The prompts, or what stands for them.
        labels: Whether each row is desirable.
        batch_size: Rows of a batch.
        seed: What chance there is derives from.

    Returns:
        Numbers of rows.

    Example:
        >>> order = spread(["a", "a", "b", "b"], [True, False, True, False], 2, seed=0)
        >>> {order[0] < 2, order[1] < 2} == {order[2] < 2, order[3] < 2} == {True, False}
        True
    """
    drawn = list(range(len(prompts)))
    random.Random(derive("order", seed)).shuffle(drawn)
    if len(drawn) % batch_size == 1:
        frequent = 2 * sum(labels) > len(labels)
        drawn.remove(next(number for number in drawn if labels[number] is frequent))
    together: dict[str, list[int]] = {}
    for number in drawn:
        together.setdefault(prompts[number], []).append(number)
    # dealt as cards are: those of one prompt, one after the other, to different batches
    places = sorted(range(len(drawn)), key=lambda place: (place % batch_size, place // batch_size))
    dealt = (number for numbers in together.values() for number in numbers)
    return [number for _, number in sorted(zip(places, dealt, strict=True))]
