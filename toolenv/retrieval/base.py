"""The contract of retrievers: a request goes in, ranked APIs come out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from toolenv.apis import API
from toolenv.errors import ConfigurationError
from toolenv.retrieval.corpus import Corpus

__all__ = ["Found", "Retriever", "RetrieverBase", "Scorer", "Scores", "best_of", "standardised"]

Scores: TypeAlias = npt.NDArray[np.float32]


class Found(NamedTuple):
    """An API that was found.

    Args:
        place: Its place in the corpus.
        api: The API.
        score: The higher, the better; comparable within one search alone.
    """

    place: int
    api: API
    score: float


@runtime_checkable
class Retriever(Protocol):
    """Finds APIs of one corpus. Equal requests find equal APIs, in the same order."""

    @property
    def corpus(self) -> Corpus:
        """What is searched."""
        ...

    @property
    def fingerprint(self) -> str:
        """A digest of corpus, models and settings."""
        ...

    def search(self, query: str, k: int = 5) -> list[Found]:
        """The best APIs for a request, best first.

        Args:
            query: The request, of any length and in any language; a blank one finds nothing.
            k: How many, at most; all that were found where the corpus has fewer.

        Raises:
            ConfigurationError: ``k`` is less than 1.
        """
        ...

    def search_batch(self, queries: Sequence[str], k: int = 5) -> list[list[Found]]:
        """The same for several requests at once."""
        ...

    async def asearch(self, query: str, k: int = 5) -> list[Found]:
        """The same from asynchronous code: what waits does not hold up others."""
        ...

    def close(self) -> None:
        """Release what it holds. Closing twice is harmless."""
        ...


class RetrieverBase:
    """What retrievers share: ``search_batch`` alone is to be written."""

    corpus: Corpus

    def search_batch(self, queries: Sequence[str], k: int = 5) -> list[list[Found]]:
        """See ``Retriever``."""
        raise NotImplementedError

    def search(self, query: str, k: int = 5) -> list[Found]:
        """See ``Retriever``."""
        return self.search_batch([query], k)[0]

    async def asearch(self, query: str, k: int = 5) -> list[Found]:
        """See ``Retriever``."""
        return self.search(query, k)

    def close(self) -> None:
        """Release what it holds; nothing by default."""

    def _found(self, places: npt.NDArray[np.int64], scores: Scores) -> list[Found]:
        return [
            Found(int(place), self.corpus.apis[place], float(score))
            for place, score in zip(places, scores, strict=True)
        ]


class Scorer(RetrieverBase):
    """A retriever that scores the whole corpus: ``scores`` alone is to be written.

    Attributes:
        finds_all: Whether a score of 0 is a score like others; else it is no find.
    """

    finds_all = True

    def scores(self, queries: Sequence[str]) -> Scores:
        """A row for each request, a column for each API."""
        raise NotImplementedError

    def search_batch(self, queries: Sequence[str], k: int = 5) -> list[list[Found]]:
        """See ``Retriever``."""
        check_k(k)
        asked = [query for query in queries if query.strip()]
        rows = iter(self.scores(asked)) if asked else iter(())
        found: list[list[Found]] = []
        for query in queries:
            if not query.strip():
                found.append([])
                continue
            row = next(rows)
            places = best_of(row, k)
            if not self.finds_all:
                places = places[row[places] > 0]
            found.append(self._found(places, row[places]))
        return found


def check_k(k: int) -> None:
    """Refuse a number of results that is none."""
    if k < 1:
        raise ConfigurationError(f"It is {k}.", where="k", fix="Ask for 1 API or more.")


def best_of(scores: Scores, k: int) -> npt.NDArray[np.int64]:
    """Places of the best scores, best first, equal ones by place.

    Example:
        >>> best_of(np.array([1, 3, 3, 2], dtype=np.float32), 3).tolist()
        [1, 2, 3]
    """
    if k < len(scores):
        least = np.partition(scores, len(scores) - k)[len(scores) - k]
        places = np.flatnonzero(scores >= least)
    else:
        places = np.arange(len(scores))
    order = np.lexsort((places, -scores[places]))
    chosen: npt.NDArray[np.int64] = places[order][:k]
    return chosen


def standardised(scores: Scores) -> Scores:
    """Scores of each row less their mean, in standard deviations; rows of equal scores are 0.

    Example:
        >>> standardised(np.array([[1, 3], [2, 2]], dtype=np.float32)).tolist()
        [[-1.0, 1.0], [0.0, 0.0]]
    """
    spread = scores.std(axis=1, keepdims=True)
    moved = scores - scores.mean(axis=1, keepdims=True)
    found: Scores = np.divide(moved, spread, out=np.zeros_like(scores), where=spread > 1e-9)
    return found
