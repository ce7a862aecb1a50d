"""How well and how fast APIs are found.

Quality, on instruction files that say which APIs are relevant: the corpus is what they list, one
document for each tool and API. Trained retrievers are cross-validated by tool: requests that tools
join are in one fold, and neither they nor their tools' APIs are looked at when the others are
trained on. Intervals are over such groups of tools.

Speed, on 16,464 APIs that vary these (or the embedded ones).

    python -m benchmarks.retrieval --data FOLDER [--tune EPOCHS]
    python -m benchmarks.retrieval --speed [--data FOLDER]
"""

from __future__ import annotations

import argparse
import itertools
import random
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.measure import table
from toolenv.apis import API
from toolenv.env import ToolEnv
from toolenv.episodes import FunctionCall, Message
from toolenv.formats import read_tasks
from toolenv.judging.bootstrap import Estimate
from toolenv.mini import mini_simulator, mini_tasks
from toolenv.open_domain import SEARCH
from toolenv.retrieval import (
    Corpus,
    HybridRetriever,
    RetrievalIndex,
    Retriever,
    SentenceEncoder,
    build_index,
)
from toolenv.retrieval.encoders import Vectors
from toolenv.retrieval.measures import MEASURES
from toolenv.running.retrieval_evaluation import (
    Evaluation,
    compare_evaluations,
    evaluate_retriever,
    tool_clusters,
)
from toolenv.seeds import derive
from toolenv.simulators.local import LocalSimulator
from toolenv.tasks import Task
from toolenv.training.retriever import RetrieverTraining, fit_fusion, train_retriever

FOLDS = 5
LARGE = 16_464
NDCG = MEASURES.index("ndcg@5")


class Remembering(SentenceEncoder):
    """Encodes each text once: quality is measured of many retrievers over the same texts."""

    def __init__(self, model: str | Path) -> None:
        super().__init__(model)
        self._known: dict[str, Vectors] = {}

    def encode(self, texts: Sequence[str]) -> Vectors:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            self._known.update(zip(new, super().encode(new), strict=True))
        return np.stack([self._known[text] for text in texts])


def read(folder: Path) -> tuple[list[Task], Corpus]:
    """The instructions of a folder, and what they list: one document for each tool and API."""
    tasks = [task for path in sorted(folder.glob("*.json")) for task in read_tasks(path)]
    apis: dict[tuple[str, str], API] = {}
    for task in tasks:
        for api in task.apis:
            apis.setdefault((api.tool, api.name), api)
    return [task for task in tasks if task.relevant], Corpus(apis.values())


def shown(estimate: Estimate, *, signed: bool = False) -> str:
    sign = "+" if signed else ""
    value, low, high = (100 * end for end in estimate)
    return f"{value:{sign}.1f} ({low:{sign}.1f} to {high:{sign}.1f})"


def tell(evaluation: Evaluation) -> None:
    head = ("", "requests", "NDCG@1", "NDCG@3", "NDCG@5", "recall@5", "sufficiency@5")
    rows: list[tuple[str, ...]] = [head]
    names = ("ndcg@1", "ndcg@3", "ndcg@5", "recall@5", "sufficiency@5")
    for one in evaluation.measured():
        found = [shown(one.estimates[MEASURES.index(name)]) for name in names]
        rows.append((one.group, str(one.requests), *found))
    print(f"\n{evaluation.name}")
    for row in rows:
        print("  " + "  ".join(cell.ljust(20) for cell in row).rstrip())


def tell_difference(one: Evaluation, other: Evaluation) -> None:
    print(f"\nNDCG@5 of {one.name} less {other.name}")
    for group in compare_evaluations(one, other):
        found = shown(group.estimates[NDCG], signed=True)
        chance = group.chances[NDCG]
        tested = "" if chance != chance else f"  p {chance:.4f}"
        print(f"  {group.group:26} {found:26} over {group.clusters} groups of tools{tested}")


def tell_groups(one: Evaluation, other: Evaluation, split: str) -> None:
    """Each group of tools of a split on its own."""
    rows = [row for row, task in enumerate(one.tasks) if split in task.split]
    clusters = tool_clusters(one.tasks)
    print(f"\nNDCG@5 by group of tools, {split}: {one.name}; {other.name}")
    for cluster, count in Counter(clusters[row] for row in rows).most_common():
        inside = [row for row in rows if clusters[row] == cluster]
        tools = sorted({tool for row in inside for tool, _ in one.tasks[row].relevant or ()})
        mine, its = (100 * part.values[inside, NDCG].mean() for part in (one, other))
        print(f"  {mine:5.1f}  {its:5.1f}  {count} requests: {', '.join(tools)}")


def folds(tasks: Sequence[Task]) -> list[int]:
    """A fold for each task: groups of tools whole, as evenly as they go, largest first."""
    clusters = tool_clusters(tasks)
    load, fold = [0] * FOLDS, {}
    for cluster, count in sorted(Counter(clusters).items(), key=lambda item: (-item[1], item[0])):
        fold[cluster] = load.index(min(load))
        load[fold[cluster]] += count
    return [fold[cluster] for cluster in clusters]


def cross_validated(
    name: str,
    tasks: Sequence[Task],
    train: Callable[[list[Task], set[str]], Retriever],
) -> Evaluation:
    """Every request ranked by a retriever that has seen none of its tools."""
    fold = folds(tasks)
    values = np.zeros((len(tasks), len(MEASURES)))
    for number in range(FOLDS):
        tested = [row for row, at in enumerate(fold) if at == number]
        tools = {tool for row in tested for tool, _ in tasks[row].relevant or ()}
        trained = train([task for task, at in zip(tasks, fold, strict=True) if at != number], tools)
        values[tested] = evaluate_retriever(trained, [tasks[row] for row in tested]).values
    return Evaluation(name, tuple(tasks), values)


def quality(data: Path, tune: int) -> None:
    tasks, corpus = read(data)
    print(f"{len(tasks)} requests, {len(corpus):,} APIs")
    with tempfile.TemporaryDirectory() as scratch:
        encoder = Remembering("all-MiniLM-L6-v2")
        index = build_index(corpus, Path(scratch) / "index", encoder=encoder)
        words, meaning = index.bm25(), index.dense(encoder)
        both = [words, meaning]
        retrievers: dict[str, Retriever] = {
            "BM25": words,
            "MiniLM, zero-shot": meaning,
            "reciprocal ranks, whole request": HybridRetriever(
                both, fusion="reciprocal_rank", by_sentence=False
            ),
            "hybrid, whole request": HybridRetriever(both, by_sentence=False),
            "hybrid": HybridRetriever(both),
        }
        found = {name: evaluate_retriever(one, tasks, name) for name, one in retrievers.items()}
        index.__dict__["encoder"] = encoder  # remembers what it has encoded
        began = time.perf_counter()

        def learn(train: list[Task], tools: set[str]) -> Retriever:
            return index.learned(encoder, fit_fusion(index, train, without_tools=tools))

        found["trained ranking"] = cross_validated("trained ranking", tasks, learn)
        spent = {"trained ranking": time.perf_counter() - began}
        if tune:
            began = time.perf_counter()
            count = itertools.count()

            def learn_both(train: list[Task], tools: set[str]) -> Retriever:
                out = Path(scratch) / f"tuned-{next(count)}"
                training = RetrieverTraining(epochs=tune)
                tuned = train_retriever(index, train, out, training=training, without_tools=tools)
                return tuned.learned()

            name = "trained encoder and ranking"
            found[name] = cross_validated(name, tasks, learn_both)
            spent[name] = time.perf_counter() - began
    for evaluation in found.values():
        tell(evaluation)
    better = max(("BM25", "MiniLM, zero-shot"), key=lambda name: found[name].values[:, NDCG].mean())
    tell_difference(found["hybrid, whole request"], found[better])
    tell_difference(found["hybrid"], found[better])
    for name, seconds in spent.items():
        tell_difference(found[name], found["hybrid, whole request"])
        tell_difference(found[name], found["hybrid"])
        tell_groups(found[name], found["hybrid"], "G3")
        print(f"\n{name}: {seconds:.0f} s of wall time for {FOLDS} trainings and their evaluation")


def grown(apis: Sequence[API], count: int) -> Corpus:
    """A corpus of so many APIs that vary the given: names, and words of their descriptions."""
    generator = random.Random(derive("grown corpus"))
    vocabulary = sorted({word for api in apis for word in api.description.split()})
    found = list(apis)[:count]
    for number in range(count - len(found)):
        api = apis[number % len(apis)]
        text = api.description.split()
        for _ in range(max(1, len(text) // 4)):
            place = generator.randrange(len(text)) if text else 0
            text[place : place + 1] = [generator.choice(vocabulary or ["data"])]
        found.append(
            api.model_copy(update={"tool": f"{api.tool} {number}", "description": " ".join(text)})
        )
    return Corpus(found)


def speed(data: Path | None) -> None:
    tasks = mini_tasks() if data is None else read(data)[0]
    corpus = grown(list({api.identity: api for t in tasks for api in t.apis}.values()), LARGE)
    queries = [task.instruction for task in tasks][:100]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "index"
        encoder = SentenceEncoder()
        encoder.encode(["load the model first"])
        began, spent = time.perf_counter(), time.process_time()
        index = build_index(corpus, folder, encoder=encoder)
        built, spent = time.perf_counter() - began, time.process_time() - spent
        size = {name: bytes_ / 1e6 for name, bytes_ in index.manifest.files.items()}
        mapped = sum(mb for name, mb in size.items() if name != "corpus.jsonl")
        words, meaning = index.bm25(), index.dense(encoder)
        rows = [
            ("figure", "asked", "measured"),
            ("APIs", "16,464", f"{len(corpus):,}"),
            ("index built", "under 5 min", f"{built:.0f} s, {spent:.0f} s of processor time"),
            ("mapped into memory", "under 60 MB", f"{mapped:.1f} MB"),
        ]
        timed: list[tuple[str, str, Retriever]] = [
            ("BM25 query", "under 10 ms", words),
            ("dense query, encoding included", "under 60 ms", meaning),
            (
                "hybrid query, whole request",
                "–",
                HybridRetriever([words, meaning], by_sentence=False),
            ),
            ("hybrid query", "–", HybridRetriever([words, meaning])),
        ]
        for name, asked, retriever in timed:
            rows.append((name, asked, spread(each(retriever, queries))))
        opened = []
        for _ in range(5):
            began = time.perf_counter()
            RetrievalIndex(folder)
            opened.append((time.perf_counter() - began) * 1e3)
        rows.append(("opening", "–", spread(opened)))
        table(f"{LARGE:,} APIs", rows)
        steps(index, encoder)


def each(retriever: Retriever, queries: Sequence[str]) -> list[float]:
    """Milliseconds of each search."""
    retriever.search(queries[0], 5)
    found = []
    for query in queries:
        began = time.perf_counter()
        retriever.search(query, 5)
        found.append((time.perf_counter() - began) * 1e3)
    return found


def spread(times: Sequence[float]) -> str:
    tenths = statistics.quantiles(times, n=10) if len(times) > 1 else [times[0]] * 9
    return (
        f"median {statistics.median(times):.1f} ms (10 to 90 %: {tenths[0]:.1f} to {tenths[8]:.1f})"
    )


def steps(index: RetrievalIndex, encoder: SentenceEncoder) -> None:
    """What of a step of an open-domain episode is retrieval."""
    kinds: dict[str, Retriever] = {
        "bm25": index.bm25(),
        "hybrid": HybridRetriever([index.bm25(), index.dense(encoder)]),
    }
    rows = [("retriever", "step that searches", "of it retrieval; a step that calls")]
    simulator: LocalSimulator = mini_simulator()
    for name, retriever in kinds.items():
        env = ToolEnv(
            mini_tasks("I1-inst"),
            simulator,
            retriever=retriever,
            search_apis=True,
            max_steps=10_000,
        )
        env.reset(seed=0, options={"task": 0})
        searching, alone, calling = [], [], []
        for task in mini_tasks()[:30]:
            query = task.instruction
            began = time.perf_counter()
            retriever.search(query, 5)
            alone.append((time.perf_counter() - began) * 1e3)
            message = Message(calls=(FunctionCall(SEARCH, f'{{"query": "{query}"}}'),))
            began = time.perf_counter()
            env.step(message)
            searching.append((time.perf_counter() - began) * 1e3)
            function = env.functions[1]["function"]
            assert isinstance(function, dict)
            began = time.perf_counter()
            env.step(Message(calls=(FunctionCall(str(function["name"]), "{}"),)))
            calling.append((time.perf_counter() - began) * 1e3)
        share = statistics.median(alone) / statistics.median(searching)
        rows.append(
            (name, spread(searching), f"{min(share, 1):.0%}; {statistics.median(calling):.3f} ms")
        )
    table("A step of an open-domain episode", rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, help="a folder of instruction files")
    parser.add_argument(
        "--tune", type=int, default=0, help="epochs of the encoder; 0: ranking alone"
    )
    parser.add_argument("--speed", action="store_true", help="the large corpus and steps")
    given = parser.parse_args()
    if given.speed:
        speed(given.data)
    elif given.data is None:
        parser.error("give --data FOLDER, --speed, or both")
    else:
        quality(given.data, given.tune)


if __name__ == "__main__":
    main()
