"""APIs that do the same: near-equal documents, or one function of several providers.

Which of them a source calls relevant is chance. A retriever that is trained to tell them apart
learns nothing that holds elsewhere.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np

from toolenv.retrieval.corpus import Corpus
from toolenv.retrieval.vectors import VectorIndex
from toolenv.retrieval.words import readable, words

__all__ = ["Equivalents"]

_NEAR = 0.9
_SAME_NAME = 0.6


class Equivalents:
    """Finds the APIs that could serve in place of another.

    Two are equivalent if the cosine of their documents is at least 0.9, or at least 0.6 and their
    names have the same words. Cosines are those of what sets vectors apart: the corpus's mean is
    taken off first, which in some encoders is most of every vector.

    Args:
        corpus: The APIs.
        index: Their documents' vectors.
    """

    def __init__(self, corpus: Corpus, index: VectorIndex) -> None:
        vectors = index.vectors(range(len(index)))
        apart = vectors - vectors.mean(axis=0)
        lengths = np.linalg.norm(apart, axis=1, keepdims=True)
        self._apart = np.divide(apart, lengths, out=np.zeros_like(apart), where=lengths > 1e-6)
        self._names = [frozenset(words(readable(api.name))) for api in corpus.apis]
        self._known: dict[int, frozenset[int]] = {}

    def of(self, places: Iterable[int]) -> Collection[int]:
        """Places of what is equivalent to any of some APIs, those themselves left out."""
        given = set(places)
        found: set[int] = set()
        for place in given:
            if place not in self._known:
                self._known[place] = self._near(place)
            found |= self._known[place]
        return found - given

    def _near(self, place: int) -> frozenset[int]:
        cosines = self._apart @ self._apart[place]
        name = self._names[place]
        return frozenset(
            int(other)
            for other in np.flatnonzero(cosines >= _SAME_NAME)
            if cosines[other] >= _NEAR or (name and self._names[other] == name)
        )
