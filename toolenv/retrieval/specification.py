"""Retrievers from text: what configuration files and the command line say.

``kind:FOLDER`` opens an index that ``toolenv retrieve index`` wrote: ``bm25``, ``dense``,
``hybrid`` (``?fusion=reciprocal_rank``, ``?by_sentence=false``), ``tool2vec``, ``trained``, and
``every``, which finds all there are. What
follows pipes is wrapped around it: ``|rerank?model=FOLDER&depth=50`` ranks again by a
cross-encoder, ``|rewrite?model=NAME&base_url=http://…&how=decompose`` asks a model what to search
for. The grammar is in ``toolenv.specification_text``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from toolenv.errors import ConfigurationError
from toolenv.retrieval.base import Retriever
from toolenv.retrieval.every import EveryAPI
from toolenv.retrieval.hybrid import HybridRetriever
from toolenv.retrieval.index import RetrievalIndex
from toolenv.retrieval.reranking import RerankingRetriever
from toolenv.retrieval.rewriting import RewritingRetriever
from toolenv.snapshots.snapshot import Snapshot
from toolenv.snapshots.store import Store
from toolenv.specification_text import Part, parse_specification
from toolenv.suggestions import did_you_mean, misfit

__all__ = ["KINDS", "open_retriever"]


def open_retriever(specification: str | Retriever) -> Retriever:
    """Make the retriever that a specification describes; one that is made already is itself.

    Raises:
        ConfigurationError: It cannot be read, names something unknown, or its index cannot be
            opened.
    """
    if not isinstance(specification, str):
        return specification
    read = parse_specification(specification)
    if read.simulator is None or read.simulator.place is None:
        raise ConfigurationError(
            f"No retriever is named in {specification!r}.",
            fix=f"Write kind:FOLDER; the kinds are {', '.join(KINDS)}.",
        )
    retriever = _made(read.simulator, KINDS, RetrievalIndex(read.simulator.place))
    for part in read.wrappers:
        retriever = _made(part, _WRAPPERS, retriever)
    return retriever


def _made(part: Part, kinds: dict[str, Callable[..., Retriever]], inner: Any) -> Retriever:
    make = kinds.get(part.kind)
    if make is None:
        raise ConfigurationError(
            f"Unknown retriever: {part.kind!r}.",
            fix=f"{did_you_mean(part.kind, kinds)} Use one of {', '.join(kinds)}.".lstrip(),
        )
    options: dict[str, Any] = {}
    for name, text in part.options:
        options[name] = _OPTIONS.get(name, str)(text)
    try:
        return make(inner, **options)
    except TypeError as error:
        raise ConfigurationError(
            f"The options of {part.head!r} do not fit: {misfit(error)}"
        ) from error


def _hybrid(index: RetrievalIndex, fusion: Any = "standard", by_sentence: bool = True) -> Retriever:
    return HybridRetriever([index.bm25(), index.dense()], fusion=fusion, by_sentence=by_sentence)


def _every(index: RetrievalIndex) -> Retriever:
    return EveryAPI(index.corpus)


def _rewriting(retriever: Retriever, model: str, record: str = "", **options: Any) -> Retriever:
    recordings = None
    if record:
        recordings = Snapshot(record) if Path(record).is_file() else Store(record)
    return RewritingRetriever(retriever, model, recordings=recordings, **options)


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ConfigurationError(f"{text!r} is no whole number.") from None


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigurationError(f"{text!r} is no number.", where="timeout") from None


def _truth(text: str) -> bool:
    return text.lower() in ("1", "true", "yes", "")


_OPTIONS: dict[str, Callable[[str], Any]] = {
    "depth": _number,
    "batch_size": _number,
    "max_retries": _number,
    "timeout": _seconds,
    "by_sentence": _truth,
}

KINDS: dict[str, Callable[..., Retriever]] = {
    "bm25": RetrievalIndex.bm25,
    "dense": RetrievalIndex.dense,
    "hybrid": _hybrid,
    "tool2vec": RetrievalIndex.tool2vec,
    "trained": RetrievalIndex.learned,
    "every": _every,
}
"""What opens an index as a retriever, by kind."""

_WRAPPERS: dict[str, Callable[..., Retriever]] = {
    "rerank": RerankingRetriever,
    "rewrite": _rewriting,
}
