"""An index on disk: a folder that every kind of retriever opens, and the corpus it is of.

::

    manifest.json     what it was built from: digests of corpus and model, sizes of the files
    corpus.jsonl      the APIs
    words/            documents by their words (BM25)
    documents.faiss   documents by meaning
    titles.faiss      names of tools and APIs by meaning
    requests.faiss    APIs by the requests they served (Tool2Vec), where some were given
    fusion.json       weights of a learned ranking, where it was trained
    encoder/          the model, where it was trained

Vectors and words are mapped into memory. What does not fit together is refused: another corpus,
another model, a file that was cut.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from toolenv.errors import ConfigurationError
from toolenv.formats.files import write_text
from toolenv.retrieval.bm25 import BM25Retriever, WordIndex
from toolenv.retrieval.corpus import Corpus
from toolenv.retrieval.dense import DenseRetriever
from toolenv.retrieval.documents import DocumentFormat, title
from toolenv.retrieval.encoders import SentenceEncoder, TextEncoder, Vectors
from toolenv.retrieval.features import FeatureMaker
from toolenv.retrieval.learned import LearnedFusion, LearnedRetriever
from toolenv.retrieval.vectors import VectorIndex

__all__ = ["IndexManifest", "RetrievalIndex", "build_index"]

_MANIFEST, _CORPUS, _WORDS, _ENCODER = "manifest.json", "corpus.jsonl", "words", "encoder"
_DOCUMENTS, _TITLES, _REQUESTS = "documents.faiss", "titles.faiss", "requests.faiss"
_FUSION = "fusion.json"
_CHUNK = 512


class IndexManifest(BaseModel):
    """What an index was built from.

    Args:
        format: Tells it from other files.
        version: Of the format.
        corpus: Digest of the corpus.
        apis: How many APIs it has.
        document: The form of the documents' texts.
        encoder: The model's name or folder; empty where it has no vectors.
        encoder_digest: Digest of the model.
        files: The size of each file, in bytes.
    """

    model_config = ConfigDict(frozen=True)

    format: Literal["toolenv-retrieval-index"] = "toolenv-retrieval-index"
    version: Literal[1] = 1
    corpus: str
    apis: int
    document: DocumentFormat = "toolenv"
    encoder: str = ""
    encoder_digest: str = ""
    files: dict[str, int] = {}


def build_index(
    corpus: Corpus,
    folder: str | PathLike[str],
    *,
    encoder: SentenceEncoder | None = None,
    form: DocumentFormat = "toolenv",
    requests: Mapping[int, Sequence[str]] | None = None,
    fusion: LearnedFusion | None = None,
    carry_encoder: bool = False,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> RetrievalIndex:
    """Index a corpus.

    Args:
        corpus: The APIs.
        folder: The folder to write; an index that is there is replaced once the new one is whole.
        encoder: Makes vectors; without one, words alone are indexed.
        form: The form of the documents' texts.
        requests: Requests that an API served, by its place in the corpus, for Tool2Vec. An API
            without any is found by its document.
        fusion: Weights of a learned ranking.
        carry_encoder: Whether the model's files are copied into the index.
        report: Told how many texts of how many are encoded.

    Returns:
        The index, opened.

    Raises:
        ConfigurationError: The folder holds something else, or the corpus is empty.
    """
    folder = Path(folder)
    if not len(corpus):
        raise ConfigurationError("There are no APIs to index.", where="corpus")
    with _replacing_index(folder) as new:
        corpus.write(new / _CORPUS)
        texts = corpus.texts(form)
        WordIndex(texts).write(new / _WORDS)
        name = ""
        if encoder is not None:
            _write_vectors(corpus, texts, new, encoder, requests or {}, report)
            name = _ENCODER if carry_encoder else encoder.name
            if carry_encoder:
                shutil.copytree(encoder.folder, new / _ENCODER)
        if fusion is not None:
            fusion.write(new / _FUSION)
        manifest = IndexManifest(
            corpus=corpus.digest,
            apis=len(corpus),
            document=form,
            encoder=name,
            encoder_digest="" if encoder is None else encoder.digest,
        )
        _write_manifest(new, manifest)
    return RetrievalIndex(folder)


class RetrievalIndex:
    """An index, open for searching. Its parts are opened when they are first asked for.

    Args:
        folder: The folder.
        corpus: The corpus that it must be of; by default the one in the folder.

    Raises:
        ConfigurationError: There is no index, a file of it was changed or cut, or it is of
            another corpus.
    """

    def __init__(self, folder: str | PathLike[str], corpus: Corpus | None = None) -> None:
        self.folder = Path(folder)
        self.manifest = _read_manifest(self.folder)
        for name, size in self.manifest.files.items():
            path = self.folder / name
            if not path.is_file() or path.stat().st_size != size:
                raise ConfigurationError(
                    "The file is absent, or not as it was written.",
                    where=str(path),
                    fix="Build the index again.",
                )
        self.corpus = corpus or Corpus.read(self.folder / _CORPUS)
        if self.corpus.digest != self.manifest.corpus:
            raise ConfigurationError(
                f"The index is of another corpus ({self.manifest.corpus}, with "
                f"{self.manifest.apis:,} APIs) than {self.corpus.digest}, with "
                f"{len(self.corpus):,}.",
                where=str(self.folder),
                fix="Build it again over this corpus: toolenv retrieve index.",
            )

    @property
    def is_trained(self) -> bool:
        """Whether it holds a learned ranking."""
        return (self.folder / _FUSION).is_file()

    @cached_property
    def encoder(self) -> SentenceEncoder:
        """The model that made the vectors.

        Raises:
            ConfigurationError: The index has no vectors, or the model is another by now.
        """
        if not self.manifest.encoder:
            raise ConfigurationError(
                "The index has no vectors.",
                where=str(self.folder),
                fix="Build it again without --words-only.",
            )
        inside = self.folder / _ENCODER
        encoder = SentenceEncoder(inside if inside.is_dir() else self.manifest.encoder)
        self.check_encoder(encoder)
        return encoder

    def check_encoder(self, encoder: TextEncoder) -> None:
        """Refuse a model that did not make the vectors.

        Raises:
            ConfigurationError: It is another.
        """
        if encoder.digest != self.manifest.encoder_digest:
            raise ConfigurationError(
                f"The vectors were made by another model ({self.manifest.encoder_digest}) than "
                f"{encoder.digest}.",
                where=str(self.folder),
                fix=f"Use {self.manifest.encoder} as it was, or build the index again.",
            )

    def bm25(self) -> BM25Retriever:
        """Documents by words."""
        return BM25Retriever(self.corpus, WordIndex.open(self.folder / _WORDS))

    def dense(self, encoder: SentenceEncoder | None = None) -> DenseRetriever:
        """Documents by meaning.

        Args:
            encoder: The model; by default the one that the manifest names.

        Raises:
            ConfigurationError: It is not the one that made the vectors.
        """
        return self._by_vectors(_DOCUMENTS, "documents", encoder)

    def titles(self, encoder: SentenceEncoder | None = None) -> DenseRetriever:
        """Names of tools and APIs by meaning; see ``dense``."""
        return self._by_vectors(_TITLES, "titles", encoder)

    def tool2vec(self, encoder: SentenceEncoder | None = None) -> DenseRetriever:
        """APIs by the requests they served; see ``dense``."""
        if not (self.folder / _REQUESTS).is_file():
            raise ConfigurationError(
                "The index knows no requests that APIs served.",
                where=str(self.folder),
                fix="Build it with --requests TASKS, a file of tasks that say what is relevant.",
            )
        return self._by_vectors(_REQUESTS, "requests", encoder)

    def learned(
        self, encoder: SentenceEncoder | None = None, fusion: LearnedFusion | None = None
    ) -> LearnedRetriever:
        """The learned ranking; see ``dense``.

        Args:
            encoder: The model.
            fusion: The weights; by default those in the folder.
        """
        if fusion is None and not self.is_trained:
            raise ConfigurationError(
                "The index holds no learned ranking.",
                where=str(self.folder),
                fix="Train one: toolenv train retriever.",
            )
        maker = self.features(encoder)
        parts = [self.manifest.corpus, self.manifest.document, self.manifest.encoder_digest]
        return LearnedRetriever(maker, fusion or LearnedFusion.read(self.folder / _FUSION), parts)

    def features(self, encoder: SentenceEncoder | None = None) -> FeatureMaker:
        """What a learned ranking looks at; see ``dense``."""
        return FeatureMaker(self.bm25(), self.dense(encoder), self.titles(encoder))

    def with_fusion(self, fusion: LearnedFusion, folder: str | PathLike[str]) -> RetrievalIndex:
        """A copy of the index with a learned ranking.

        Args:
            fusion: The weights.
            folder: The folder to write.

        Raises:
            ConfigurationError: The folder holds something else.
        """
        with _replacing_index(Path(folder)) as new:
            shutil.copytree(self.folder, new, dirs_exist_ok=True)
            fusion.write(new / _FUSION)
            _write_manifest(new, self.manifest)
        return RetrievalIndex(folder)

    def _by_vectors(self, file: str, of: str, encoder: SentenceEncoder | None) -> DenseRetriever:
        if encoder is not None:
            self.check_encoder(encoder)
        encoder = encoder or self.encoder
        return DenseRetriever(self.corpus, VectorIndex.open(self.folder / file), encoder, of)


def _write_vectors(
    corpus: Corpus,
    texts: Sequence[str],
    folder: Path,
    encoder: SentenceEncoder,
    requests: Mapping[int, Sequence[str]],
    report: Callable[[int, int], None],
) -> None:
    titles = [title(api) for api in corpus.apis]
    asked = [request for place in sorted(requests) for request in requests[place]]
    every = [*texts, *titles, *asked]
    made = _encoded(encoder, every, report)
    documents = made[: len(texts)]
    VectorIndex(documents).write(folder / _DOCUMENTS)
    VectorIndex(made[len(texts) : len(texts) + len(titles)]).write(folder / _TITLES)
    if not requests:
        return
    served, at = documents.copy(), len(texts) + len(titles)
    for place in sorted(requests):
        count = len(requests[place])
        if count:
            mean = made[at : at + count].mean(axis=0)
            served[place] = mean / max(float(np.linalg.norm(mean)), 1e-12)
        at += count
    VectorIndex(served).write(folder / _REQUESTS)


def _encoded(
    encoder: TextEncoder, texts: Sequence[str], report: Callable[[int, int], None]
) -> Vectors:
    """Vectors of texts, each different one encoded once, those of like length together."""
    different = sorted(dict.fromkeys(texts), key=len)
    parts = []
    report(0, len(different))
    for start in range(0, len(different), _CHUNK):
        parts.append(encoder.encode(different[start : start + _CHUNK]))
        report(min(start + _CHUNK, len(different)), len(different))
    row_of = {text: row for row, text in enumerate(different)}
    found: Vectors = np.concatenate(parts)[[row_of[text] for text in texts]]
    return found


@contextmanager
def _replacing_index(folder: Path) -> Iterator[Path]:
    """A new folder to write to, which takes the place of an index when it is whole."""
    if folder.exists() and not (folder / _MANIFEST).is_file() and any(folder.iterdir()):
        raise ConfigurationError(
            "The folder holds something else.", where=str(folder), fix="Name another."
        )
    new = folder.with_name(f".{folder.name}.unfinished")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    try:
        yield new
        shutil.rmtree(folder, ignore_errors=True)
        new.rename(folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _write_manifest(folder: Path, manifest: IndexManifest) -> None:
    """Write the manifest, with the sizes of what is there."""
    files = {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != _MANIFEST
    }
    whole = manifest.model_copy(update={"files": files})
    write_text(folder / _MANIFEST, whole.model_dump_json(indent=1) + "\n")


def _read_manifest(folder: Path) -> IndexManifest:
    path = folder / _MANIFEST
    try:
        return IndexManifest.model_validate_json(path.read_bytes())
    except OSError:
        raise ConfigurationError(
            "There is no retrieval index.",
            where=str(folder),
            fix="Build one: toolenv retrieve index TOOLS --out FOLDER.",
        ) from None
    except ValidationError as error:
        raise ConfigurationError(
            f"This is no manifest of an index that this version reads: {error.errors()[0]['msg']}.",
            where=str(path),
            fix="Build the index again.",
        ) from None
