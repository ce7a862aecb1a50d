"""BM25 (Robertson and Zaragoza, 2009) over words of documents, with ``bm25s``.

The scores are Lucene's, whose weights of words are never negative.
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from toolenv.errors import ConfigurationError
from toolenv.fingerprint import fingerprint
from toolenv.retrieval.base import Scorer, Scores
from toolenv.retrieval.corpus import Corpus
from toolenv.retrieval.words import words

__all__ = ["BM25Retriever", "WordIndex"]

_K1, _B = 1.5, 0.75


class WordIndex:
    """Texts by their words.

    Args:
        texts: The texts; a blank one is never found.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        import bm25s

        self._index: Any = bm25s.BM25(k1=_K1, b=_B, method="lucene")
        self._index.index([words(text) or [""] for text in texts], show_progress=False)

    def __len__(self) -> int:
        return int(self._index.scores["num_docs"])

    def scores(self, queries: Sequence[str]) -> Scores:
        """The score of every text, by place, a row for each search; 0 without a common word."""
        rows = np.zeros((len(queries), len(self)), dtype=np.float32)
        known = self._index.vocab_dict
        for row, query in zip(rows, queries, strict=True):
            tokens = [word for word in words(query) if word in known]
            if tokens:
                row[:] = self._index.get_scores(tokens)
        return rows

    def write(self, folder: str | PathLike[str]) -> None:
        """Write the index to a folder."""
        self._index.save(str(folder), show_progress=False)

    @classmethod
    def open(cls, folder: str | PathLike[str]) -> WordIndex:
        """Map what ``write`` wrote into memory.

        Raises:
            ConfigurationError: The folder is absent or holds no such index.
        """
        import bm25s

        opened = object.__new__(cls)
        try:
            opened._index = bm25s.BM25.load(str(folder), mmap=True, show_progress=False)
        except (OSError, ValueError, KeyError, TypeError):
            raise ConfigurationError(
                "This is no index of words.", where=str(Path(folder)), fix="Build the index again."
            ) from None
        return opened


class BM25Retriever(Scorer):
    """Finds the APIs whose documents share the rarest words with the request.

    APIs that share none are not found.

    Args:
        corpus: What is searched.
        index: The documents' words.
    """

    finds_all = False

    def __init__(self, corpus: Corpus, index: WordIndex) -> None:
        self.corpus = corpus
        self.index = index

    @property
    def fingerprint(self) -> str:
        """A digest of the corpus and of the method."""
        return fingerprint("retriever", ["bm25 1", _K1, _B, self.corpus.digest])

    def scores(self, queries: Sequence[str]) -> Scores:
        """See ``Scorer``."""
        return self.index.scores(queries)
