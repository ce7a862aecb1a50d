"""Training a retriever on requests whose APIs are known.

Two things are learned: the encoder's upper layers, by contrast
(``MultipleNegativesRankingLoss`` of sentence-transformers: other APIs of a batch, and mined ones
that look right and are not), and the weights of a ranking (``toolenv.retrieval.learned``). APIs
equivalent to a relevant one count neither for nor against. The weights are fitted to the encoder as
it was: the tuned one knows these requests, and would seem better than it is on others.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from toolenv.errors import ConfigurationError
from toolenv.retrieval.corpus import Corpus
from toolenv.retrieval.encoders import SentenceEncoder
from toolenv.retrieval.equivalents import Equivalents
from toolenv.retrieval.features import Candidates
from toolenv.retrieval.index import RetrievalIndex, build_index
from toolenv.retrieval.learned import LearnedFusion
from toolenv.seeds import derive
from toolenv.tasks import Task

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

__all__ = [
    "Example",
    "RetrieverTraining",
    "fit_fusion",
    "mine_examples",
    "train_retriever",
    "tune_encoder",
]


class RetrieverTraining(BaseModel):
    """How a retriever is trained.

    Args:
        epochs: Passes of the encoder over the examples; 0 leaves it as it is.
        batch_size: Examples of a step, each the others' negatives.
        learning_rate: The highest, after a warm-up over a tenth of the steps.
        upper_layers: How many of the encoder's layers learn; those below, and the embeddings, stay.
        negatives: Mined APIs of each example that look right and are not.
        max_length: Tokens of a text that are read while training.
        ridge: How much the ranking's weights are held to 0.
        seed: What all randomness derives from.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: int = Field(default=0, ge=0)
    batch_size: int = Field(default=16, ge=2)
    learning_rate: float = Field(default=5e-5, gt=0)
    upper_layers: int = Field(default=3, ge=1)
    negatives: int = Field(default=1, ge=0)
    max_length: int = Field(default=96, ge=8)
    ridge: float = Field(default=0.01, gt=0)
    seed: int = Field(default=0, ge=0)


class Example(NamedTuple):
    """A request, the place of an API that it needs, and places of ones that it does not."""

    request: str
    relevant: int
    negatives: tuple[int, ...]


def train_retriever(
    index: RetrievalIndex,
    tasks: Sequence[Task],
    out: str | PathLike[str],
    *,
    training: RetrieverTraining = RetrieverTraining(),  # noqa: B008 -- immutable
    without_tools: Collection[str] = (),
    report: Callable[[int, int], None] = lambda done, total: None,
) -> RetrievalIndex:
    """Train on tasks and write an index that ``trained:FOLDER`` opens.

    Args:
        index: An index with vectors; its corpus is searched, its encoder begun from.
        tasks: Tasks that say which APIs are relevant.
        out: The folder to write; another than the index's.
        training: How.
        without_tools: Tools that are not looked at: neither their APIs nor tasks that need them.
        report: Told how many steps of how many are done.

    Returns:
        The trained index.

    Raises:
        ConfigurationError: No task says what is relevant, or the folder cannot be written.
    """
    if Path(out).resolve() == index.folder.resolve():
        raise ConfigurationError(
            "This is the index that is trained from.", where=str(out), fix="Name another folder."
        )
    chosen = _usable(index.corpus, tasks, without_tools)
    fusion = fit_fusion(index, tasks, ridge=training.ridge, without_tools=without_tools)
    if not training.epochs:
        return index.with_fusion(fusion, out)
    examples = mine_examples(index, chosen, training, without_tools=without_tools)
    with tempfile.TemporaryDirectory() as folder:
        tuned = tune_encoder(index, examples, Path(folder) / "encoder", training, report=report)
        return build_index(
            index.corpus,
            out,
            encoder=tuned,
            form=index.manifest.document,
            fusion=fusion,
            carry_encoder=True,
        )


def fit_fusion(
    index: RetrievalIndex,
    tasks: Sequence[Task],
    *,
    ridge: float = 0.01,
    without_tools: Collection[str] = (),
) -> LearnedFusion:
    """Fit the weights of a ranking.

    Args:
        index: An index with vectors.
        tasks: Tasks that say which APIs are relevant.
        ridge: How much weights are held to 0.
        without_tools: See ``train_retriever``.

    Raises:
        ConfigurationError: No task says what is relevant.
    """
    maker = index.features()
    equivalents = Equivalents(index.corpus, index.dense().index)
    among = _among(index.corpus, without_tools)
    lists = []
    for task, relevant in _usable(index.corpus, tasks, without_tools):
        candidates = maker.candidates(task.instruction, among)
        kept = ~np.isin(candidates.places, list(equivalents.of(relevant)))
        lists.append(
            (
                Candidates(candidates.places[kept], candidates.features[kept], candidates.scores),
                relevant,
            )
        )
    return LearnedFusion.fit(lists, ridge=ridge)


def mine_examples(
    index: RetrievalIndex,
    tasks: Sequence[tuple[Task, Sequence[int]]],
    training: RetrieverTraining,
    *,
    without_tools: Collection[str] = (),
) -> list[Example]:
    """An example for each relevant API of each task, with the negatives that rank highest.

    Neither relevant APIs, nor their equivalents, nor other APIs of their tools are negatives.
    """
    maker = index.features()
    apis = index.corpus.apis
    equivalents = Equivalents(index.corpus, index.dense().index)
    among = _among(index.corpus, without_tools)
    generator = np.random.Generator(np.random.PCG64(derive("negatives", training.seed)))
    examples = []
    for task, relevant in tasks:
        same, tools = set(equivalents.of(relevant)), {apis[place].tool for place in relevant}
        ranked = maker.candidates(task.instruction, among).places.tolist()
        wrong = [p for p in ranked if p not in same and apis[p].tool not in tools][:8]
        for place in relevant:
            count = min(training.negatives, len(wrong))
            drawn = generator.permutation(len(wrong))[:count]
            negatives = tuple(wrong[number] for number in drawn)
            examples.append(Example(task.instruction, place, negatives))
    return examples


def tune_encoder(
    index: RetrievalIndex,
    examples: Sequence[Example],
    out: Path,
    training: RetrieverTraining,
    *,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> SentenceEncoder:
    """Tune the upper layers of an index's encoder by contrast, and write the model to a folder.

    Args:
        index: The index.
        examples: What is learned; those of fewest negatives say how many all have.
        out: The folder to write.
        training: How.
        report: Told how many steps of how many are done.
    """
    from datasets import Dataset
    from sentence_transformers import (
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    model = SentenceTransformer(str(index.encoder.folder), device="cpu")
    whole, model.max_seq_length = model.max_seq_length, training.max_length
    _freeze_below(model, training.upper_layers)
    texts = index.corpus.texts(index.manifest.document)
    count = min(len(example.negatives) for example in examples)
    columns = {
        "anchor": [example.request for example in examples],
        "positive": [texts[example.relevant] for example in examples],
    }
    for number in range(count):
        columns[f"negative_{number}"] = [texts[one.negatives[number]] for one in examples]
    with tempfile.TemporaryDirectory() as scratch:
        trainer = SentenceTransformerTrainer(
            model=model,
            args=SentenceTransformerTrainingArguments(
                output_dir=scratch,
                num_train_epochs=training.epochs,
                per_device_train_batch_size=training.batch_size,
                learning_rate=training.learning_rate,
                warmup_steps=0.1,
                batch_sampler="no_duplicates",
                seed=training.seed,
                save_strategy="no",
                logging_strategy="no",
                report_to="none",
                use_cpu=True,
                disable_tqdm=True,
            ),
            train_dataset=Dataset.from_dict(columns),
            loss=MultipleNegativesRankingLoss(model),
            callbacks=[_told(report)],
        )
        trainer.train()
    model.max_seq_length = whole
    model.save_pretrained(str(out), create_model_card=False)
    return SentenceEncoder(out)


def _usable(
    corpus: Corpus, tasks: Sequence[Task], without_tools: Collection[str]
) -> list[tuple[Task, list[int]]]:
    """Tasks with the places of what they need."""
    found = []
    for task in tasks:
        places = corpus.relevant(task)
        if places and not any(tool in without_tools for tool, _ in task.relevant or ()):
            found.append((task, places))
    if not found:
        raise ConfigurationError(
            "No task says which APIs of the corpus are relevant.",
            where="tasks",
            fix="Give tasks with 'relevant APIs', and an index that has these APIs.",
        )
    return found


def _among(corpus: Corpus, without_tools: Collection[str]) -> npt.NDArray[np.bool_]:
    return np.array([api.tool not in without_tools for api in corpus.apis])


def _freeze_below(model: SentenceTransformer, layers: int) -> None:
    """Let the last layers of a transformer learn alone."""
    inner: Any = model[0].auto_model
    for parameter in inner.parameters():
        parameter.requires_grad = False
    for layer in inner.encoder.layer[-layers:]:
        for parameter in layer.parameters():
            parameter.requires_grad = True


def _told(report: Callable[[int, int], None]) -> Any:
    from transformers import TrainerCallback

    class Told(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
            report(state.global_step, state.max_steps)

    return Told()
