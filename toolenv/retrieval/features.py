"""What a learned ranking knows of a request and an API.

Scores of words and of meaning, over whole requests and over sentences, documents and titles; how
much of the API's and the tool's name the request says; and how the API stands among those of its
tool. None of them knows a tool by name: what is learned from some tools holds for others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from toolenv.retrieval.base import Scorer, Scores, best_of, standardised
from toolenv.retrieval.corpus import Corpus
from toolenv.retrieval.hybrid import ranks, scores_by_request
from toolenv.retrieval.words import readable, words

__all__ = ["FEATURES", "Candidates", "FeatureMaker"]

FEATURES: Final = (
    "words",
    "meaning",
    "words of a sentence",
    "meaning of a sentence",
    "both of a sentence",
    "behind a sentence's best",
    "title",
    "title of a sentence",
    "tool named",
    "API named",
    "rank",
    "tool's rank",
    "tool's rank in a sentence",
    "behind its tool's best",
    "its tool's best three",
    "size of its tool",
    "parameters",
)
"""Their names, in order."""


class Candidates(NamedTuple):
    """The APIs that may answer a request, and what is known of them.

    Args:
        places: Their places in the corpus, best first by the scores that were not learned.
        features: A row for each, a column for each of ``FEATURES``.
        scores: The scores of the whole corpus, by place.
    """

    places: npt.NDArray[np.int64]
    features: Scores
    scores: Scores


class FeatureMaker:
    """Makes features for requests.

    Args:
        by_words: Scores documents by words.
        by_meaning: Scores documents by meaning.
        by_title: Scores titles by meaning.
        count: How many candidates a request has.
    """

    def __init__(
        self, by_words: Scorer, by_meaning: Scorer, by_title: Scorer, count: int = 100
    ) -> None:
        self.corpus: Corpus = by_words.corpus
        self.count = count
        self._scorers = (by_words, by_meaning, by_title)
        apis = self.corpus.apis
        tools: dict[tuple[str, str], int] = {}
        self._tool = np.array([tools.setdefault((a.category, a.tool), len(tools)) for a in apis])
        self._order = np.argsort(self._tool, kind="stable")
        self._starts = np.searchsorted(self._tool[self._order], np.arange(len(tools)))
        sizes = np.bincount(self._tool, minlength=len(tools))
        self._size = np.log(sizes)[self._tool]
        self._parameters = np.log1p([len(api.parameters) for api in apis])
        self._names = [words(readable(api.name)) for api in apis]
        self._tools = [words(api.tool) for api in apis]
        self._weights = _weights([{*n, *t} for n, t in zip(self._names, self._tools, strict=True)])

    def candidates(self, query: str, among: npt.NDArray[np.bool_] | None = None) -> Candidates:
        """The candidates for a request.

        Args:
            query: The request.
            among: The APIs that may be candidates, by place; all by default.
        """
        (whole, parts), (meaning, meanings), (title, titles) = (
            (first, rest[0])
            for first, rest in (scores_by_request(one, [query]) for one in self._scorers)
        )
        both = standardised(parts) + standardised(meanings)
        columns = [
            standardised(whole)[0],
            standardised(meaning)[0],
            standardised(parts.max(axis=0, keepdims=True))[0],
            standardised(meanings.max(axis=0, keepdims=True))[0],
        ]
        scores: Scores = np.sum(columns, axis=0, dtype=np.float32)
        of_tools = self._best_of_tools(scores[None])
        behind = of_tools[0, self._tool] - scores
        in_sentence = ranks(self._best_of_tools(both)).min(axis=0)
        allowed = scores if among is None else np.where(among, scores, -np.inf).astype(np.float32)
        places = best_of(allowed, self.count)
        places = places[np.isfinite(allowed[places])]
        said = set(words(query))
        shown = [
            *columns,
            standardised(both.max(axis=0, keepdims=True))[0],
            (both.max(axis=1, keepdims=True) - both).min(axis=0),
            standardised(title)[0],
            standardised(titles.max(axis=0, keepdims=True))[0],
        ]
        rank = np.log1p(ranks(scores[None])[0, places])
        features = np.stack(
            [
                *(column[places] for column in shown),
                self._named(self._tools, places, said),
                self._named(self._names, places, said),
                rank,
                np.log1p(ranks(of_tools)[0, self._tool[places]]),
                np.log1p(in_sentence[self._tool[places]]),
                behind[places],
                self._best_three(scores)[self._tool[places]],
                self._size[places],
                self._parameters[places],
            ],
            axis=1,
        )
        return Candidates(places, features.astype(np.float32), scores)

    def _best_of_tools(self, scores: Scores) -> Scores:
        found: Scores = np.maximum.reduceat(scores[:, self._order], self._starts, axis=1)
        return found

    def _best_three(self, scores: Scores) -> Scores:
        """The mean of each tool's three best scores."""
        order = np.lexsort((-scores, self._tool))
        within = np.arange(len(order)) - self._starts[self._tool[order]]
        first = order[within < 3]
        sums = np.bincount(self._tool[first], scores[first], minlength=len(self._starts))
        counts = np.bincount(self._tool[first], minlength=len(self._starts))
        found: Scores = (sums / counts).astype(np.float32)
        return found

    def _named(
        self, names: Sequence[Sequence[str]], places: npt.NDArray[np.int64], said: set[str]
    ) -> Scores:
        """How much of each name the request says, rare words counting for more."""
        found = np.zeros(len(places), dtype=np.float32)
        for row, place in enumerate(places):
            weights = [self._weights[word] for word in names[place]]
            known = [w for w, word in zip(weights, names[place], strict=True) if word in said]
            found[row] = sum(known) / sum(weights) if weights else 0.0
        return found


def _weights(texts: Sequence[set[str]]) -> dict[str, float]:
    """How much a word tells: the logarithm of how few texts have it."""
    counts: dict[str, int] = {}
    for text in texts:
        for word in text:
            counts[word] = counts.get(word, 0) + 1
    return {word: math.log(1 + len(texts) / (n + 0.5)) for word, n in counts.items()}
