"""The corpus: from any kind of file, each API once, under a digest."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolenv.apis import API, Parameter
from toolenv.errors import FormatError
from toolenv.formats import write_instructions, write_tasks, write_tools
from toolenv.retrieval import Corpus, document, read_corpus
from toolenv.tasks import Task

RANK = API(category="Data", tool="SEO", name="getRank", description="Rank of a site.")
NEWS = API(
    category="News",
    tool="Wire",
    name="latest",
    description="Latest news.",
    parameters=(Parameter(name="countryCode", required=True),),
)


def test_each_api_is_kept_once_with_the_document_that_says_most() -> None:
    bare = RANK.model_copy(update={"description": ""})
    corpus = Corpus([bare, NEWS, RANK, NEWS])
    assert (corpus.listed, corpus.apis) == (4, (RANK, NEWS))


def test_one_name_in_two_categories_is_two_apis() -> None:
    twin = RANK.model_copy(update={"category": "Sports"})
    assert len(Corpus([RANK, twin])) == 2


def test_apis_of_equal_text_are_all_kept_and_named() -> None:
    one = API(tool="A", name="x y", description="d")
    other = API(tool="A", name="x_y", description="d")
    corpus = Corpus([one, other])
    assert corpus.equal_texts == [[0, 1]]
    assert len(set(corpus.functions)) == 2


def test_the_digest_changes_with_a_document_and_not_with_copies() -> None:
    corpus = Corpus([RANK, NEWS])
    assert Corpus([RANK, NEWS, RANK]).digest == corpus.digest
    assert Corpus([RANK]).digest != corpus.digest
    assert Corpus([RANK.model_copy(update={"method": "POST"}), NEWS]).digest != corpus.digest


def test_a_corpus_is_written_and_read_back(tmp_path: Path) -> None:
    corpus = Corpus([RANK, NEWS])
    corpus.write(tmp_path / "corpus.jsonl")
    assert Corpus.read(tmp_path / "corpus.jsonl").apis == corpus.apis


def test_a_line_that_is_no_api_is_named(tmp_path: Path) -> None:
    (tmp_path / "corpus.jsonl").write_text('{"name": "x"}\n[1]\n')
    with pytest.raises(FormatError, match=r"corpus\.jsonl:2"):
        Corpus.read(tmp_path / "corpus.jsonl")


def test_tools_tasks_instructions_and_descriptions_make_one_corpus(tmp_path: Path) -> None:
    task = Task(id="1", instruction="?", apis=(RANK, NEWS))
    write_tools([RANK, NEWS], tmp_path / "tools")
    write_tasks([task], tmp_path / "tasks.json")
    write_instructions([task], tmp_path / "instructions.json")
    (tmp_path / "openapi.json").write_text(
        '{"openapi": "3.0.0", "info": {"title": "Shop", "version": "1"}, "paths": {"/tea": {"get":'
        ' {"operationId": "tea", "summary": "Tea", "responses": {"200": {"description": ""}}}}}}'
    )
    places = [tmp_path / name for name in ("tools", "tasks.json", "instructions.json")]
    corpus = read_corpus([*places, tmp_path / "openapi.json"])
    assert [(api.tool, api.name) for api in corpus.apis] == [
        ("SEO", "getRank"),
        ("Wire", "latest"),
        ("Shop", "tea"),
    ]


def test_an_open_domain_file_has_no_corpus(tmp_path: Path) -> None:
    (tmp_path / "open.json").write_text('[{"query": "find it", "query_id": 1}]')
    with pytest.raises(FormatError, match="no APIs to index"):
        read_corpus([tmp_path / "open.json"])


def test_relevant_pairs_mean_the_category_that_the_task_lists() -> None:
    twin = RANK.model_copy(update={"category": "Sports"})
    corpus = Corpus([RANK, twin, NEWS])
    listed = Task(id="1", instruction="?", apis=(twin,), relevant=(("SEO", "getRank"),))
    assert corpus.relevant(listed) == [1]
    assert corpus.relevant(listed.model_copy(update={"apis": ()})) == [0, 1]
    assert corpus.relevant(Task(id="2", instruction="?")) == []


def test_the_two_forms_of_a_document() -> None:
    assert document(NEWS) == "Wire: latest. Latest news. News. Parameters: country Code"
    assert document(NEWS, "toolbench") == (
        'News, Wire, latest, Latest news., required_params: [{"name":"countryCode","type":"STRING",'
        '"description":"","default":""}], optional_params: [], return_schema: ""'
    )
