"""Ranking again by a cross-encoder: a tiny one of our own, with the real library around it."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolenv.apis import API
from toolenv.errors import ConfigurationError
from toolenv.retrieval import Corpus, RerankingRetriever, build_index, open_retriever
from toolenv.retrieval.bm25 import BM25Retriever, WordIndex

CORPUS = Corpus(
    [
        API(tool="Sky", name="forecast", description="Weather forecast of a city."),
        API(tool="Sky", name="history", description="Weather of a city in the past."),
        API(tool="Rails", name="timetable", description="Train times between stations of a city."),
    ]
)
WORDS = BM25Retriever(CORPUS, WordIndex(CORPUS.texts()))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cross-encoder of two layers, its weights drawn from a seed."""
    pytest.importorskip("sentence_transformers")
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    folder = tmp_path_factory.mktemp("models") / "cross"
    letters = [chr(code) for code in range(97, 123)]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters]
    vocabulary += [f"##{letter}" for letter in letters]
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=128,
        num_labels=1,
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=128).save_pretrained(folder)
    return folder


def test_it_ranks_by_the_model_and_the_same_each_time(model: Path) -> None:
    retriever = RerankingRetriever(WORDS, str(model))
    found = retriever.search("weather of a city", 3)
    scores = [one.score for one in found]
    assert scores == sorted(scores, reverse=True)
    assert {one.place for one in found} == {0, 1, 2}
    assert retriever.search("weather of a city", 3) == found


def test_what_is_too_deep_keeps_its_place_behind(model: Path) -> None:
    retriever = RerankingRetriever(WORDS, str(model), depth=1)
    query = "weather of a city"
    assert [one.place for one in retriever.search(query, 3)] == [
        one.place for one in WORDS.search(query, 3)
    ]


def test_blank_and_huge_requests(model: Path) -> None:
    retriever = RerankingRetriever(WORDS, str(model))
    assert retriever.search(" ") == []
    assert len(retriever.search("weather city " * 8_000, 2)) == 2


def test_a_specification_ranks_again(model: Path, tmp_path: Path) -> None:
    build_index(CORPUS, tmp_path / "i")
    opened = open_retriever(f"bm25:{tmp_path / 'i'}|rerank?model={model}&depth=2")
    assert isinstance(opened, RerankingRetriever)
    assert opened.fingerprint != WORDS.fingerprint
    assert len(opened.search("weather", 2)) == 2


def test_no_model_and_no_depth_are_refused(tmp_path: Path, model: Path) -> None:
    with pytest.raises(ConfigurationError, match="holds no model"):
        RerankingRetriever(WORDS, str(tmp_path))
    with pytest.raises(ConfigurationError, match="depth"):
        RerankingRetriever(WORDS, str(model), depth=0)
