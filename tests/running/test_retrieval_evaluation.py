"""Evaluation: measures with intervals over tools, pairs, and what runs have found."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from toolenv.apis import API
from toolenv.env import ToolEnv
from toolenv.episodes import FunctionCall, Message
from toolenv.errors import ConfigurationError
from toolenv.mini import mini_tasks
from toolenv.open_domain import SEARCH
from toolenv.retrieval import Corpus, Found, RetrieverBase
from toolenv.retrieval.bm25 import BM25Retriever, WordIndex
from toolenv.retrieval.measures import MEASURES, measures
from toolenv.running.retrieval_evaluation import (
    compare_evaluations,
    evaluate_episodes,
    evaluate_retriever,
    tool_clusters,
    unseen_by,
)
from toolenv.tasks import Task

CORPUS = Corpus(API(tool=tool, name=name) for tool in "ABCD" for name in "xyz")


class Fixed(RetrieverBase):
    """Ranks the corpus from a place on."""

    corpus = CORPUS
    fingerprint = "retriever-fixed"

    def __init__(self, start: int = 0) -> None:
        self.start = start

    def search_batch(self, queries: Sequence[str], k: int = 5) -> list[list[Found]]:
        order = [(self.start + step) % len(CORPUS) for step in range(len(CORPUS))]
        return [[Found(at, CORPUS.apis[at], -float(at)) for at in order[:k]] for _ in queries]


def task(number: int, *pairs: str, split: str = "s") -> Task:
    relevant = tuple((pair[0], pair[1]) for pair in pairs)
    return Task(id=str(number), instruction="?", relevant=relevant, split=split)


TASKS = [task(1, "Ax"), task(2, "Ay", "Bx", split="t"), task(3, "Dz"), task(4, "Cx", split="t")]


def test_measures_are_those_of_the_ranking() -> None:
    found = evaluate_retriever(Fixed(), TASKS, "fixed")
    assert found.values.tolist() == [
        list(measures(list(range(10)), places).values()) for places in ([0], [1, 3], [11], [6])
    ]


def test_groups_are_all_each_split_and_what_was_seen() -> None:
    groups = evaluate_retriever(Fixed(), TASKS).measured({"A", "C"})
    assert [(one.group, one.requests) for one in groups] == [
        ("all", 4),
        ("split: s", 2),
        ("split: t", 2),
        ("tools: seen", 2),
        ("tools: both", 1),
        ("tools: unseen", 1),
    ]
    ndcg = groups[0].estimates[MEASURES.index("ndcg@5")]
    assert ndcg.low < ndcg.value < ndcg.high


def test_what_has_no_relevant_api_in_the_corpus_is_left_out_and_counted() -> None:
    found = evaluate_retriever(Fixed(), [*TASKS, task(5), task(6, "Zz")])
    assert (len(found.tasks), found.left_out) == (4, 2)
    with pytest.raises(ConfigurationError, match="No task says"):
        evaluate_retriever(Fixed(), [task(5)])


def test_a_retriever_against_itself_differs_by_nothing() -> None:
    one = evaluate_retriever(Fixed(), TASKS)
    for group in compare_evaluations(one, one):
        assert all(estimate == (0, 0, 0) for estimate in group.estimates)
        assert all(chance == 1 or np.isnan(chance) for chance in group.chances)


def test_a_better_retriever_is_told_from_a_worse_one() -> None:
    tasks = [
        Task(id=str(n), instruction="?", relevant=((tool, "x"),)) for n, tool in enumerate("A" * 30)
    ]
    apart = [one.model_copy(update={"relevant": (("A", "x"),)}) for one in tasks]
    good, bad = evaluate_retriever(Fixed(), apart), evaluate_retriever(Fixed(5), apart)
    (group,) = compare_evaluations(good, bad)
    assert group.clusters == 1, "thirty requests for one tool are one piece of evidence"
    assert np.isnan(group.chances[0])
    with pytest.raises(ConfigurationError, match="not asked the same"):
        compare_evaluations(good, evaluate_retriever(Fixed(), TASKS))


def test_requests_that_tools_join_are_one_cluster() -> None:
    tasks = [task(1, "Ax"), task(2, "Bx", "Cx"), task(3, "Ay", "Bz"), task(4, "Dx"), task(5)]
    assert tool_clusters(tasks) == [0, 0, 0, 1, 2]


def test_seen_unseen_and_both() -> None:
    assert [unseen_by(task(1, *pairs), {"A"}) for pairs in (["Ax"], ["Bx"], ["Ax", "Bx"])] == [
        "seen",
        "unseen",
        "both",
    ]


def test_intervals_are_the_same_each_time() -> None:
    found = evaluate_retriever(Fixed(), TASKS)
    assert found.measured() == found.measured()


# --- from episodes -------------------------------------------------------------------------------


def test_what_an_episode_offered_is_measured_as_a_ranking() -> None:
    corpus = Corpus(api for one in mini_tasks() for api in one.apis)
    words = BM25Retriever(corpus, WordIndex(corpus.texts()))
    tasks = mini_tasks("I1-inst")
    env = ToolEnv(tasks, retriever=words, retrieve_k=10)
    episodes = []
    for one in tasks:
        env.reset(seed=0, options={"task": one})
        episodes.append(env.episode())
    assert np.array_equal(
        evaluate_episodes(episodes, corpus).values, evaluate_retriever(words, tasks).values
    )


def test_what_an_episode_searched_for_is_measured_in_the_order_of_finding() -> None:
    corpus = Corpus(api for one in mini_tasks() for api in one.apis)
    words = BM25Retriever(corpus, WordIndex(corpus.texts()))
    env = ToolEnv(mini_tasks("I1-inst"), retriever=words, search_apis=True)
    env.reset(seed=0, options={"task": 0})
    env.step(Message(calls=(FunctionCall(SEARCH, '{"query": "music", "count": 1}'),)))
    env.step(Message(calls=(FunctionCall(SEARCH, '{"query": "weather", "count": 2}'),)))
    ranked = [
        one.place for query, k in (("music", 1), ("weather", 2)) for one in words.search(query, k)
    ]
    found = evaluate_episodes([env.episode()], corpus)
    assert found.values[0].tolist() == list(measures(ranked, corpus.relevant(env.task)).values())
