"""Files of ToolBench's retriever: a corpus, queries, and which documents answer them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolenv.apis import API, Parameter
from toolenv.errors import FormatError
from toolenv.formats import ReadReport
from toolenv.formats.toolbench.retrieval import (
    read_retrieval_files,
    read_retriever_corpus,
    write_retrieval_files,
)

RANK = API(
    category="Data",
    tool="SEO",
    name="rank",
    description='Rank of a "site"\tand more\nof it.',
    parameters=(Parameter(name="url", required=True, default=""),),
)
NEWS = API(category="News", tool="Wire", name="latest", response_schema={"title": "str"})


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    written = write_retrieval_files(
        tmp_path,
        [RANK, NEWS],
        {"train": {"7": "Rank\tof my\nsite?"}, "test": {"8": "News?"}},
        {"train": {"7": [0]}, "test": {"8": [1, 0]}},
    )
    assert sorted(path.name for path in written) == [
        "corpus.tsv",
        "qrels.test.tsv",
        "qrels.train.tsv",
        "test.query.txt",
        "train.query.txt",
    ]
    found = read_retrieval_files(tmp_path)
    assert list(found.apis) == ["1", "2"]
    assert [(api.tool, api.description) for api in found.apis.values()] == [
        ("SEO", RANK.description),
        ("Wire", ""),
    ]
    assert found.queries == {"train": {"7": "Rank of my site?"}, "test": {"8": "News?"}}
    assert found.relevant == {"train": {"7": ["1"]}, "test": {"8": ["2", "1"]}}


def test_the_files_have_toolbenchs_form(tmp_path: Path) -> None:
    write_retrieval_files(tmp_path, [NEWS], {"test": {"8": "News?"}}, {"test": {"8": [0]}})
    head, line = (tmp_path / "corpus.tsv").read_text().splitlines()
    assert head == "docid\tdocument_content"
    assert line.startswith('1\t{"category_name":"News","tool_name":"Wire","api_name":"latest"')
    assert (tmp_path / "test.query.txt").read_text() == "8\tNews?\n"
    assert (tmp_path / "qrels.test.tsv").read_text() == "8\t0\t1\t1\n"


def test_documents_quoted_as_cells_are_read(tmp_path: Path) -> None:
    (tmp_path / "corpus.tsv").write_text(
        "docid\tdocument_content\n"
        '0\t"{""category_name"": ""Data"", ""tool_name"": ""SEO"", ""api_name"": ""rank"", '
        '""api_description"": """", ""required_parameters"": [], ""optional_parameters"": []}"\n'
    )
    assert read_retriever_corpus(tmp_path / "corpus.tsv")["0"].tool == "SEO"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("query\tid\n", "no corpus of ToolBench's retriever"),
        ("docid\tdocument_content\n1 {}\n", r"corpus\.tsv:2: The line has no tab"),
        ("docid\tdocument_content\n1\t{\n", r"corpus\.tsv:2: The document is no JSON"),
        ("docid\tdocument_content\n1\t[]\n", r"corpus\.tsv:2"),
    ],
)
def test_a_malformed_corpus_is_refused(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "corpus.tsv").write_text(text)
    with pytest.raises(FormatError, match=says):
        read_retriever_corpus(tmp_path / "corpus.tsv")


def test_malformed_lines_can_be_left_out_and_are_counted(tmp_path: Path) -> None:
    write_retrieval_files(tmp_path, [NEWS], {}, {})
    with (tmp_path / "corpus.tsv").open("a") as stream:
        stream.write("2\t{\n1\t{}\n")
    report = ReadReport()
    found = read_retriever_corpus(tmp_path / "corpus.tsv", skip_bad=True, report=report)
    assert list(found) == ["1"]
    assert (report.read, len(report.skipped)) == (1, 2)


def test_a_judgement_of_no_document_is_refused(tmp_path: Path) -> None:
    write_retrieval_files(tmp_path, [NEWS], {"test": {"8": "News?"}}, {"test": {"8": [0]}})
    (tmp_path / "qrels.test.tsv").write_text("8\t0\t99\t1\n")
    with pytest.raises(FormatError, match=r"qrels\.test\.tsv:1"):
        read_retrieval_files(tmp_path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    name=st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip),
    about=st.text(st.characters(exclude_categories=["Cs"])),
)
def test_any_text_survives_the_corpus(tmp_path: Path, name: str, about: str) -> None:
    api = API(category="C", tool="T", name=name, description=about)
    write_retrieval_files(tmp_path, [api], {}, {})
    (read,) = read_retriever_corpus(tmp_path / "corpus.tsv").values()
    assert (read.name, read.description) == (name, about)
