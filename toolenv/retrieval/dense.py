"""Dense retrieval: the request's vector against those of the documents."""

from __future__ import annotations

from collections.abc import Sequence

from toolenv.fingerprint import fingerprint
from toolenv.retrieval.base import Found, Scorer, Scores, check_k
from toolenv.retrieval.corpus import Corpus
from toolenv.retrieval.encoders import TextEncoder, Vectors
from toolenv.retrieval.vectors import VectorIndex

__all__ = ["DenseRetriever"]


class DenseRetriever(Scorer):
    """Finds the APIs whose vectors are nearest to the request's.

    The vectors are those of the documents, or, as in Tool2Vec (Moon et al., "Efficient and
    Scalable Estimation of Tool Representations in Vector Space", 2024), the means of the requests
    that the APIs served.

    Args:
        corpus: What is searched.
        index: The vectors, by place in the corpus.
        encoder: What made them.
        of: What they are vectors of: ``documents`` or ``requests``.
    """

    def __init__(
        self, corpus: Corpus, index: VectorIndex, encoder: TextEncoder, of: str = "documents"
    ) -> None:
        self.corpus = corpus
        self.index = index
        self.encoder = encoder
        self.of = of

    @property
    def fingerprint(self) -> str:
        """A digest of corpus, model and what the vectors are of."""
        return fingerprint(
            "retriever", ["dense 1", self.of, self.encoder.digest, self.corpus.digest]
        )

    def scores(self, queries: Sequence[str]) -> Scores:
        """See ``Scorer``."""
        return self.index.scores(self.encoder.encode(queries))

    def search_batch(self, queries: Sequence[str], k: int = 5) -> list[list[Found]]:
        """See ``Retriever``. Equal cosines, as of equal texts, come by place."""
        check_k(k)
        asked = [query for query in queries if query.strip()]
        if not asked:
            return [[] for _ in queries]
        rows = iter(self._nearest(self.encoder.encode(asked), k))
        return [next(rows) if query.strip() else [] for query in queries]

    def _nearest(self, vectors: Vectors, k: int) -> list[list[Found]]:
        places, cosines = self.index.search(vectors, k)
        found = []
        for row, scores in zip(places, cosines, strict=True):
            ranked = sorted(zip(row.tolist(), scores.tolist(), strict=True), key=_rank)
            found.append([Found(at, self.corpus.apis[at], score) for at, score in ranked])
        return found


def _rank(found: tuple[int, float]) -> tuple[float, int]:
    return -found[1], found[0]
