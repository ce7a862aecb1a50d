"""A second look at what was found: a cross-encoder reads request and document together."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from toolenv.errors import ConfigurationError
from toolenv.fingerprint import fingerprint
from toolenv.retrieval.base import Found, Retriever, RetrieverBase, check_k
from toolenv.retrieval.documents import document
from toolenv.retrieval.encoders import folder_digest, model_folder, printable

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

__all__ = ["RerankingRetriever"]


class RerankingRetriever(RetrieverBase):
    """Ranks what a retriever finds again, by a cross-encoder of ``sentence-transformers``.

    Args:
        retriever: What finds the candidates; closed with this.
        model: The cross-encoder: a folder, or a name at the model hub.
        depth: How many candidates are ranked again; others keep their places behind them.
        batch_size: Pairs scored at once.

    Raises:
        ConfigurationError: There is no such model, or the depth is less than 1.
    """

    def __init__(
        self, retriever: Retriever, model: str, *, depth: int = 50, batch_size: int = 32
    ) -> None:
        if depth < 1:
            raise ConfigurationError(f"It is {depth}.", where="depth", fix="Give 1 or more.")
        self.retriever = retriever
        self.corpus = retriever.corpus
        self.depth = depth
        self.batch_size = batch_size
        self.folder = model_folder(model)
        self._lock = threading.Lock()

    @cached_property
    def fingerprint(self) -> str:
        """A digest of the retriever, the model and the depth."""
        digest = folder_digest(self.folder)
        return fingerprint(
            "retriever", ["reranking 1", digest, self.depth, self.retriever.fingerprint]
        )

    @cached_property
    def model(self) -> CrossEncoder:
        """The cross-encoder itself, loaded when first used."""
        from sentence_transformers import CrossEncoder

        return CrossEncoder(str(self.folder), device="cpu")

    def search_batch(self, queries: Sequence[str], k: int = 5) -> list[list[Found]]:
        """See ``Retriever``."""
        check_k(k)
        found = self.retriever.search_batch(queries, max(k, self.depth))
        return [self._ranked(query, some)[:k] for query, some in zip(queries, found, strict=True)]

    async def asearch(self, query: str, k: int = 5) -> list[Found]:
        """See ``Retriever``."""
        check_k(k)
        return self._ranked(query, await self.retriever.asearch(query, max(k, self.depth)))[:k]

    def close(self) -> None:
        """Close the retriever."""
        self.retriever.close()

    def _ranked(self, query: str, found: Sequence[Found]) -> list[Found]:
        first, rest = found[: self.depth], found[self.depth :]
        if not first:
            return []
        pairs = [(printable(query), printable(document(one.api))) for one in first]
        with self._lock:
            scores = np.asarray(
                self.model.predict(pairs, batch_size=self.batch_size, show_progress_bar=False)
            ).reshape(len(pairs), -1)[:, 0]
        order = sorted(range(len(first)), key=lambda row: (-float(scores[row]), row))
        least = float(scores.min())
        return [
            *(first[row]._replace(score=float(scores[row])) for row in order),
            *(one._replace(score=least - rank) for rank, one in enumerate(rest, 1)),
        ]
