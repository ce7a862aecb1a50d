"""The nodes of an answer file, grouped into the messages that made them.

ToolBench stores one node per Thought, Action and Action Input; one message of the model is an
optional Thought followed by any number of (Action, Action Input) pairs. The file does not mark
where a message ends, so it is told by these rules:

- In a tree (``DFS_woFilter_w2``) the node that ends a message carries ``expand_num`` > 0, the
  running number of the request that followed it, or it is a leaf, or it branches.
- In a chain (``CoT@n``) ``expand_num`` is 0 (a chain of ours whose messages the next rules would
  miss is numbered like a tree). The assistant messages of ``train_messages``
  tell, for the try that they belong to. Elsewhere a Thought and the pair after it are one message
  and every further pair is one of its own, unless exactly the recorded ``query_count`` results
  from taking every Thought for a message of its own.
- A Thought always begins a message.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from toolenv.errors import FormatError
from toolenv.formats.fields import json_list, json_object, kind_of, text_field
from toolenv.jsontext import JsonValue

__all__ = ["Node", "Pair", "Spoken", "Turn", "group_chain", "group_tree", "read_nodes", "read_tree"]

THOUGHT: Final = "Thought"
ACTION: Final = "Action"
ACTION_INPUT: Final = "Action Input"


class Node(NamedTuple):
    """One node of an answer file.

    Args:
        kind: ``Thought``, ``Action`` or ``Action Input``.
        text: Its ``description``.
        depth: Its distance from the root, in nodes.
        expand_num: The number of the request that followed it; 0 where none is recorded.
        observation: What the environment returned; empty where nothing is recorded.
        code: Its ``observation_code``; None where none is recorded.
        pruned: Whether the search gave it up.
        children: The nodes after it.
        ended: Why the branch stopped here, where we wrote the file and its keys cannot say.
    """

    kind: str
    text: str
    depth: int
    expand_num: int
    observation: str
    code: int | None
    pruned: bool
    children: tuple[Node, ...] = ()
    ended: str = ""


class Pair(NamedTuple):
    """An Action and its Action Input; None where the file ends before the input."""

    name: str
    given: Node | None


class Spoken(NamedTuple):
    """The nodes of one message: its Thought, its pairs, and the node that ends it."""

    thought: str
    pairs: tuple[Pair, ...]
    last: Node


class Turn(NamedTuple):
    """One assistant message of ``train_messages``.

    Args:
        content: Its text; empty where null.
        calls: Name, arguments and id of each of its calls.
        diversity: The user message shown for this decision alone.
    """

    content: str
    calls: tuple[tuple[str, str, str], ...]
    diversity: str = ""


def read_tree(value: JsonValue, where: str) -> Node:
    """Read the dummy root of a tree with everything below it.

    Raises:
        FormatError: A node has no known ``node_type``, or a field of another type.
    """
    return _read_node(value, where, root=True)


def read_nodes(value: JsonValue, where: str) -> list[Node]:
    """Read the nodes of a chain.

    Raises:
        FormatError: A node has no known ``node_type``, or a field of another type.
    """
    return [
        _read_node(item, f"{where}[{number}]")
        for number, item in enumerate(json_list(value, where))
    ]


def _read_node(value: JsonValue, where: str, *, root: bool = False) -> Node:
    raw = json_object(value, where)
    kind = text_field(raw, "node_type", where, default=ACTION_INPUT if root else None)
    if kind not in (THOUGHT, ACTION, ACTION_INPUT):
        raise FormatError(f"Unknown kind of node: {kind!r}.", where=f"{where}.node_type")
    children = json_list(raw.get("children") or [], f"{where}.children")
    return Node(
        kind,
        text_field(raw, "description", where, default=""),
        _number(raw.get("depth"), f"{where}.depth") or 0,
        _number(raw.get("expand_num"), f"{where}.expand_num") or 0,
        text_field(raw, "observation", where, default=""),
        _number(raw.get("observation_code"), f"{where}.observation_code"),
        raw.get("pruned") is True,
        tuple(
            _read_node(child, f"{where}.children[{number}]")
            for number, child in enumerate(children)
        ),
        text_field(raw, "ended", where, default=""),
    )


def _number(value: JsonValue, where: str) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise FormatError(f"Expected a whole number, found {kind_of(value)}.", where=where)


def group_tree(start: Node, where: str, *, numbered: bool) -> Spoken:
    """The message that begins with a node of a tree.

    Args:
        start: Its first node, a child of the root or of a node that ends a message.
        where: The file, for error messages.
        numbered: Whether the tree numbers its requests in ``expand_num``.

    Raises:
        FormatError: The nodes' kinds are in no order that a message can have.
    """
    nodes = [start]
    while True:
        node = nodes[-1]
        if len(node.children) != 1:
            break
        following = node.children[0]
        if node.kind != ACTION:
            if node.expand_num > 0 or following.kind == THOUGHT:
                break
            if node.kind == ACTION_INPUT and not numbered:
                break
        nodes.append(following)
    return _spoken(nodes, where)


def group_chain(
    nodes: Sequence[Node], where: str, *, turns: Sequence[Turn] = (), query_count: int = 0
) -> list[Spoken]:
    """The messages of a chain.

    Args:
        nodes: The chain's nodes.
        where: The file, for error messages.
        turns: The assistant messages of ``train_messages``, where they are of this chain.
        query_count: How many messages there are, where that is recorded for this chain alone.

    Raises:
        FormatError: The nodes' kinds are in no order that a message can have.
    """
    if any(node.expand_num > 0 for node in nodes):
        return [_spoken(part, where) for part in _numbered_parts(nodes)]
    if turns:
        aligned = _aligned(nodes, where, turns)
        if aligned is not None:
            return aligned
    joined = [_spoken(part, where) for part in _parts(nodes, split=False)]
    if len(joined) != query_count:
        split = [_spoken(part, where) for part in _parts(nodes, split=True)]
        if len(split) == query_count:
            return split
    return joined


def _aligned(nodes: Sequence[Node], where: str, turns: Sequence[Turn]) -> list[Spoken] | None:
    """Cut the chain as the recorded messages say; None where they do not fit it."""
    messages: list[Spoken] = []
    at = 0
    for turn in turns:
        length = bool(turn.content) + 2 * len(turn.calls)
        part = nodes[at : at + length]
        if not part or len(part) < length or (part[0].kind == THOUGHT) != bool(turn.content):
            return None
        if any(node.kind == THOUGHT for node in part[1:]):
            return None
        at += length
        messages.append(_spoken(part, where))
    return messages if at == len(nodes) else None


def _numbered_parts(nodes: Sequence[Node]) -> list[list[Node]]:
    """Cut a chain after each node that carries a number."""
    parts: list[list[Node]] = []
    for number, node in enumerate(nodes):
        if number == 0 or nodes[number - 1].expand_num > 0:
            parts.append([])
        parts[-1].append(node)
    return parts


def _parts(nodes: Sequence[Node], *, split: bool) -> list[list[Node]]:
    """Cut a chain before each Thought and after each pair; with ``split`` after Thoughts too."""
    parts: list[list[Node]] = []
    for node in nodes:
        before = parts[-1][-1].kind if parts else ACTION_INPUT
        starts = node.kind == THOUGHT or before == ACTION_INPUT or (before == THOUGHT and split)
        if starts:
            parts.append([node])
        else:
            parts[-1].append(node)
    return parts


def _spoken(nodes: Sequence[Node], where: str) -> Spoken:
    thought = nodes[0].text if nodes[0].kind == THOUGHT else ""
    rest = nodes[1:] if nodes[0].kind == THOUGHT else nodes
    pairs: list[Pair] = []
    for number, node in enumerate(rest):
        if node.kind != (ACTION if number % 2 == 0 else ACTION_INPUT):
            raise FormatError(
                f"A node of kind {node.kind} (depth {node.depth}) is out of place: a message is a "
                "Thought, then pairs of Action and Action Input.",
                where=where,
            )
        if number % 2 == 0:
            pairs.append(Pair(node.text, None))
        else:
            pairs[-1] = Pair(pairs[-1].name, node)
    return Spoken(thought, tuple(pairs), nodes[-1])
