"""The protocol, which every retriever keeps, on the embedded world's APIs and the real MiniLM."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolenv import bridge
from toolenv.apis import API
from toolenv.errors import ConfigurationError
from toolenv.mini import mini_tasks
from toolenv.retrieval import (
    Corpus,
    HybridRetriever,
    RetrievalIndex,
    Retriever,
    SentenceEncoder,
    build_index,
    open_retriever,
    recall,
)
from toolenv.retrieval.bm25 import BM25Retriever, WordIndex
from toolenv.retrieval.learned import LearnedFusion

KINDS = ["bm25", "dense", "hybrid", "reciprocal rank", "whole request", "tool2vec", "trained"]

GREETINGS = [
    "weather",
    "Wetter",
    "météo",
    "tiempo",
    "tempo",
    "pogoda",
    "погода",
    "天気予報",
    "날씨",
    "天气",
    "الطقس",
    "מזג אוויר",
    "मौसम",
    "hava durumu",
    "καιρός",
    "อากาศ",
    "thời tiết",
    "cuaca",
    "väder",
    "sää",
    "időjárás",
    "počasí",
    "vreme",
    "време",
    "ilm",
    "laiks",
    "oras",
    "veður",
    "aimsir",
    "tywydd",
    "eguraldia",
    "el temps",
    "moti",
    "եղանակ",
    "ამინდი",
    "hava",
    "ob-havo",
    "ауа райы",
    "цаг агаар",
    "আবহাওয়া",
    "வானிலை",
    "వాతావరణం",
    "ಹವಾಮಾನ",
    "കാലാവസ്ഥ",
    "කාලගුණය",
    "ရာသီဥတု",
    "អាកាសធាតុ",
    "ອາກາດ",
    "የአየር ሁኔታ",
    "hali ya hewa",
]


@pytest.fixture(scope="module")
def retrievers(index: RetrievalIndex) -> dict[str, Retriever]:
    both = [index.bm25(), index.dense()]
    maker = index.learned(fusion=LearnedFusion((1.0,) * 17)).maker
    lists = [
        (maker.candidates(task.instruction), index.corpus.relevant(task)) for task in mini_tasks()
    ]
    return {
        "bm25": index.bm25(),
        "dense": index.dense(),
        "hybrid": HybridRetriever(both),
        "reciprocal rank": HybridRetriever(both, fusion="reciprocal_rank"),
        "whole request": HybridRetriever(both, by_sentence=False),
        "tool2vec": index.tool2vec(),
        "trained": index.learned(fusion=LearnedFusion.fit(lists)),
    }


@pytest.fixture(params=KINDS)
def retriever(request: pytest.FixtureRequest, retrievers: dict[str, Retriever]) -> Retriever:
    return retrievers[request.param]


def test_it_finds_what_tasks_need(retriever: Retriever) -> None:
    tasks = mini_tasks("I1-inst")
    found = retriever.search_batch([task.instruction for task in tasks], 10)
    recalls = [
        recall([one.place for one in some], retriever.corpus.relevant(task), 10)
        for some, task in zip(found, tasks, strict=True)
    ]
    assert sum(recalls) / len(recalls) > 0.6


def test_results_are_distinct_apis_best_first(retriever: Retriever) -> None:
    found = retriever.search("Will it rain in Paris tomorrow? Also, find a restaurant there.", 8)
    assert [one.api for one in found] == [retriever.corpus.apis[one.place] for one in found]
    assert len({one.place for one in found}) == len(found) == 8
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(query=st.text(max_size=200), k=st.integers(1, 100))
def test_any_text_is_a_request(retriever: Retriever, query: str, k: int) -> None:
    found = retriever.search(query, k)
    assert len(found) <= min(k, len(retriever.corpus))
    assert retriever.search(query, k) == found
    assert [one.place for one in retriever.search(query, 1)] == [one.place for one in found[:1]]


def test_one_by_one_together_and_awaited_are_the_same(retriever: Retriever) -> None:
    queries = ["stock price", "", "a song by Queen"]
    found = retriever.search_batch(queries, 4)
    alone = [retriever.search(query, 4) for query in queries]
    awaited = [bridge.run(retriever.asearch(query, 4)) for query in queries]
    places = [[one.place for one in some] for some in found]
    assert places == [[one.place for one in some] for some in alone]
    assert places == [[one.place for one in some] for some in awaited]


def test_a_blank_request_finds_nothing(retriever: Retriever) -> None:
    assert retriever.search("") == retriever.search(" \n\t") == []
    assert retriever.search_batch([]) == []


def test_a_request_of_100_kb_finds_something(retriever: Retriever) -> None:
    assert len(retriever.search("What is the weather in Paris? " * 3_500, 5)) == 5


def test_fifty_languages_are_requests(retriever: Retriever) -> None:
    assert len(GREETINGS) == 50
    found = retriever.search_batch(GREETINGS, 3)
    if not isinstance(retriever, BM25Retriever):  # to which a word is known or not
        assert {len(some) for some in found} == {3}
    assert any("weather" in one.api.description.lower() for some in found for one in some)


def test_more_than_the_corpus_is_all_of_it(retriever: Retriever) -> None:
    found = retriever.search("weather in a city", 10_000)
    if isinstance(retriever, BM25Retriever):  # what shares no word is not found
        assert 0 < len(found) <= len(retriever.corpus)
    else:
        assert {one.place for one in found} == set(range(len(retriever.corpus)))


def test_less_than_one_is_refused(retriever: Retriever) -> None:
    with pytest.raises(ConfigurationError, match="k: It is 0"):
        retriever.search("weather", 0)


def test_fingerprints_tell_retrievers_apart(retrievers: dict[str, Retriever]) -> None:
    assert len({one.fingerprint for one in retrievers.values()}) == len(retrievers)


def test_a_request_for_two_things_finds_both_by_its_sentences(index: RetrievalIndex) -> None:
    long = "I plan a party for my friends with music and I love songs of all kinds by all bands. "
    request = f"{long * 3}What is the price of the Apple stock?"
    both = [index.bm25(), index.dense()]

    def categories(by_sentence: bool) -> set[str]:
        found = HybridRetriever(both, by_sentence=by_sentence).search(request, 5)
        return {one.api.category for one in found}

    assert "Finance" in categories(by_sentence=True)


# --- documents as bad as they come ---------------------------------------------------------------


def test_documents_that_are_empty_huge_equal_or_in_any_script(
    encoder: SentenceEncoder, tmp_path: pytest.TempPathFactory
) -> None:
    apis = [
        API(name="🎵"),
        API(tool="Big", name="big", description="weather forecast of a city " * 4_000),
        API(tool="Twin", name="same thing", description="train times"),
        API(tool="Twin", name="same_thing", description="train times"),
        API(tool="天気", name="予報", description="都市の天気予報"),
        API(tool="half", name="surrogate", description="\ud800 broken"),
    ]
    corpus = Corpus(apis)
    opened = build_index(corpus, f"{tmp_path}/bad.index", encoder=encoder)
    hybrid = HybridRetriever([opened.bm25(), opened.dense()])
    assert [one.api.tool for one in hybrid.search("都市の天気予報", 1)] == ["天気"]
    assert [one.place for one in hybrid.search("train times", 2)] == [2, 3]
    assert [one.place for one in opened.bm25().search("city forecast", 1)] == [1]
    assert opened.corpus.digest == corpus.digest


def test_a_corpus_without_a_single_word_is_searched_in_vain() -> None:
    corpus = Corpus([API(name="!!")])
    assert BM25Retriever(corpus, WordIndex(["!!"])).search("anything") == []


# --- specifications ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["bm25", "dense", "hybrid", "tool2vec"])
def test_a_specification_opens_an_index(index: RetrievalIndex, kind: str) -> None:
    assert open_retriever(f"{kind}:{index.folder}").search("weather in Paris", 3)


def test_options_reach_the_retriever(index: RetrievalIndex) -> None:
    text = f"hybrid:{index.folder}?fusion=reciprocal_rank&by_sentence=false"
    opened = open_retriever(text)
    assert isinstance(opened, HybridRetriever)
    assert (opened.fusion, opened.by_sentence) == ("reciprocal_rank", False)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hybird:{}", "Did you mean hybrid"),
        ("hybrid", "Write kind:FOLDER"),
        ("hybrid:/no/such/folder", "There is no retrieval index"),
        ("hybrid:{}?fusion=magic", "Unknown fusion"),
        ("bm25:{}?depth=3", "do not fit"),
        ("trained:{}", "Train one"),
        ("bm25:{}|rerank?depth=many&model=x", "no whole number"),
        ("bm25:{}|rewrite", "do not fit"),
    ],
)
def test_what_cannot_be_opened_says_what_to_do(index: RetrievalIndex, text: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        open_retriever(text.format(index.folder))
