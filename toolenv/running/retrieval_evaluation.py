"""How well APIs are found: rankings measured, with intervals, and two of them compared in pairs.

Requests that need a common tool are alike, and so are those of tools that a third request joins:
such requests are one cluster, drawn together. So intervals say how figures would move if other
tools had been drawn. They are bootstrap intervals, widened for few clusters, and the test of a
difference flips the signs of clusters.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from toolenv.episodes import Episode
from toolenv.errors import ConfigurationError
from toolenv.judging.bootstrap import Estimate, Numbers, ratio_estimates
from toolenv.judging.sign_flips import sign_flips
from toolenv.open_domain import SEARCH
from toolenv.retrieval.base import Retriever
from toolenv.retrieval.corpus import Corpus
from toolenv.retrieval.measures import MEASURES, measures
from toolenv.seeds import derive
from toolenv.tasks import Task

__all__ = [
    "Compared",
    "Evaluation",
    "Measured",
    "compare_evaluations",
    "evaluate_episodes",
    "evaluate_retriever",
    "tool_clusters",
    "unseen_by",
]

_TOGETHER = 16


class Evaluation(NamedTuple):
    """The measures of rankings, request by request.

    Args:
        name: What ranked.
        tasks: The requests whose APIs are known.
        values: A row for each, a column for each of ``MEASURES``.
        left_out: Requests that say nothing of relevant APIs, or name none of the corpus.
    """

    name: str
    tasks: tuple[Task, ...]
    values: Numbers
    left_out: int = 0

    def measured(self, seen: Collection[str] | None = None, *, seed: int = 0) -> list[Measured]:
        """The measures over all requests, by split, and by seen or unseen tools.

        Args:
            seen: Tools that were trained on; None where that is not asked.
            seed: What the bootstrap's draws derive from.
        """
        return [
            Measured(group, len(rows), _estimates(self.values[rows], clusters, seed))
            for group, rows, clusters in _groups(self.tasks, seen)
        ]


class Measured(NamedTuple):
    """The measures over a group of requests.

    Args:
        group: ``all``, ``split: …``, ``tools: seen``, ``tools: unseen`` or ``tools: both``.
        requests: How many.
        estimates: An estimate for each of ``MEASURES``.
    """

    group: str
    requests: int
    estimates: list[Estimate]


class Compared(NamedTuple):
    """Paired differences over a group of requests: the first's measures less the second's.

    Args:
        group: See ``Measured``.
        requests: How many.
        clusters: How many groups of tools they need.
        estimates: An estimate for each of ``MEASURES``.
        chances: How often chance alone would give as large a difference, for each.
    """

    group: str
    requests: int
    clusters: int
    estimates: list[Estimate]
    chances: list[float]


def evaluate_retriever(
    retriever: Retriever,
    tasks: Sequence[Task],
    name: str = "",
    *,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Evaluation:
    """Search for every task's instruction, and measure against what its source calls relevant.

    Args:
        retriever: What finds APIs.
        tasks: The tasks.
        name: What to call it.
        report: Told how many of how many were searched for.

    Raises:
        ConfigurationError: No task says which APIs of the corpus are relevant.
    """
    depth = _depth()
    corpus = retriever.corpus
    known = [(task, relevant) for task in tasks if (relevant := corpus.relevant(task))]
    rows = []
    for start in range(0, len(known), _TOGETHER):
        some = known[start : start + _TOGETHER]
        found = retriever.search_batch([task.instruction for task, _ in some], depth)
        for (_, relevant), ranked in zip(some, found, strict=True):
            rows.append(measures([one.place for one in ranked], relevant))
        report(start + len(some), len(known))
    return _evaluation(name, [task for task, _ in known], rows, len(tasks) - len(known))


def evaluate_episodes(episodes: Iterable[Episode], corpus: Corpus, name: str = "") -> Evaluation:
    """Measure what was found in the episodes of a run.

    What was offered at the start comes in its order, what was searched for in the order in which
    the searches of all branches found it. Several episodes of one task count on their own.

    Args:
        episodes: Episodes of open-domain tasks.
        corpus: What was searched.
        name: What to call it.

    Raises:
        ConfigurationError: No episode's task says which APIs of the corpus are relevant.
    """
    place_of = {name: place for place, name in enumerate(corpus.functions)}
    by_identity = {api.identity: place for place, api in reversed(list(enumerate(corpus.apis)))}
    tasks, rows, left_out = [], [], 0
    for episode in episodes:
        relevant = corpus.relevant(episode.task)
        if not relevant:
            left_out += 1
            continue
        ranked = _searched(episode, place_of)
        if ranked is None:
            ranked = [
                by_identity[a.identity] for a in episode.task.apis if a.identity in by_identity
            ]
        tasks.append(episode.task)
        rows.append(measures(ranked, relevant))
    return _evaluation(name, tasks, rows, left_out)


def compare_evaluations(
    one: Evaluation, other: Evaluation, seen: Collection[str] | None = None, *, seed: int = 0
) -> list[Compared]:
    """Paired differences, with intervals over tools and a test of each.

    Raises:
        ConfigurationError: The two are not of the same requests.
    """
    if [task.id for task in one.tasks] != [task.id for task in other.tasks]:
        raise ConfigurationError(
            f"{one.name} and {other.name} were not asked the same requests.",
            fix="Evaluate both on the same tasks, over one corpus.",
        )
    moved = one.values - other.values
    found = []
    for group, rows, clusters in _groups(one.tasks, seen):
        sums = _sums(moved[rows], clusters)
        chances = [
            sign_flips(column, derive("signs of retrieval", seed, name))
            for name, column in zip(MEASURES, sums.T, strict=True)
        ]
        estimates = _estimates(moved[rows], clusters, seed)
        found.append(Compared(group, len(rows), len(sums), estimates, chances))
    return found


def tool_clusters(tasks: Sequence[Task]) -> list[int]:
    """The cluster of each task: tasks are together if tools join them, directly or by others.

    Example:
        >>> tasks = [Task(id=str(n), instruction="", relevant=tuple((t, "") for t in tools))
        ...     for n, tools in enumerate(["a", "ab", "c", "b"])]
        >>> tool_clusters(tasks)
        [0, 0, 1, 0]
    """
    above: dict[str, str] = {}

    def root(tool: str) -> str:
        while above.setdefault(tool, tool) != tool:
            above[tool] = above[above[tool]]
            tool = above[tool]
        return tool

    for task in tasks:
        tools = _tools(task)
        for tool in tools[1:]:
            above[root(tool)] = root(tools[0])
    numbers: dict[str, int] = {}
    return [numbers.setdefault(root(_tools(task)[0]), len(numbers)) for task in tasks]


def unseen_by(task: Task, seen: Collection[str]) -> str:
    """Whether a task's tools were trained on: ``seen``, ``unseen``, or ``both`` kinds."""
    known = {tool in seen for tool in _tools(task)}
    return "both" if len(known) > 1 else "seen" if True in known else "unseen"


def _tools(task: Task) -> list[str]:
    return [tool for tool, _ in task.relevant or ()] or [task.id]


def _depth() -> int:
    return max(int(name.partition("@")[2]) for name in MEASURES)


def _searched(episode: Episode, place_of: dict[str, int]) -> list[int] | None:
    """Places of what an episode's searches found; None where it has made none."""
    searches = [
        response
        for step in episode.steps
        for call, response in zip(step.calls, step.responses, strict=True)
        if call.function == SEARCH
    ]
    if not searches:
        return None
    names = [
        str(one["name"])
        for response in searches
        if isinstance(response.body, list)
        for one in response.body
        if isinstance(one, dict) and "name" in one
    ]
    return [place_of[name] for name in dict.fromkeys(names) if name in place_of]


def _evaluation(
    name: str, tasks: Sequence[Task], rows: Sequence[dict[str, float]], left_out: int
) -> Evaluation:
    if not rows:
        raise ConfigurationError(
            "No task says which APIs of the corpus are relevant.",
            where=name,
            fix="Give tasks with 'relevant APIs', and the corpus that they are of.",
        )
    values = np.array([list(row.values()) for row in rows])
    return Evaluation(name, tuple(tasks), values, left_out)


def _groups(
    tasks: Sequence[Task], seen: Collection[str] | None
) -> list[tuple[str, list[int], list[int]]]:
    """Name, rows and clusters of each group."""
    clusters = tool_clusters(tasks)
    named: dict[str, list[int]] = {"all": list(range(len(tasks)))}
    for row, task in enumerate(tasks):
        if task.split:
            named.setdefault(f"split: {task.split}", []).append(row)
    for row, task in enumerate(tasks if seen is not None else ()):
        named.setdefault(f"tools: {unseen_by(task, seen or ())}", []).append(row)
    return [(name, rows, [clusters[row] for row in rows]) for name, rows in named.items()]


def _sums(values: Numbers, clusters: Sequence[int]) -> Numbers:
    order = {cluster: number for number, cluster in enumerate(dict.fromkeys(clusters))}
    sums = np.zeros((len(order), values.shape[1]))
    np.add.at(sums, [order[cluster] for cluster in clusters], values)
    return sums


def _estimates(values: Numbers, clusters: Sequence[int], seed: int) -> list[Estimate]:
    return ratio_estimates(
        _sums(values, clusters),
        _sums(np.ones_like(values), clusters),
        derive("retrieval", seed),
        widened=True,
    )
