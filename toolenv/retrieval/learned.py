"""Learned fusion: a weight for each feature, fitted to requests whose APIs are known."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, ValidationError

from toolenv.errors import ConfigurationError
from toolenv.files import replacing
from toolenv.fingerprint import fingerprint
from toolenv.retrieval.base import Scorer, Scores
from toolenv.retrieval.features import FEATURES, Candidates, FeatureMaker

__all__ = ["LearnedFusion", "LearnedRetriever"]

Doubles = npt.NDArray[np.float64]


class LearnedFusion(NamedTuple):
    """A linear ranking of candidates.

    Args:
        weights: A weight for each of ``FEATURES``.
    """

    weights: tuple[float, ...]

    def rank(self, candidates: Candidates) -> Scores:
        """The score of each candidate."""
        found: Scores = candidates.features @ np.array(self.weights, dtype=np.float32)
        return found

    @classmethod
    def fit(
        cls, lists: Sequence[tuple[Candidates, Sequence[int]]], *, ridge: float = 0.01
    ) -> LearnedFusion:
        """Fit weights such that relevant candidates come before others.

        The likelihood is that of a choice among the candidates of each request, shared among the
        relevant ones (ListNet; Cao et al., ICML 2007), with a penalty on standardised weights.

        Args:
            lists: Candidates of requests, and the places of the relevant APIs among the corpus.
            ridge: The penalty.

        Raises:
            ConfigurationError: No request has a relevant API among its candidates.
        """
        kept = []
        for candidates, relevant in lists:
            wanted = np.isin(candidates.places, list(relevant))
            if wanted.any():
                kept.append((candidates.features.astype(np.float64), wanted / wanted.sum()))
        if not kept:
            raise ConfigurationError(
                "No request has a relevant API among its candidates.",
                fix="Give tasks that say which APIs are relevant, of this corpus.",
            )
        rows = np.concatenate([features for features, _ in kept])
        spread = rows.std(axis=0)
        scale = np.where(spread > 1e-9, spread, np.inf)
        weights = _fit([(features / scale, share) for features, share in kept], ridge)
        return cls(tuple(float(w) for w in np.round(weights / scale, 6)))

    def write(self, path: str | PathLike[str]) -> None:
        """Write the weights as JSON."""
        named = _Weights(weights=dict(zip(FEATURES, self.weights, strict=True)))
        with replacing(Path(path)) as new:
            new.write_text(named.model_dump_json(indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: str | PathLike[str]) -> LearnedFusion:
        """Read what ``write`` wrote.

        Raises:
            ConfigurationError: There is no such file, or it is of other features.
        """
        try:
            named = _Weights.model_validate_json(Path(path).read_bytes()).weights
        except (OSError, ValidationError):
            named = {}
        if tuple(named) != FEATURES:
            raise ConfigurationError(
                "These are no weights of this version's features.",
                where=str(path),
                fix="Train the retriever again: toolenv train retriever.",
            )
        return cls(tuple(named.values()))


class LearnedRetriever(Scorer):
    """Ranks the candidates of a hybrid retriever by what was learned.

    Args:
        maker: Makes candidates and features.
        fusion: The weights.
        parts: Fingerprints of what the features are made of.
    """

    def __init__(self, maker: FeatureMaker, fusion: LearnedFusion, parts: Sequence[str]) -> None:
        self.corpus = maker.corpus
        self.maker = maker
        self.fusion = fusion
        self._parts = list(parts)

    @property
    def fingerprint(self) -> str:
        """A digest of corpus, models and weights."""
        return fingerprint("retriever", ["learned 1", self._parts, list(self.fusion.weights)])

    def scores(self, queries: Sequence[str]) -> Scores:
        """See ``Scorer``; what is no candidate comes behind, as it would without learning."""
        return np.stack([self._row(query) for query in queries])

    def _row(self, query: str) -> Scores:
        candidates = self.maker.candidates(query)
        ranked = self.fusion.rank(candidates)
        rest = candidates.scores - candidates.scores.max() - 1
        row: Scores = rest + ranked.min(initial=0.0)
        row[candidates.places] = ranked
        return row


class _Weights(BaseModel):
    model_config = ConfigDict(extra="forbid")

    weights: dict[str, float]


def _fit(lists: Sequence[tuple[Doubles, Doubles]], ridge: float) -> Doubles:
    """Newton's method: the problem is convex and has as many unknowns as features."""
    count = lists[0][0].shape[1]
    weights = np.zeros(count)
    value, gradient, curvature = _loss(lists, weights, ridge)
    for _ in range(50):
        step = np.linalg.solve(curvature, gradient)
        length = 1.0
        while length > 1e-6:
            tried = weights - length * step
            lower, slope, bend = _loss(lists, tried, ridge)
            if lower <= value - 1e-4 * length * float(gradient @ step):
                break
            length /= 2
        else:
            break
        done = value - lower < 1e-10
        weights, value, gradient, curvature = tried, lower, slope, bend
        if done:
            break
    return weights


def _loss(
    lists: Sequence[tuple[Doubles, Doubles]], weights: Doubles, ridge: float
) -> tuple[float, Doubles, Doubles]:
    value, gradient = ridge * float(weights @ weights), 2 * ridge * weights
    curvature = 2 * ridge * np.eye(len(weights))
    for features, share in lists:
        ranked = features @ weights
        ranked -= ranked.max()
        chance = np.exp(ranked)
        total = chance.sum()
        chance /= total
        value -= float(share @ (ranked - float(np.log(total)))) / len(lists)
        middle = chance @ features
        gradient = gradient + (middle - share @ features) / len(lists)
        apart = features - middle
        curvature = curvature + (apart.T * chance) @ apart / len(lists)
    return value, gradient, curvature
