"""What any retriever must do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from itertools import pairwise

from toolenv import bridge
from toolenv.errors import ConfigurationError
from toolenv.retrieval import Retriever

__all__ = ["RetrieverSuite"]


class RetrieverSuite(ABC):
    """The contract of ``toolenv.retrieval.Retriever`` as tests."""

    queries = ("weather in a city", "Book a table. Then tell me the price of a share.", "天気")
    """Requests that are searched for; a subclass may ask others."""

    @abstractmethod
    def make_retriever(self) -> Retriever:
        """A fresh retriever; equal ones each time."""

    # --- the tests ----------------------------------------------------------------------------

    def test_results_are_distinct_apis_of_the_corpus_best_first(self) -> None:
        """Each with its place, none twice, scores falling."""
        retriever = self.make_retriever()
        for found in retriever.search_batch(self.queries, 7):
            assert len(found) <= 7
            assert all(retriever.corpus.apis[one.place] == one.api for one in found)
            assert len({one.place for one in found}) == len(found)
            assert all(a.score >= b.score for a, b in pairwise(found))

    def test_equal_retrievers_find_the_same(self) -> None:
        """In the same order, and under one fingerprint."""
        one, other = self.make_retriever(), self.make_retriever()
        assert one.fingerprint == other.fingerprint
        assert _places(one, self.queries) == _places(other, self.queries)

    def test_one_by_one_together_and_awaited_are_the_same(self) -> None:
        """One search, three ways to ask for it."""
        retriever = self.make_retriever()
        together = _places(retriever, self.queries)
        assert together == [
            [one.place for one in retriever.search(query, 5)] for query in self.queries
        ]
        assert together == [
            [one.place for one in bridge.run(retriever.asearch(query, 5))] for query in self.queries
        ]

    def test_a_blank_request_finds_nothing(self) -> None:
        """Nor do no requests at all."""
        retriever = self.make_retriever()
        assert retriever.search_batch(["", " \n"], 3) == [[], []]
        assert retriever.search_batch([], 3) == []

    def test_more_than_the_corpus_is_no_error(self) -> None:
        """What there is comes back."""
        retriever = self.make_retriever()
        size = len(retriever.corpus)
        assert len(retriever.search(self.queries[0], size + 100)) <= size

    def test_less_than_one_is_refused(self) -> None:
        """With the option's name."""
        retriever = self.make_retriever()
        for k in (0, -1):
            try:
                retriever.search(self.queries[0], k)
            except ConfigurationError:
                continue
            raise AssertionError(f"k = {k} was not refused")

    def test_closing_twice_is_harmless(self) -> None:
        """As the contract says."""
        retriever = self.make_retriever()
        retriever.close()
        retriever.close()


def _places(retriever: Retriever, queries: tuple[str, ...]) -> list[list[int]]:
    return [[one.place for one in found] for found in retriever.search_batch(queries, 5)]
