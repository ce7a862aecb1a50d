"""Training retrievers: on a tiny encoder of our own, with the real libraries around it."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolenv.apis import API
from toolenv.errors import ConfigurationError
from toolenv.formats.toolbench.retrieval import read_retrieval_files, write_retrieval_files
from toolenv.mini import mini_tasks
from toolenv.retrieval import (
    Corpus,
    RetrievalIndex,
    SentenceEncoder,
    build_index,
    ndcg,
    open_retriever,
)
from toolenv.retrieval.equivalents import Equivalents
from toolenv.tasks import Task
from toolenv.training.retriever import (
    RetrieverTraining,
    fit_fusion,
    mine_examples,
    train_retriever,
)

CORPUS = Corpus(api for task in mini_tasks() for api in task.apis)
TASKS = mini_tasks()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder of two layers over letters, its weights drawn from a seed."""
    pytest.importorskip("sentence_transformers")
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("models")
    letters = [chr(code) for code in range(97, 123)]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters]
    vocabulary += [f"##{letter}" for letter in letters]
    (folder / "bert").mkdir()
    (folder / "bert" / "vocab.txt").write_text("\n".join(vocabulary))
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=128,
    )
    BertModel(config).save_pretrained(folder / "bert")
    tokenizer = BertTokenizerFast(str(folder / "bert" / "vocab.txt"), model_max_length=128)
    tokenizer.save_pretrained(folder / "bert")
    module = Transformer(str(folder / "bert"), max_seq_length=128)
    pooling = Pooling(32)
    SentenceTransformer(modules=[module, pooling]).save_pretrained(str(folder / "tiny"))
    return folder / "tiny"


@pytest.fixture(scope="module")
def index(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> RetrievalIndex:
    folder = tmp_path_factory.mktemp("indexes") / "mini.index"
    return build_index(CORPUS, folder, encoder=SentenceEncoder(tiny))


def quality(index: RetrievalIndex, kind: str) -> float:
    retriever = open_retriever(f"{kind}:{index.folder}")
    found = retriever.search_batch([task.instruction for task in TASKS], 5)
    scores = [
        ndcg([one.place for one in some], CORPUS.relevant(task), 5)
        for some, task in zip(found, TASKS, strict=True)
    ]
    return sum(scores) / len(scores)


def test_a_trained_ranking_is_better_than_none(index: RetrievalIndex, tmp_path: Path) -> None:
    trained = train_retriever(index, TASKS, tmp_path / "trained")
    assert quality(trained, "trained") > quality(index, "hybrid") + 0.02
    assert quality(trained, "hybrid") == quality(index, "hybrid")


def test_equal_trainings_give_equal_files(index: RetrievalIndex, tmp_path: Path) -> None:
    one = train_retriever(index, TASKS, tmp_path / "one")
    other = train_retriever(index, TASKS, tmp_path / "other")
    assert (one.folder / "fusion.json").read_bytes() == (other.folder / "fusion.json").read_bytes()
    assert one.learned().fingerprint == other.learned().fingerprint


def test_a_trained_encoder_finds_more_and_travels_with_its_index(
    index: RetrievalIndex, tmp_path: Path
) -> None:
    steps: list[int] = []
    trained = train_retriever(
        index,
        TASKS,
        tmp_path / "trained",
        training=RetrieverTraining(epochs=6, learning_rate=2e-3, upper_layers=2),
        report=lambda done, total: steps.append(done),
    )
    assert steps[-1] == len(steps) > 10
    assert quality(trained, "dense") > quality(index, "dense") + 0.05
    moved = (tmp_path / "trained").rename(tmp_path / "elsewhere")
    assert quality(RetrievalIndex(moved), "trained") > quality(index, "hybrid")
    with pytest.raises(ConfigurationError, match="another model"):
        RetrievalIndex(moved).dense(index.encoder)


def test_tools_left_out_are_not_looked_at(index: RetrievalIndex) -> None:
    tools = {tool for task in TASKS[:5] for tool, _ in task.relevant or ()}
    rest = [t for t in TASKS if not any(tool in tools for tool, _ in t.relevant or ())]
    assert fit_fusion(index, TASKS, without_tools=tools) == fit_fusion(
        index, rest, without_tools=tools
    )
    assert fit_fusion(index, TASKS, without_tools=tools) != fit_fusion(index, TASKS)


def test_negatives_are_no_relevant_apis_no_equivalents_and_no_siblings(
    index: RetrievalIndex,
) -> None:
    chosen = [(task, CORPUS.relevant(task)) for task in TASKS]
    examples = mine_examples(index, chosen, RetrieverTraining(negatives=3))
    of_request = {task.instruction: relevant for task, relevant in chosen}
    assert any(example.negatives for example in examples)
    for example in examples:
        relevant = of_request[example.request]
        tools = {CORPUS.apis[place].tool for place in relevant}
        assert not set(example.negatives) & set(relevant)
        assert not {CORPUS.apis[place].tool for place in example.negatives} & tools


def test_other_providers_of_a_function_are_equivalent(tiny: Path, tmp_path: Path) -> None:
    one = API(tool="Sky", name="getForecast", description="The weather forecast of a city.")
    twin = API(tool="Sun", name="get_forecast", description="The weather forecast of a city!")
    other = API(tool="Rail", name="timetable", description="Trains between two stations.")
    corpus = Corpus([one, twin, other])
    built = build_index(corpus, tmp_path / "i", encoder=SentenceEncoder(tiny))
    assert 1 in Equivalents(corpus, built.dense().index).of([0])
    assert 0 not in Equivalents(corpus, built.dense().index).of([0])


def test_toolbenchs_files_are_tasks_to_train_on(tmp_path: Path) -> None:
    queries = {task.id: task.instruction for task in TASKS}
    relevant = {task.id: CORPUS.relevant(task) for task in TASKS}
    write_retrieval_files(tmp_path, CORPUS.apis, {"train": queries}, {"train": relevant})
    read = read_retrieval_files(tmp_path)
    corpus = Corpus(read.apis.values())
    tasks = read.tasks("train")
    assert [corpus.relevant(task) for task in tasks] == list(relevant.values())


def test_what_cannot_be_trained_says_what_to_do(index: RetrievalIndex, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="relevant APIs"):
        train_retriever(index, [Task(id="1", instruction="?")], tmp_path / "out")
    with pytest.raises(ConfigurationError, match="Name another folder"):
        train_retriever(index, TASKS, index.folder)
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(ConfigurationError, match="holds something else"):
        train_retriever(index, TASKS, tmp_path)
