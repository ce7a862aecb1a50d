"""Several retrievers as one.

``standard`` adds the scores of all, each in standard deviations over the corpus, all with the same
weight. ``reciprocal_rank`` adds 1 / (60 + rank) (Cormack, Clarke and Büttcher, SIGIR 2009). A
request that asks for several things hides each behind the others: by default every retriever is
also asked for each sentence, and the best sentence counts as much as the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

import numpy as np

from toolenv.errors import ConfigurationError
from toolenv.fingerprint import fingerprint
from toolenv.retrieval.base import Scorer, Scores, standardised
from toolenv.retrieval.words import sentences

__all__ = ["FUSIONS", "Fusion", "HybridRetriever", "ranks", "scores_by_request"]

Fusion: TypeAlias = Literal["standard", "reciprocal_rank"]
"""How scores become one."""

FUSIONS: tuple[Fusion, ...] = get_args(Fusion)

_SMOOTHING = 60
_TOGETHER = 16
"""Requests scored at once: memory is this times their sentences times the corpus."""


class HybridRetriever(Scorer):
    """Finds what several retrievers find, best where they agree.

    Args:
        scorers: Retrievers of one corpus.
        fusion: How their scores become one.
        by_sentence: Whether sentences are searched for as well as the whole request.

    Raises:
        ConfigurationError: There is no such fusion, or the retrievers search different corpora.
    """

    def __init__(
        self, scorers: Sequence[Scorer], *, fusion: Fusion = "standard", by_sentence: bool = True
    ) -> None:
        if fusion not in FUSIONS:
            raise ConfigurationError(
                f"Unknown fusion: {fusion!r}.",
                where="fusion",
                fix=f"Use {', '.join(FUSIONS)}, or learned where the index was trained.",
            )
        if len({scorer.corpus.digest for scorer in scorers}) != 1:
            raise ConfigurationError(
                "The retrievers do not search one and the same corpus.",
                where="scorers",
                fix="Build their indexes over one corpus.",
            )
        self.corpus = scorers[0].corpus
        self.scorers = tuple(scorers)
        self.fusion: Fusion = fusion
        self.by_sentence = by_sentence

    @property
    def fingerprint(self) -> str:
        """A digest of the retrievers and how they are fused."""
        parts = [scorer.fingerprint for scorer in self.scorers]  # type: ignore[attr-defined]
        return fingerprint("retriever", ["hybrid 1", self.fusion, self.by_sentence, parts])

    def scores(self, queries: Sequence[str]) -> Scores:
        """See ``Scorer``."""
        found = np.zeros((len(queries), len(self.corpus)), dtype=np.float32)
        combine = standardised if self.fusion == "standard" else _reciprocal
        for start in range(0, len(queries), _TOGETHER):
            some = queries[start : start + _TOGETHER]
            for scorer in self.scorers:
                if not self.by_sentence:
                    found[start : start + len(some)] += combine(scorer.scores(some))
                    continue
                whole, parts = scores_by_request(scorer, some)
                best = np.stack([rows.max(axis=0) for rows in parts])
                found[start : start + len(some)] += combine(whole) + combine(best)
        return found

    def close(self) -> None:
        """Close the retrievers."""
        for scorer in self.scorers:
            scorer.close()


def scores_by_request(scorer: Scorer, queries: Sequence[str]) -> tuple[Scores, list[Scores]]:
    """What a retriever says of requests as a whole, and of the sentences of each.

    Returns:
        A row for each request; for each request a row for each of its sentences.
    """
    parts = [sentences(query) or [query] for query in queries]
    texts = list(dict.fromkeys([*queries, *(one for some in parts for one in some)]))
    row_of = {text: row for row, text in enumerate(texts)}
    rows = scorer.scores(texts)
    whole = rows[[row_of[query] for query in queries]]
    return whole, [rows[[row_of[one] for one in some]] for some in parts]


def ranks(scores: Scores) -> Scores:
    """The rank of each score in its row, from 0 for the best; equal ones by place.

    Example:
        >>> ranks(np.array([[1, 3, 3]], dtype=np.float32)).tolist()
        [[2.0, 0.0, 1.0]]
    """
    order = np.argsort(-scores, axis=1, kind="stable")
    found = np.empty_like(scores)
    numbers = np.broadcast_to(np.arange(scores.shape[1], dtype=np.float32), scores.shape)
    np.put_along_axis(found, order, numbers, axis=1)
    return found


def _reciprocal(scores: Scores) -> Scores:
    return (1 / (_SMOOTHING + 1 + ranks(scores))).astype(np.float32)
