"""Requests rewritten by a model behind a real socket, and found again without it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.chat.scripted_server import Reply, chat_server, completion
from toolenv import bridge
from toolenv.apis import API
from toolenv.errors import ConfigurationError, RetrievalError
from toolenv.retrieval import Corpus, RewritingRetriever, build_index, open_retriever
from toolenv.retrieval.bm25 import BM25Retriever, WordIndex
from toolenv.snapshots import Snapshot, Store, freeze

CORPUS = Corpus(
    [
        API(tool="Sky", name="forecast", description="Weather forecast of a city."),
        API(tool="Rails", name="timetable", description="Train times between stations."),
        API(tool="Cook", name="recipe", description="How a dish is made."),
    ]
)
WORDS = BM25Retriever(CORPUS, WordIndex(CORPUS.texts()))
REQUEST = "Should I take an umbrella, and when do I leave for Lyon?"
NEEDS = '["Weather forecast of a city", "Train times between stations"]'


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-a-key-that-nobody-may-see")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def tools(found: Any) -> list[str]:
    return [one.api.tool for one in found]


def test_each_need_is_searched_for() -> None:
    with chat_server([completion(NEEDS)]) as server:
        retriever = RewritingRetriever(WORDS, "m", base_url=server.url)
        assert set(tools(retriever.search(REQUEST, 2))) == {"Sky", "Rails"}
        assert REQUEST in server.requests[0]["messages"][1]["content"]
        assert tools(bridge.run(retriever.asearch(REQUEST, 3)))[:2] == tools(
            retriever.search(REQUEST, 2)
        )
        retriever.close()


def test_a_list_amid_other_text_is_read() -> None:
    with chat_server([completion(f"Sure!\n```json\n{NEEDS}\n```")]) as server:
        assert len(RewritingRetriever(WORDS, "m", base_url=server.url).search(REQUEST)) == 3


def test_what_cannot_be_read_is_asked_again_and_then_done_without() -> None:
    with chat_server([completion("no idea"), completion('[1, "x"]')]) as server:
        retriever = RewritingRetriever(WORDS, "m", base_url=server.url)
        assert tools(retriever.search("train times", 1)) == ["Rails"]
        assert (len(server.requests), retriever.unread) == (2, 2)


def test_a_blank_request_asks_nobody() -> None:
    with chat_server([completion(NEEDS)]) as server:
        assert RewritingRetriever(WORDS, "m", base_url=server.url).search(" ") == []
        assert server.requests == []


def test_a_server_that_fails_is_an_error_without_the_key() -> None:
    with chat_server([Reply({"error": {"message": "overloaded"}}, 400)]) as server:
        retriever = RewritingRetriever(WORDS, "m", base_url=server.url, max_retries=0)
        with pytest.raises(RetrievalError, match=r"could not be rewritten.*overloaded") as caught:
            retriever.search(REQUEST)
    assert "sk-a-key" not in str(caught.value)


def test_recorded_rewritings_need_no_server(tmp_path: Path) -> None:
    with chat_server([completion(NEEDS)]) as server:
        url = server.url
        first = RewritingRetriever(
            WORDS, "m", base_url=url, recordings=Store(tmp_path / "rewritings")
        )
        found = first.search(REQUEST)
        assert first.search(REQUEST) == found
        assert len(server.requests) == 1
        first.close()
    with Store(tmp_path / "rewritings") as store:
        freeze(store.records(), tmp_path / "rewritings.snap")
    frozen = RewritingRetriever(
        WORDS, "m", base_url=url, recordings=Snapshot(tmp_path / "rewritings.snap")
    )
    assert frozen.search(REQUEST) == found
    with pytest.raises(RetrievalError, match="holds no rewriting"):
        frozen.search("something else")
    frozen.close()


def test_a_specification_rewrites(tmp_path: Path) -> None:
    build_index(CORPUS, tmp_path / "i")
    with chat_server([completion('["Train times"]')]) as server:
        text = f"bm25:{tmp_path / 'i'}|rewrite?model=m&how=rewrite&base_url={server.url}"
        retriever = open_retriever(text)
        assert tools(retriever.search("Lyon?", 1)) == ["Rails"]
        assert "one line" in server.requests[0]["messages"][0]["content"]


def test_an_unknown_way_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="Use rewrite or decompose"):
        RewritingRetriever(WORDS, "m", how="shout")  # type: ignore[arg-type]
