"""Decision trees of verdicts: questions, their possible answers, and what each leads to.

A tree is data. A verdict stores the path it took, and walking that path again must lead to the same
leaf. What ToolEval asks (facts of its evaluator; the wording is ours) is ``TOOLEVAL``; where its
truth table throws a coin, this tree says ``unsure``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias

from toolenv.errors import ConfigurationError, FormatError
from toolenv.fingerprint import fingerprint

__all__ = [
    "ANSWER_ONLY",
    "FAC",
    "PATH_ONLY",
    "STABLETOOLBENCH",
    "TOOLEVAL",
    "TREES",
    "Decision",
    "DecisionTree",
    "Leaf",
    "Question",
    "Shown",
    "Taken",
]

Decision: TypeAlias = Literal["passed", "failed", "unsure"]
Shown: TypeAlias = Literal["nothing", "answer", "path", "calls", "tools"]
"""What the model is shown beside the task: ``path`` is the calls and the answer, ``calls`` the
calls alone; ``nothing`` for facts, which no model is asked."""


class Taken(Protocol):
    """One step of a stored path."""

    @property
    def node(self) -> str:
        """The question's id."""
        ...

    @property
    def answer(self) -> str:
        """The answer that was given."""
        ...


class Question(NamedTuple):
    """A node: what is asked, and where each answer leads.

    Args:
        asks: The question.
        shows: What the model is shown; ``nothing`` where the answer is a fact of the episode.
        leads: Answer to the id of the next question, or of a leaf.
    """

    asks: str
    shows: Shown
    leads: Mapping[str, str]


class Leaf(NamedTuple):
    """Where a path ends: the decision, and what it means."""

    decision: Decision
    meaning: str


@dataclass(frozen=True)
class DecisionTree:
    """A decision tree, checked when it is made.

    Args:
        name: Its name.
        root: The id of the first question.
        questions: By id.
        leaves: By id.

    Raises:
        ConfigurationError: An answer leads nowhere, or a path never ends.
    """

    name: str
    root: str
    questions: Mapping[str, Question]
    leaves: Mapping[str, Leaf]

    def __post_init__(self) -> None:
        open_paths: list[tuple[str, ...]] = [(self.root,)]
        while open_paths:
            path = open_paths.pop()
            if path[-1] in self.leaves:
                continue
            if path[-1] not in self.questions or path[-1] in path[:-1]:
                raise ConfigurationError(
                    f"The path {' > '.join(path)} does not end at a leaf.", where=self.name
                )
            open_paths += [(*path, to) for to in self.questions[path[-1]].leads.values()]

    @cached_property
    def fingerprint(self) -> str:
        """A digest of the whole tree."""
        parts = [
            self.root,
            {name: [q.asks, q.shows, dict(q.leads)] for name, q in self.questions.items()},
            {name: list(leaf) for name, leaf in self.leaves.items()},
        ]
        return fingerprint("tree", parts)

    def walk(self, path: Iterable[Taken]) -> str:
        """The id of the leaf that a path leads to, or of the question that it stops before.

        Raises:
            FormatError: The path is none of this tree.

        Example:
            >>> class Step(NamedTuple):
            ...     node: str
            ...     answer: str
            >>> TOOLEVAL.walk([Step("finished", "no")])
            'not_finished'
        """
        at = self.root
        for step in path:
            question = self.questions.get(at)
            if question is None or step.node != at or step.answer not in question.leads:
                raise FormatError(
                    f"The tree {self.name} has no answer {step.answer!r} to {step.node!r} at "
                    f"{at!r}.",
                    fix="The path was changed, or belongs to another tree.",
                )
            at = question.leads[step.answer]
        return at

    def describe(self) -> str:
        """The tree as text: each question with its answers, depth first."""
        lines: list[str] = []
        waiting: list[tuple[int, str, str]] = [(0, "", self.root)]
        while waiting:
            depth, answer, at = waiting.pop()
            indent = "  " * depth
            before = f"{answer}: " if answer else ""
            if leaf := self.leaves.get(at):
                lines.append(f"{indent}{before}{leaf.decision.upper()} ({at}): {leaf.meaning}")
                continue
            question = self.questions[at]
            by = "fact" if question.shows == "nothing" else f"model, shown the {question.shows}"
            lines.append(f"{indent}{before}{at} [{by}]: {question.asks}")
            waiting += [(depth + 1, a, to) for a, to in [*question.leads.items()][::-1]]
        return "\n".join(lines)


_FINISHED: Final = Question(
    "Did the attempt end by calling Finish?",
    "nothing",
    {"yes": "answered", "no": "not_finished"},
)
_NOT_FINISHED: Final = Leaf("failed", "the attempt never finished")
_SOLVED: Final = Leaf("passed", "the answer carries out the task")
_STATUS_OF_ANSWER: Final = (
    "Does the final answer carry out the whole task? Say solved if it does, unsolved if it does "
    "not (it is empty, refuses, apologises, or leaves a part of the task out), unsure if it cannot "
    "be told from the answer alone."
)
_STATUS_OF_PATH: Final = (
    "Seen with the calls that were made and what came back, does the final answer carry out the "
    "whole task? Say solved, unsolved (also if what it states is not what came back), or unsure."
)
_SOLVABLE: Final = (
    "Can the task be carried out with the tools offered? Say unsolvable if the task lacks what "
    "every attempt would need, contradicts itself, or if no tool could serve it; solvable if it "
    "can be carried out; unsure if that cannot be told."
)

TOOLEVAL: Final = DecisionTree(
    "tooleval",
    "finished",
    {
        "finished": _FINISHED,
        "answered": Question(
            "Does it give an answer that is not empty, and not give up?",
            "nothing",
            {"yes": "answer_solves", "no": "solvable_after_unsolved"},
        ),
        "answer_solves": Question(
            _STATUS_OF_ANSWER,
            "answer",
            {
                "solved": "solved",
                "unsolved": "solvable_after_unsolved",
                "unsure": "path_solves",
            },
        ),
        "path_solves": Question(
            _STATUS_OF_PATH,
            "path",
            {
                "solved": "solved",
                "unsolved": "solvable_after_unsolved",
                "unsure": "solvable_after_unsure",
            },
        ),
        "solvable_after_unsolved": Question(
            _SOLVABLE,
            "tools",
            {
                "solvable": "unsolved",
                "unsolvable": "unsolvable",
                "unsure": "unsolved_perhaps_unsolvable",
            },
        ),
        "solvable_after_unsure": Question(
            _SOLVABLE,
            "tools",
            {
                "solvable": "perhaps_solved",
                "unsolvable": "unsolvable",
                "unsure": "perhaps_anything",
            },
        ),
    },
    {
        "not_finished": _NOT_FINISHED,
        "solved": _SOLVED,
        "unsolved": Leaf("failed", "the task can be carried out, and the answer does not"),
        "unsolvable": Leaf("passed", "the task cannot be carried out: not doing so is right"),
        "unsolved_perhaps_unsolvable": Leaf(
            "unsure", "not carried out, and it is unclear whether it could be"
        ),
        "perhaps_solved": Leaf("unsure", "it is unclear whether the answer carries out the task"),
        "perhaps_anything": Leaf(
            "unsure", "it is unclear whether the task was or could be carried out"
        ),
    },
)
"""ToolEval of ToolBench: an attempt that does not carry out an unsolvable task passes."""

STABLETOOLBENCH: Final = DecisionTree(
    "stabletoolbench",
    "finished",
    {
        "finished": _FINISHED,
        "answered": Question(
            "Does it give an answer that is not empty, and not give up?",
            "nothing",
            {"yes": "answer_solves", "no": "no_answer"},
        ),
        "answer_solves": Question(
            _STATUS_OF_ANSWER,
            "answer",
            {"solved": "solved", "unsolved": "unsolved", "unsure": "path_solves"},
        ),
        "path_solves": Question(
            _STATUS_OF_PATH,
            "path",
            {"solved": "solved", "unsolved": "unsolved", "unsure": "perhaps_solved"},
        ),
    },
    {
        "not_finished": _NOT_FINISHED,
        "no_answer": Leaf("failed", "the attempt gave up, or its answer is empty"),
        "solved": _SOLVED,
        "unsolved": Leaf("failed", "the answer does not carry out the task"),
        "perhaps_solved": Leaf("unsure", "it is unclear whether the answer carries out the task"),
    },
)
"""StableToolBench's: its tasks were filtered for solvability, so that is not asked."""

FAC: Final = DecisionTree(
    "fac",
    "answered",
    {
        "answered": Question(
            "Does it give an answer that is not empty, and not give up?",
            "nothing",
            {"yes": "answer_solves", "no": "no_answer"},
        ),
        "answer_solves": Question(
            _STATUS_OF_ANSWER, "answer", {"solved": "solved", "unsolved": "unsolved"}
        ),
    },
    {
        "no_answer": Leaf("failed", "the attempt gave up, or its answer is empty"),
        "solved": _SOLVED,
        "unsolved": Leaf("failed", "the answer does not carry out the task"),
    },
)
"""StableToolBench's final answer correctness: one question, about the answer alone."""

_PERHAPS_SOLVED: Final = Leaf("unsure", "it is unclear whether the task is carried out")

ANSWER_ONLY: Final = DecisionTree(
    "answer only",
    "answered",
    {
        "answered": FAC.questions["answered"],
        "answer_solves": Question(
            _STATUS_OF_ANSWER,
            "answer",
            {"solved": "solved", "unsolved": "unsolved", "unsure": "perhaps_solved"},
        ),
    },
    {**FAC.leaves, "perhaps_solved": _PERHAPS_SOLVED},
)
"""A control: the answer alone is judged, however it came about."""

PATH_ONLY: Final = DecisionTree(
    "path only",
    "calls_solve",
    {
        "calls_solve": Question(
            "The final answer is not shown. Does what came back from the calls hold all that the "
            "task asks for, or was all done that it asks for? Say solved, unsolved, or unsure.",
            "calls",
            {"solved": "solved", "unsolved": "unsolved", "unsure": "perhaps_solved"},
        )
    },
    {
        "solved": Leaf("passed", "the calls carry out the task"),
        "unsolved": Leaf("failed", "the calls do not carry out the task"),
        "perhaps_solved": _PERHAPS_SOLVED,
    },
)
"""A control: the calls alone are judged, whatever the answer says."""

TREES: Final[Mapping[str, DecisionTree]] = {
    tree.name: tree for tree in (TOOLEVAL, STABLETOOLBENCH, FAC, ANSWER_ONLY, PATH_ONLY)
}
"""Every tree by name; stored verdicts name theirs."""
