"""Writing episodes as answer files that ToolBench's and StableToolBench's scripts read.

A chain is written as ``CoT@n`` (one try per branch from the root), a tree as ``DFS_woFilter_w2``.
Measured times are not written, and ``Elo`` is the start value that every published tree has.
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Final

from toolenv.apis import FINISH
from toolenv.episodes import ROOT, Episode, Status, Step
from toolenv.errors import FormatError
from toolenv.formats.files import write_json
from toolenv.formats.toolbench.answers import ANSWER_FILE, depth_limit
from toolenv.formats.toolbench.functions import Dialect, compatibility_functions
from toolenv.formats.toolbench.status_codes import code_of_status
from toolenv.formats.toolbench.train_messages import CallDialect, write_train_messages
from toolenv.jsontext import JsonValue

__all__ = ["write_answer"]

_ELO: Final = 1000.0
_FINISHED_LEVELS: Final = 3


def write_answer(
    episode: Episode,
    path: str | PathLike[str],
    *,
    method: str = "",
    dialect: Dialect | None = None,
    calls: CallDialect | None = None,
    system: str | None = None,
) -> None:
    """Write an episode as an answer file; an interruption leaves the old file or none.

    Args:
        episode: The episode.
        path: The file; scripts expect ``<query_id>_<method>.json``.
        method: ``CoT@<n>`` for chains, anything else for a tree; by default what the episode was
            read from, else ``CoT@1`` where it does not branch and ``DFS_woFilter_w2`` where it
            does.
        dialect: Whose function schemas; by default as read, else ToolBench's.
        calls: How ``train_messages`` hold calls; by default as read, else ``function_call``
            wherever no message makes several calls.
        system: The system message in ``train_messages``; by default as read, else empty.

    Raises:
        FormatError: The file cannot be written, or the episode branches below its first step and
            ``method`` asks for chains.
    """
    path = Path(path)
    kept = episode.task.unknown.get(ANSWER_FILE)
    details = kept if isinstance(kept, dict) else {}
    branches = any(step.rank > 0 for step in episode.steps if step.parent != ROOT)
    single = not branches and sum(step.parent == ROOT for step in episode.steps) <= 1
    method = method or str(details.get("method") or ("CoT@1" if single else "DFS_woFilter_w2"))
    chains = method.rpartition("_")[2].startswith("CoT")
    if chains and branches:
        raise FormatError(
            f"Task {episode.task.id} was explored as a tree, which {method} cannot hold.",
            where=path.name,
            fix="Write it as DFS_woFilter_w2, or write its chosen branch alone.",
        )
    path_steps = episode.branch.path()
    several = any(len(step.calls) > 1 for step in episode.steps)
    if calls is None or several:
        calls = (
            "tool_calls" if several or details.get("dialect") == "tool_calls" else "function_call"
        )
    if dialect is None:
        dialect = "stabletoolbench" if details.get("wrapped") else "toolbench"
    functions, _ = compatibility_functions(episode.task, dialect)
    finish = details.get("finish")
    generation: dict[str, JsonValue] = {
        "valid_data": episode.ended in (("answer",) if chains else ("answer", "gave_up"))
        and bool(path_steps),
        "final_answer": "",
        "function": [*functions[:-1], finish if isinstance(finish, dict) else functions[-1]],
        "query_count": episode.cost.policy_calls or len(episode.steps),
        "total_tokens": episode.cost.input_tokens + episode.cost.output_tokens
        or details.get("total_tokens", 0),
        "chain": [],
        "query": episode.task.instruction,
    }
    if generation["valid_data"]:
        generation["final_answer"] = _final_answer(path_steps[-1])
        generation["train_messages"] = write_train_messages(
            path_steps,
            system=str(details.get("system", "")) if system is None else system,
            user=str(details.get("user") or episode.task.instruction),
            dialect=calls,
        )
    elif chains:
        generation["train_messages"] = []
    if not chains:
        gave_up = episode.ended == "gave_up" and bool(path_steps)
        generation["finish_type"] = "give_up" if gave_up else "give_answer"
    limits = details.get("forward_args")
    writer = _Writer(episode, depth_limit(limits))
    document = writer.chains(method) if chains else writer.tree()
    document["forward_args"] = limits if isinstance(limits, dict) else document["forward_args"]
    write_json(path, {**document, "answer_generation": generation})


def _final_answer(step: Step) -> str:
    """The arguments of Finish as the model wrote them."""
    return next((call.text for call in step.calls if call.function == FINISH), "")


class _Writer:
    """Makes the nodes of an episode."""

    def __init__(self, episode: Episode, depth_limit: int) -> None:
        self._episode = episode
        self._depth_limit = depth_limit
        self._children: dict[int, list[int]] = {}
        for number, step in enumerate(episode.steps):
            self._children.setdefault(step.parent, []).append(number)
        for siblings in self._children.values():
            siblings.sort(key=lambda number: episode.steps[number].rank)

    def tree(self) -> dict[str, JsonValue]:
        """The document of a tree, without ``answer_generation``."""
        deepest, size = 0, 1
        root = _node("Action Input", "", 0)
        nodes: dict[int, list[dict[str, JsonValue]]] = {}
        order = [n for first in self._children.get(ROOT, []) for n in self._preorder(first)]
        for number in order:
            step = self._episode.steps[number]
            parent = root if step.parent == ROOT else nodes[step.parent][-1]
            nodes[number] = self._nodes(step, parent)
            nodes[number][-1]["expand_num"] = len(nodes)
            _hang(parent, nodes[number][0])
            for above, below in zip(nodes[number], nodes[number][1:], strict=False):
                _hang(above, below)
            size += len(nodes[number])
            deepest = max(deepest, _depth(nodes[number][-1]))
        won = self._chosen_nodes(nodes) if self._episode.branch.ended == "answer" else []
        _mark_finished(won)
        return {
            "win": bool(won),
            "tree": {"size": size, "max_length": deepest + 1, "tree": root},
            "forward_args": {
                "single_chain_max_step": 0,
                "tree_beam_size": max((len(c) for c in self._children.values()), default=1),
                "max_query_count": 0,
                "answer": 1,
                "with_filter": False,
            },
            "compare_candidates": [[_alone(node) for node in won]] if won else [],
        }

    def chains(self, method: str) -> dict[str, JsonValue]:
        """The document of chains, without ``answer_generation``."""
        tries: list[JsonValue] = []
        nodes: dict[int, list[dict[str, JsonValue]]] = {}
        for first in self._children.get(ROOT, []):
            chain: list[dict[str, JsonValue]] = []
            for number in self._preorder(first):
                parent = chain[-1] if chain else _node("Action Input", "", 0)
                nodes[number] = self._nodes(self._episode.steps[number], parent)
                chain.extend(nodes[number])
            for node in chain[:-1]:
                node["child_count"] = 1
            if self._needs_numbers(first):
                for count, number in enumerate(self._preorder(first)):
                    nodes[number][-1]["expand_num"] = count + 1
            last = self._episode.steps[self._preorder(first)[-1]]
            tries.append({"chain": [_alone(n) for n in chain], "win": last.ended == "answer"})
        won = self._chosen_nodes(nodes) if self._episode.branch.ended == "answer" else []
        passes = method.rpartition("@")[2]
        return {
            "win": bool(won),
            "try_count": len(tries),
            "trys": tries,
            "compare_candidates": [[_alone(node) for node in won]] if won else [],
            "forward_args": {
                "single_chain_max_step": 0,
                "pass_at": int(passes) if passes.isdecimal() else 1,
                "answer": 1,
            },
        }

    def _needs_numbers(self, first: int) -> bool:
        """Whether neither ``train_messages`` nor the usual form tell this chain's messages."""
        steps = [self._episode.steps[number] for number in self._preorder(first)]
        if any(not step.calls and not step.message.content for step in steps):
            return True
        chosen = self._episode.branch
        told = chosen.ended == "answer" and first in chosen.numbers()
        return not told and any(len(step.calls) != 1 for step in steps)

    def _preorder(self, first: int) -> list[int]:
        order: list[int] = []
        waiting = [first]
        while waiting:
            number = waiting.pop()
            order.append(number)
            waiting.extend(reversed(self._children.get(number, [])))
        return order

    def _nodes(self, step: Step, parent: dict[str, JsonValue]) -> list[dict[str, JsonValue]]:
        """The nodes of one message, the first of them one deeper than the parent's."""
        depth = _depth(parent)
        nodes: list[dict[str, JsonValue]] = []
        if step.message.content or not step.calls:
            nodes.append(_node("Thought", step.message.content, depth + 1))
        for written, response in zip(step.message.calls, step.responses, strict=True):
            nodes.append(_node("Action", written.name, depth + 1 + len(nodes)))
            given = _node("Action Input", written.arguments, depth + 1 + len(nodes))
            if response.text:
                given["observation"] = response.text
            if response.text or response.status is not Status.SIMULATOR_FAILED:
                given["observation_code"] = code_of_status(response.status)
            nodes.append(given)
        if step.ended == "gave_up" or step.ended.startswith(("limit:", "error:")):
            nodes[-1]["pruned"] = True
            if step.ended != "gave_up" and not (
                step.ended == "limit:steps" and 0 < self._depth_limit <= _depth(nodes[-1])
            ):
                nodes[-1]["ended"] = step.ended  # ours: their nodes cannot say it
        return nodes

    def _chosen_nodes(
        self, nodes: dict[int, list[dict[str, JsonValue]]]
    ) -> list[dict[str, JsonValue]]:
        return [node for number in self._episode.branch.numbers() for node in nodes[number]]


def _node(kind: str, text: str, depth: int) -> dict[str, JsonValue]:
    node: dict[str, JsonValue] = {
        "is_terminal": False,
        "pruned": False,
        "finished": False,
        "depth": depth,
        "node_type": kind,
        "description": text,
        "Elo": _ELO,
        "child_count": 0,
        "expand_num": 0,
        "children": [],
    }
    if kind == "Action Input":
        node["io_state"] = {}
    return node


def _depth(node: dict[str, JsonValue]) -> int:
    depth = node["depth"]
    return depth if isinstance(depth, int) else 0


def _hang(parent: dict[str, JsonValue], child: dict[str, JsonValue]) -> None:
    children = parent["children"]
    if isinstance(children, list):
        children.append(child)
        parent["child_count"] = len(children)


def _alone(node: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """A node as it stands in a chain: without its children."""
    return {key: value for key, value in node.items() if key != "children"}


def _mark_finished(path: Sequence[dict[str, JsonValue]]) -> None:
    """Mark the last three Action Inputs of a success path and what lies between, as ToolBench."""
    levels = 0
    for node in reversed(path):
        node["finished"] = True
        levels += node["node_type"] == "Action Input"
        if levels == _FINISHED_LEVELS:
            break
