"""Indexes on disk: opened in place, and refused where they do not fit."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from toolenv.apis import API
from toolenv.errors import ConfigurationError
from toolenv.retrieval import Corpus, RetrievalIndex, SentenceEncoder, build_index
from toolenv.retrieval.learned import LearnedFusion
from toolenv.retrieval.vectors import VectorIndex

CORPUS = Corpus(
    [
        API(tool="SEO", name="rank", description="Rank of a site."),
        API(tool="News", name="latest", description="Latest news of a country."),
    ]
)


@pytest.fixture
def words_only(tmp_path: Path) -> RetrievalIndex:
    return build_index(CORPUS, tmp_path / "words.index")


def test_an_index_is_opened_as_it_was_built(index: RetrievalIndex) -> None:
    again = RetrievalIndex(index.folder)
    query = "the weather in Berlin"
    assert again.dense().search(query, 5) == index.dense().search(query, 5)
    assert again.bm25().search(query, 5) == index.bm25().search(query, 5)
    assert again.dense().fingerprint == index.dense().fingerprint


def test_equal_inputs_give_equal_files(
    index: RetrievalIndex, encoder: SentenceEncoder, tmp_path: Path
) -> None:
    one = build_index(CORPUS, tmp_path / "one", encoder=encoder)
    other = build_index(CORPUS, tmp_path / "other", encoder=encoder)
    for name in [*one.manifest.files, "manifest.json"]:
        assert (one.folder / name).read_bytes() == (other.folder / name).read_bytes(), name


def test_another_corpus_is_refused(words_only: RetrievalIndex) -> None:
    other = Corpus([*CORPUS.apis, API(name="one more")])
    with pytest.raises(ConfigurationError, match=r"of another corpus .* 2 APIs.* than .* with 3"):
        RetrievalIndex(words_only.folder, other)


def test_a_corpus_that_was_edited_is_refused(words_only: RetrievalIndex) -> None:
    path = words_only.folder / "corpus.jsonl"
    path.write_text(path.read_text().replace("Rank of", "Sank of"))
    with pytest.raises(ConfigurationError, match="another corpus"):
        RetrievalIndex(words_only.folder)


def test_another_model_is_refused(
    index: RetrievalIndex, encoder: SentenceEncoder, tmp_path: Path
) -> None:
    shutil.copytree(encoder.folder, tmp_path / "model")
    config = tmp_path / "model" / "config.json"
    config.write_text(config.read_text().replace('"gelu"', '"relu"'))
    with pytest.raises(ConfigurationError, match="made by another model"):
        index.dense(SentenceEncoder(tmp_path / "model"))


def test_a_file_that_was_cut_or_lost_is_refused(words_only: RetrievalIndex) -> None:
    path = words_only.folder / "words" / "data.csc.index.npy"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ConfigurationError, match=r"data\.csc\.index\.npy: The file is absent"):
        RetrievalIndex(words_only.folder)
    path.unlink()
    with pytest.raises(ConfigurationError, match="Build the index again"):
        RetrievalIndex(words_only.folder)


def test_an_index_of_words_alone_says_so(words_only: RetrievalIndex) -> None:
    assert words_only.bm25().search("latest news", 1)[0].place == 1
    with pytest.raises(ConfigurationError, match="has no vectors"):
        words_only.dense()


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(ConfigurationError, match="holds something else"):
        build_index(CORPUS, tmp_path)
    assert (tmp_path / "letter.txt").read_text() == "dear"


def test_an_index_takes_the_place_of_an_older_one(words_only: RetrievalIndex) -> None:
    smaller = Corpus(CORPUS.apis[:1])
    assert len(build_index(smaller, words_only.folder).corpus) == 1


def test_nothing_cannot_be_indexed(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no APIs to index"):
        build_index(Corpus([]), tmp_path / "none")


def test_no_index_no_manifest_and_a_later_version_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="toolenv retrieve index"):
        RetrievalIndex(tmp_path)
    (tmp_path / "manifest.json").write_text('{"format": "toolenv-retrieval-index", "version": 2}')
    with pytest.raises(ConfigurationError, match="Build the index again"):
        RetrievalIndex(tmp_path)


def test_weights_of_other_features_are_refused(tmp_path: Path) -> None:
    (tmp_path / "fusion.json").write_text('{"weights": {"words": 1.0}}')
    with pytest.raises(ConfigurationError, match="Train the retriever again"):
        LearnedFusion.read(tmp_path / "fusion.json")


def test_weights_survive_their_file(tmp_path: Path) -> None:
    fusion = LearnedFusion(tuple(float(number) / 8 for number in range(17)))
    fusion.write(tmp_path / "fusion.json")
    assert LearnedFusion.read(tmp_path / "fusion.json") == fusion


def test_near_duplicates_are_found_once(encoder: SentenceEncoder) -> None:
    texts = [
        "The weather of a city.",
        "Stock prices.",
        "The weather of some city.",
        "Stock prices.",
    ]
    assert VectorIndex(encoder.encode(texts)).near_duplicates(0.9) == [(0, 2), (1, 3)]


def test_scores_are_cosines_by_place(encoder: SentenceEncoder) -> None:
    vectors = encoder.encode(["a cat", "a dog", "a train"])
    scores = VectorIndex(vectors).scores(vectors[:2])
    assert np.allclose(scores, vectors[:2] @ vectors.T, atol=2e-3)


def test_what_is_no_index_of_vectors_is_refused(tmp_path: Path) -> None:
    (tmp_path / "v.faiss").write_bytes(b"nothing of the kind")
    with pytest.raises(ConfigurationError, match="no index of vectors"):
        VectorIndex.open(tmp_path / "v.faiss")
    with pytest.raises(ConfigurationError, match="nothing to index"):
        VectorIndex(np.zeros((0, 4), dtype=np.float32))


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="holds no model"):
        SentenceEncoder(tmp_path)
