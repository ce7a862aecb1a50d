"""The suite for retrievers, inherited by ours that need no model."""

from __future__ import annotations

from toolenv.mini import mini_tasks
from toolenv.retrieval import Corpus, HybridRetriever, Retriever
from toolenv.retrieval.bm25 import BM25Retriever, WordIndex
from toolenv.testing import RetrieverSuite

CORPUS = Corpus(api for task in mini_tasks() for api in task.apis)


class TestBM25(RetrieverSuite):
    def make_retriever(self) -> Retriever:
        return BM25Retriever(CORPUS, WordIndex(CORPUS.texts()))


class TestHybrid(RetrieverSuite):
    def make_retriever(self) -> Retriever:
        titles = [api.name for api in CORPUS.apis]
        indexes = (WordIndex(CORPUS.texts()), WordIndex(titles))
        return HybridRetriever([BM25Retriever(CORPUS, index) for index in indexes])
