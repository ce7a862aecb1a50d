"""Decision trees: documented, checked, walked."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import pytest

from toolenv.errors import ConfigurationError, FormatError
from toolenv.judging.decision_tree import TOOLEVAL, TREES, DecisionTree, Leaf, Question


class Step(NamedTuple):
    node: str
    answer: str


def paths(tree: DecisionTree, at: str, before: tuple[Step, ...] = ()) -> list[tuple[Step, ...]]:
    if at in tree.leaves:
        return [before]
    leads = tree.questions[at].leads
    further = [paths(tree, to, (*before, Step(at, answer))) for answer, to in leads.items()]
    return list(itertools.chain.from_iterable(further))


@pytest.mark.parametrize("tree", TREES.values(), ids=list(TREES))
def test_every_path_ends_at_a_leaf_and_every_leaf_is_reached(tree: DecisionTree) -> None:
    ends = [tree.walk(path) for path in paths(tree, tree.root)]
    assert set(ends) == set(tree.leaves)


@pytest.mark.parametrize(
    ("answers", "decision"),
    [
        (("no",), "failed"),
        (("yes", "yes", "solved"), "passed"),
        (("yes", "yes", "unsure", "solved"), "passed"),
        (("yes", "yes", "unsolved", "solvable"), "failed"),
        (("yes", "yes", "unsolved", "unsolvable"), "passed"),
        (("yes", "yes", "unsolved", "unsure"), "unsure"),
        (("yes", "yes", "unsure", "unsolved", "solvable"), "failed"),
        (("yes", "yes", "unsure", "unsure", "solvable"), "unsure"),
        (("yes", "yes", "unsure", "unsure", "unsolvable"), "passed"),
        (("yes", "yes", "unsure", "unsure", "unsure"), "unsure"),
        (("yes", "no", "solvable"), "failed"),
        (("yes", "no", "unsolvable"), "passed"),
    ],
)
def test_toolevals_truth_table_with_unsure_in_place_of_the_coin(
    answers: tuple[str, ...], decision: str
) -> None:
    at, path = TOOLEVAL.root, []
    for answer in answers:
        path.append(Step(at, answer))
        at = TOOLEVAL.questions[at].leads[answer]
    assert TOOLEVAL.leaves[TOOLEVAL.walk(path)].decision == decision


def test_a_path_of_another_tree_is_refused() -> None:
    for path in (
        [Step("finished", "perhaps")],
        [Step("answered", "yes")],
        [Step("finished", "no"), Step("answered", "yes")],
    ):
        with pytest.raises(FormatError, match="tooleval"):
            TOOLEVAL.walk(path)


def test_a_tree_that_leads_nowhere_or_in_a_circle_cannot_be_made() -> None:
    leaf = {"end": Leaf("passed", "")}
    for leads in ({"yes": "nowhere"}, {"yes": "end", "no": "first"}):
        with pytest.raises(ConfigurationError, match="does not end"):
            DecisionTree("t", "first", {"first": Question("?", "answer", leads)}, leaf)


def test_the_tree_documents_itself() -> None:
    text = TOOLEVAL.describe()
    assert text.count("[fact]") == 2
    ends = [TOOLEVAL.walk(path) for path in paths(TOOLEVAL, TOOLEVAL.root)]
    assert text.count("PASSED") == sum(TOOLEVAL.leaves[e].decision == "passed" for e in ends)
    assert text.splitlines()[0].startswith("finished [fact]")
    assert "model, shown the tools" in text
    assert len({tree.fingerprint for tree in TREES.values()}) == len(TREES)
