"""Answer files: the tree (``DFS_woFilter_w2``) or the chains (``CoT@n``) explored for one query.

Success is looked for in the tree (``observation_code`` 3), because the file's own summary cannot be
trusted: ``finish_type`` is ``give_answer`` where there is none, ``valid_data`` is true for giving
up, ``is_terminal`` is always false, and ``finished`` marks the end of the success path alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Final

from toolenv.actions import Resolver
from toolenv.apis import API, FINISH
from toolenv.conversations import observe
from toolenv.episodes import (
    ROOT,
    Call,
    Cost,
    Episode,
    FunctionCall,
    Message,
    Origin,
    Response,
    Status,
    Step,
)
from toolenv.errors import FormatError
from toolenv.formats.fields import json_list, json_object, kind_of, text_field
from toolenv.formats.files import read_json
from toolenv.formats.report import ReadReport
from toolenv.formats.toolbench.answer_nodes import (
    Node,
    Pair,
    Spoken,
    Turn,
    group_chain,
    group_tree,
    read_nodes,
    read_tree,
)
from toolenv.formats.toolbench.functions import api_of_function, is_finish, read_function
from toolenv.formats.toolbench.status_codes import status_of_code
from toolenv.formats.toolbench.train_messages import TrainMessages, read_train_messages
from toolenv.jsontext import JsonValue, render_sorted
from toolenv.tasks import Task

__all__ = ["ANSWER_FILE", "depth_limit", "read_answer", "recording_name"]

ANSWER_FILE: Final = "answer_file"
"""The key of a task under which an answer file's other contents are kept."""

_CUT_LENGTH: Final = 1024 + len("...")


def read_answer(
    path: str | PathLike[str],
    *,
    origin: Origin = "unknown",
    recording: str = "",
    report: ReadReport | None = None,
) -> Episode:
    """Read an answer file as an episode: one step per message of the model.

    Functions are found by ToolBench's suffix rule, under which the file was made: a call's
    ``function`` is the function that answered, the message holds the name as written.

    Args:
        path: The file; the part of its name before the first ``_`` is the task's id.
        origin: What first produced the responses: ``live`` for ToolBench's own answers.
        recording: The recording's name; by default ``recording_name(path)``.
        report: Where what is unusual or inconsistent is counted.

    Raises:
        FormatError: The file is no answer file, or a node is malformed.
    """
    path = Path(path)
    report = ReadReport() if report is None else report
    where = path.name
    raw = json_object(read_json(path), where)
    made = json_object(raw.get("answer_generation", {}), f"{where}.answer_generation")
    messages = read_train_messages(
        made.get("train_messages"), f"{where}.answer_generation.train_messages"
    )
    task = _read_task(path, raw, made, messages)
    reader = _Reader(
        task, recording or recording_name(path), origin, depth_limit(raw.get("forward_args"))
    )
    query_count = _count(made.get("query_count"), f"{where}.answer_generation.query_count")
    if isinstance(raw.get("tree"), dict):
        tree = json_object(raw["tree"], f"{where}.tree")
        reader.add_tree(read_tree(tree.get("tree"), f"{where}.tree.tree"), where)
    elif isinstance(raw.get("trys"), list):
        tries = [
            read_nodes(json_object(item, place).get("chain"), f"{place}.chain")
            for number, item in enumerate(json_list(raw["trys"], f"{where}.trys"))
            for place in (f"{where}.trys[{number}]",)
        ]
        for nodes in tries:
            reader.add_chain(nodes, where, messages.turns, query_count if len(tries) == 1 else 0)
    else:
        raise FormatError(
            "This is no answer file: it has neither a tree nor trys.",
            where=where,
            fix="Answer files are named <query_id>_<method>.json; converted ones are read by "
            "read_converted.",
        )
    report.read += 1
    if query_count and query_count != len(reader.steps):
        report.note("answer file whose messages are not query_count in number", where)
    return reader.episode(messages.turns, query_count, made, chains="trys" in raw)


def recording_name(path: str | PathLike[str]) -> str:
    """A recording's name from its file: the two folders above it, and its stem.

    Example:
        >>> recording_name("answers/virtual_chatgpt_cot/G1_instruction/588_CoT@1.json")
        'virtual_chatgpt_cot/G1_instruction/588_CoT@1'
    """
    absolute = Path(path).absolute()
    return "/".join((*absolute.parent.parts[-2:], absolute.stem)).lstrip("/")


def _read_task(
    path: Path,
    raw: Mapping[str, JsonValue],
    made: Mapping[str, JsonValue],
    messages: TrainMessages,
) -> Task:
    where = f"{path.name}.answer_generation"
    functions = json_list(made.get("function") or [], f"{where}.function")
    apis: list[API] = []
    finish: JsonValue = None
    for number, schema in enumerate(functions):
        place = f"{where}.function[{number}]"
        if is_finish(read_function(schema, place)):
            finish = schema
        else:
            apis.append(api_of_function(schema, place))
    identifier, _, method = path.stem.partition("_")
    kept: dict[str, JsonValue] = {
        "method": method,
        "forward_args": raw.get("forward_args", {}),
        "total_tokens": made.get("total_tokens", 0),
        "wrapped": any(isinstance(f, dict) and "function" in f for f in functions),
        "finish": finish,
        "system": messages.system,
        "user": messages.user,
        "dialect": messages.dialect,
    }
    query = text_field(made, "query", where, default="")
    fields = {"id": identifier, "instruction": query, "apis": tuple(apis), "split": ""}
    return Task.model_validate(fields).model_copy(update={ANSWER_FILE: kept})


def depth_limit(limits: JsonValue) -> int:
    """The number of nodes at which a branch was stopped; 0 where ``forward_args`` do not say."""
    limit = limits.get("single_chain_max_step") if isinstance(limits, dict) else None
    return limit if isinstance(limit, int) else 0


def _count(value: JsonValue, where: str) -> int:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value or 0
    raise FormatError(f"Expected a whole number, found {kind_of(value)}.", where=where)


class _Reader:
    """Collects the steps of one file in pre-order."""

    def __init__(self, task: Task, recording: str, origin: Origin, depth_limit: int) -> None:
        self.task = task
        self.steps: list[Step] = []
        self._recording = recording
        self._origin = origin
        self._depth_limit = depth_limit
        self._resolver = Resolver(task.named_apis, "suffix")
        self._answers: Counter[tuple[str, str]] = Counter()
        self._ranks: Counter[int] = Counter()

    def add_tree(self, root: Node, where: str) -> None:
        """Add every message of a tree."""
        numbered = any(node.expand_num > 0 for node in _below(root))
        waiting = [(child, ROOT) for child in reversed(root.children)]
        while waiting:
            start, parent = waiting.pop()
            spoken = group_tree(start, where, numbered=numbered)
            number = self._add(spoken, parent)
            waiting.extend((child, number) for child in reversed(spoken.last.children))

    def add_chain(
        self, nodes: Sequence[Node], where: str, turns: Sequence[Turn], query_count: int
    ) -> None:
        """Add the messages of one try; ``turns`` are used if they are of this try."""
        parent = ROOT
        ours = turns if nodes and _is_finish_of(nodes[-1], turns) else ()
        for spoken in group_chain(nodes, where, turns=ours, query_count=query_count):
            parent = self._add(spoken, parent)

    def episode(
        self,
        turns: Sequence[Turn],
        query_count: int,
        made: Mapping[str, JsonValue],
        *,
        chains: bool,
    ) -> Episode:
        """The episode, with the branch that the file reports as its result."""
        chosen = self._chosen(turns, reports_giving_up=made.get("finish_type") == "give_up")
        if chosen == ROOT and chains:
            chosen = len(self.steps) - 1
        steps = self._with_turns(chosen, turns)
        if chosen != ROOT:
            ended = steps[chosen].ended
        else:
            ended = next((s.ended for s in steps if s.ended.startswith(("limit:", "error:"))), "")
        calls = sum(call.function != FINISH for step in steps for call in step.calls)
        details = self.task.unknown[ANSWER_FILE]
        return Episode(
            task=self.task,
            steps=steps,
            chosen=chosen,
            agent=str(details["method"]) if isinstance(details, dict) else "",
            ended=ended,
            cost=Cost(policy_calls=query_count or len(steps), api_calls=calls),
        )

    def _add(self, spoken: Spoken, parent: int) -> int:
        calls: list[Call] = []
        responses: list[Response] = []
        for pair in spoken.pairs:
            call = self._resolve(pair)
            calls.append(call)
            responses.append(self._response(call, pair.given))
        written = tuple(
            FunctionCall(pair.name, pair.given.text if pair.given else "") for pair in spoken.pairs
        )
        step = Step(
            parent=parent,
            rank=self._ranks[parent],
            message=Message(content=spoken.thought, calls=written),
            calls=tuple(calls),
            responses=tuple(responses),
            observation=observe(tuple(calls), tuple(responses)) if calls else "",
            ended=self._why_ended(spoken.last, responses),
        )
        self._ranks[parent] += 1
        self.steps.append(step)
        return len(self.steps) - 1

    def _resolve(self, pair: Pair) -> Call:
        text = pair.given.text if pair.given else ""
        code = pair.given.code if pair.given else None
        if code == Status.NO_SUCH_FUNCTION:
            call = self._resolver.resolve(FunctionCall("", text))
            unreadable = call.invalid if call.arguments is None else ""
            return call._replace(function=pair.name, api=None, invalid=unreadable)
        return self._resolver.resolve(FunctionCall(pair.name, text))

    def _response(self, call: Call, given: Node | None) -> Response:
        text = given.observation if given else ""
        if given is not None and given.code is not None:
            status = status_of_code(given.code)
        else:  # nothing says how the call went: an observation is taken as it is
            status = Status.OK if text else Status.SIMULATOR_FAILED
        if call.function == FINISH:
            return Response(text, status)
        cut = len(text) == _CUT_LENGTH and text.endswith("...")
        key = (
            call.function,
            call.text if call.arguments is None else render_sorted(call.arguments),
        )
        ordinal = self._answers[key]
        self._answers[key] += 1
        return Response(
            text,
            status,
            source="snapshot",
            origin=self._origin if call.api is not None else "environment",
            completeness="truncated" if cut else "whole",
            recording=self._recording,
            ordinal=ordinal,
        )

    def _why_ended(self, last: Node, responses: Sequence[Response]) -> str:
        statuses = {response.status for response in responses}
        if Status.ANSWERED in statuses:
            return "answer"
        if Status.GAVE_UP in statuses:
            return "gave_up"
        if last.ended:
            return last.ended
        if self._depth_limit and last.depth >= self._depth_limit and not last.children:
            return "limit:steps"
        return "error:policy" if last.pruned and not last.children else ""

    def _chosen(self, turns: Sequence[Turn], *, reports_giving_up: bool) -> int:
        """The success leaf, else the give-up leaf that is reported; the recorded one of several."""
        for reason in ("answer", "gave_up") if reports_giving_up else ("answer",):
            leaves = [n for n, step in enumerate(self.steps) if step.ended == reason]
            recorded = [n for n in leaves if _tells(self._path(n), turns)]
            if leaves:
                return (recorded or leaves)[0]
        return ROOT

    def _path(self, number: int) -> list[Step]:
        path: list[Step] = []
        while number != ROOT:
            path.append(self.steps[number])
            number = self.steps[number].parent
        return path[::-1]

    def _with_turns(self, chosen: int, turns: Sequence[Turn]) -> tuple[Step, ...]:
        """The steps, those of the chosen branch with what only ``train_messages`` know."""
        steps = list(self.steps)
        if chosen == ROOT or not _tells(self._path(chosen), turns):
            return tuple(steps)
        number = chosen
        for turn in reversed(turns):
            step = steps[number]
            identifiers = [identifier for _, _, identifier in turn.calls]
            message = step.message._replace(
                diversity=turn.diversity,
                calls=tuple(
                    call._replace(id=identifier)
                    for call, identifier in zip(step.message.calls, identifiers, strict=True)
                ),
            )
            calls = tuple(
                call._replace(id=identifier)
                for call, identifier in zip(step.calls, identifiers, strict=True)
            )
            steps[number] = step._replace(message=message, calls=calls)
            number = step.parent
        return tuple(steps)


def _tells(path: Sequence[Step], turns: Sequence[Turn]) -> bool:
    """Whether recorded messages are those of a path: names may differ, hallucinated ones do."""
    return len(path) == len(turns) and all(
        step.message.content == turn.content
        and [call.arguments for call in step.message.calls] == [text for _, text, _ in turn.calls]
        for step, turn in zip(path, turns, strict=True)
    )


def _is_finish_of(node: Node, turns: Sequence[Turn]) -> bool:
    return bool(turns and turns[-1].calls) and turns[-1].calls[-1][1] == node.text


def _below(root: Node) -> list[Node]:
    found: list[Node] = []
    waiting = list(root.children)
    while waiting:
        node = waiting.pop()
        found.append(node)
        waiting.extend(node.children)
    return found
