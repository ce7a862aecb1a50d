"""Vectors of texts in a file that is mapped into memory, searched by angle (``faiss``).

One index for all that looks for near texts: APIs for a request, recorded calls near another call,
examples for a simulated server, documents that say nearly the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from toolenv.errors import ConfigurationError
from toolenv.files import replacing
from toolenv.retrieval.encoders import Vectors

__all__ = ["VectorIndex"]


class VectorIndex:
    """Unit vectors at half precision, compared one by one: exact but for rounding.

    Args:
        vectors: A row for each text, of length 1.

    Raises:
        ConfigurationError: There is no vector.
    """

    def __init__(self, vectors: Vectors) -> None:
        import faiss

        if not len(vectors):
            raise ConfigurationError("There is nothing to index.", where="vectors")
        self._index: Any = faiss.IndexScalarQuantizer(
            vectors.shape[1], faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
        )
        self._index.add(np.ascontiguousarray(vectors, dtype=np.float32))

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def dimensions(self) -> int:
        """The length of a vector."""
        return int(self._index.d)

    def search(self, vectors: Vectors, k: int) -> tuple[npt.NDArray[np.int64], Vectors]:
        """The nearest, best first.

        Args:
            vectors: A row for each search.
            k: How many; all where there are fewer.

        Returns:
            Places and cosines, a row for each search.
        """
        cosines, places = self._index.search(
            np.ascontiguousarray(vectors, dtype=np.float32), min(k, len(self))
        )
        return places, cosines

    def scores(self, vectors: Vectors) -> Vectors:
        """The cosine of every text, by place, a row for each search."""
        places, cosines = self.search(vectors, len(self))
        found = np.empty_like(cosines)
        np.put_along_axis(found, places, cosines, axis=1)
        return found

    def vectors(self, places: Sequence[int]) -> Vectors:
        """The vectors of some texts, as far as half precision kept them."""
        found: Vectors = self._index.reconstruct_batch(np.asarray(places, dtype=np.int64))
        return found

    def near_duplicates(self, least: float = 0.95, neighbours: int = 10) -> list[tuple[int, int]]:
        """Pairs of texts whose cosine is at least so much, each once, in order.

        Args:
            least: The cosine from which two are near.
            neighbours: How many of the nearest of each text are looked at.
        """
        found: set[tuple[int, int]] = set()
        for start in range(0, len(self), 1024):
            count = min(1024, len(self) - start)
            places, cosines = self.search(self._index.reconstruct_n(start, count), neighbours + 1)
            rows, columns = np.nonzero(cosines >= least)
            for row, other in zip(rows + start, places[rows, columns], strict=True):
                if row != other:
                    found.add((int(min(row, other)), int(max(row, other))))
        return sorted(found)

    def write(self, path: str | PathLike[str]) -> None:
        """Write the index to a file."""
        import faiss

        with replacing(Path(path)) as new:
            faiss.write_index(self._index, str(new))

    @classmethod
    def open(cls, path: str | PathLike[str]) -> VectorIndex:
        """Map what ``write`` wrote into memory.

        Raises:
            ConfigurationError: The file is absent or no such index.
        """
        import faiss

        opened = object.__new__(cls)
        try:
            opened._index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        except RuntimeError:
            raise ConfigurationError(
                "This is no index of vectors.", where=str(path), fix="Build the index again."
            ) from None
        return opened
