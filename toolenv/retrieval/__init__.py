"""Finding APIs: a corpus, retrievers over it, and indexes on disk."""

from toolenv.retrieval.base import Found, Retriever, RetrieverBase
from toolenv.retrieval.corpus import Corpus, read_corpus
from toolenv.retrieval.documents import DOCUMENT_FORMATS, DocumentFormat, document
from toolenv.retrieval.encoders import MINILM, SentenceEncoder, TextEncoder
from toolenv.retrieval.hybrid import HybridRetriever
from toolenv.retrieval.index import RetrievalIndex, build_index
from toolenv.retrieval.measures import Relevance, measures, ndcg, recall, sufficiency
from toolenv.retrieval.reranking import RerankingRetriever
from toolenv.retrieval.rewriting import RewritingRetriever
from toolenv.retrieval.specification import open_retriever

__all__ = [
    "DOCUMENT_FORMATS",
    "MINILM",
    "Corpus",
    "DocumentFormat",
    "Found",
    "HybridRetriever",
    "Relevance",
    "RerankingRetriever",
    "RetrievalIndex",
    "Retriever",
    "RetrieverBase",
    "RewritingRetriever",
    "SentenceEncoder",
    "TextEncoder",
    "build_index",
    "document",
    "measures",
    "ndcg",
    "open_retriever",
    "read_corpus",
    "recall",
    "sufficiency",
]
