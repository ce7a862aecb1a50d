"""All APIs, whatever is asked: what retrieval is measured against."""

from __future__ import annotations

from collections.abc import Sequence

from toolenv.fingerprint import fingerprint
from toolenv.retrieval.base import Found, RetrieverBase, check_k
from toolenv.retrieval.corpus import Corpus

__all__ = ["EveryAPI"]


class EveryAPI(RetrieverBase):
    """Finds the whole corpus, in its order, whatever ``k`` says.

    Args:
        corpus: The corpus.
    """

    def __init__(self, corpus: Corpus) -> None:
        self.corpus = corpus

    @property
    def fingerprint(self) -> str:
        """A digest of the corpus."""
        return fingerprint("retriever", ["every 1", self.corpus.digest])

    def search_batch(self, queries: Sequence[str], k: int = 5) -> list[list[Found]]:
        """See ``Retriever``; ``k`` is read and not kept to."""
        check_k(k)
        every = [Found(place, api, 0.0) for place, api in enumerate(self.corpus.apis)]
        return [every for _ in queries]
