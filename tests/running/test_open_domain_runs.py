"""Runs of open-domain episodes: written down, verified, resumed, and the same again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from toolenv.mini import mini_tasks
from toolenv.retrieval import Corpus, build_index
from toolenv.running.configuration import RunConfiguration
from toolenv.running.runner import run


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("runs") / "mini.index"
    build_index(Corpus(api for task in mini_tasks() for api in task.apis), folder)
    return folder


def configured(index: Path, **options: Any) -> RunConfiguration:
    return RunConfiguration(
        split="I1-inst", first=2, max_steps=6, retriever=f"bm25:{index}", retrieve_k=3, **options
    )


def lines(folder: Path) -> list[str]:
    return sorted((folder / "journal.jsonl").read_text().splitlines())


def test_a_run_keeps_what_was_offered(index: Path, tmp_path: Path) -> None:
    folder = run(configured(index), tmp_path / "run")
    for episode in folder.episodes():
        assert len(episode.task.apis) == 3
        assert episode.task.relevant
        offered = {api.identity for api in episode.task.apis}
        called = {call.api for step in episode.steps for call in step.calls if call.api}
        assert called <= offered


@pytest.mark.parametrize("search", [False, True])
def test_equal_runs_are_equal(index: Path, tmp_path: Path, search: bool) -> None:
    agents = ("react", "dfsdt")
    one = run(configured(index, agents=agents, search_apis=search), tmp_path / "one")
    other = run(
        configured(index, agents=agents, search_apis=search, concurrency=1), tmp_path / "other"
    )
    assert list(one.episodes()) == list(other.episodes())
    assert one.results() == other.results()


def test_the_manifest_names_how_apis_were_found(index: Path, tmp_path: Path) -> None:
    folder = run(configured(index, search_apis=True), tmp_path / "run")
    configuration = folder.manifest.configuration
    assert configuration["retriever"] == f"bm25:{index}"
    assert configuration["search_apis"] is True
    assert "open domain" in folder.manifest.environment


def test_a_run_without_a_retriever_says_nothing_of_it(tmp_path: Path) -> None:
    folder = run(RunConfiguration(split="I1-inst", first=1, max_steps=2), tmp_path / "run")
    assert "retriever" not in folder.manifest.configuration
    assert "open domain" not in folder.manifest.environment
