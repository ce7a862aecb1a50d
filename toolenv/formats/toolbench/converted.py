"""Converted answers: what ToolEval judges, one JSON object per set, query id to answer.

``query``, ``available_tools`` and ``answer`` with ``method``, ``total_steps``, ``final_answer`` and
``answer_details``, a tree of ``{role, message, next}``. Each ``assistant`` node and each ``tool``
node becomes a step of its own: the conversion drops the text beside a call, so that nothing tells
whether two nodes were one message.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Final

from toolenv.actions import Resolver
from toolenv.apis import FINISH
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
from toolenv.formats.fields import json_list, json_object, text_field
from toolenv.formats.files import read_json
from toolenv.formats.report import ReadReport
from toolenv.formats.toolbench.answers import ANSWER_FILE, recording_name
from toolenv.formats.toolbench.functions import (
    api_of_function,
    is_finish,
    read_function,
)
from toolenv.formats.toolbench.tool_messages import CUT_LENGTH, ToolMessage, read_tool_message
from toolenv.jsontext import JsonValue, render_sorted
from toolenv.tasks import Task

__all__ = ["read_converted"]

_UNTOLD: Final = "the recorded message is cut before the end of the arguments"


def read_converted(
    path: str | PathLike[str],
    *,
    skip_bad: bool = False,
    report: ReadReport | None = None,
    origin: Origin = "unknown",
) -> list[Episode]:
    """Read a file of converted answers.

    A tool message that is cut gives a response that says so; where the cut falls into the
    arguments, the call has none and says why. The exception is the final ``Finish``, whose
    arguments the file repeats in ``final_answer``.

    Args:
        path: The file.
        skip_bad: Leave malformed answers out, each recorded in the report.
        report: Where answers, and whole, cut and illegible messages are counted.
        origin: What first produced the responses; the file does not say.

    Raises:
        FormatError: The file is no file of converted answers, or (without ``skip_bad``) an answer
            is malformed.
    """
    path = Path(path)
    report = ReadReport() if report is None else report
    episodes: list[Episode] = []
    for identifier, entry in json_object(read_json(path), path.name).items():
        where = f"{path.name}[{identifier!r}]"
        found = ReadReport()
        try:
            reader = _Reader(path, identifier, entry, where, origin, found)
            episodes.append(reader.read())
        except FormatError as error:
            if not skip_bad:
                raise
            report.skip(error)
            continue
        report.read += 1
        for kind, count in found.found.items():
            report.note(kind, found.first[kind], count)
    return episodes


class _Reader:
    """Reads one answer."""

    def __init__(
        self,
        path: Path,
        identifier: str,
        entry: JsonValue,
        where: str,
        origin: Origin,
        report: ReadReport,
    ) -> None:
        raw = json_object(entry, where)
        self._where, self._origin, self._report = where, origin, report
        self._recording = f"{recording_name(path)}/{identifier}"
        self._answer = json_object(raw.get("answer"), f"{where}.answer")
        self._final = text_field(self._answer, "final_answer", f"{where}.answer", default="")
        self._task = self._read_task(path, identifier, raw)
        self._resolver = Resolver(self._task.named_apis, "suffix")
        self._answers: Counter[tuple[str, str]] = Counter()
        self._ranks: Counter[int] = Counter()
        self._steps: list[Step] = []
        self._cut: dict[str, JsonValue] = {}
        self._start: dict[str, JsonValue] = {"system": "", "user": ""}
        self._forms: Counter[str] = Counter()

    def read(self) -> Episode:
        """The episode: its chosen branch ends with Finish, or is the first there is."""
        place = f"{self._where}.answer.answer_details"
        roots = json_list(self._answer.get("answer_details"), place)
        waiting = [(node, ROOT, f"{place}[{n}]") for n, node in enumerate(roots)][::-1]
        while waiting:
            value, parent, where = waiting.pop()
            node = json_object(value, where)
            following = json_list(node.get("next") or [], f"{where}.next")
            at = self._read_node(node, parent, where, last=not following)
            waiting.extend(
                (child, at, f"{where}.next[{n}]") for n, child in reversed([*enumerate(following)])
            )
        chosen = self._chosen()
        method = text_field(self._answer, "method", f"{self._where}.answer", default="")
        kept: dict[str, JsonValue] = {
            "method": method,
            "final_answer": self._final,
            "total_steps": self._answer.get("total_steps"),
            "cut_messages": self._cut,
            "tool_messages": "repr" if self._forms["repr"] else "dict",
            **self._start,
            **self._schemas,
        }
        calls = sum(call.function != FINISH for step in self._steps for call in step.calls)
        return Episode(
            task=self._task.model_copy(update={ANSWER_FILE: kept}),
            steps=tuple(self._steps),
            chosen=chosen,
            agent=method,
            ended=self._steps[chosen].ended if chosen != ROOT else "",
            cost=Cost(policy_calls=len(self._steps), api_calls=calls),
        )

    def _read_task(self, path: Path, identifier: str, raw: Mapping[str, JsonValue]) -> Task:
        place = f"{self._where}.available_tools"
        tools = json_list(raw.get("available_tools") or [], place)
        read = [read_function(tool, f"{place}[{number}]") for number, tool in enumerate(tools)]
        self._schemas: dict[str, JsonValue] = {
            "wrapped": any(isinstance(tool, dict) and "function" in tool for tool in tools),
            "finish": next(
                (tool for tool, schema in zip(tools, read, strict=True) if is_finish(schema)), None
            ),
        }
        return Task(
            id=identifier,
            instruction=text_field(raw, "query", self._where),
            apis=tuple(
                api_of_function(tool)
                for tool, schema in zip(tools, read, strict=True)
                if not is_finish(schema)
            ),
            split=path.stem,
        )

    def _read_node(
        self, node: Mapping[str, JsonValue], parent: int, where: str, *, last: bool
    ) -> int:
        """Add the step of a node; system and user nodes have none."""
        role = node.get("role")
        if role in ("system", "user"):
            self._start[str(role)] = text_field(node, "message", where, default="")
            return parent
        if role == "assistant":
            text = text_field(node, "message", where, default="")
            if len(text) == CUT_LENGTH and self._is_cut_file():
                self._report.note("assistant message cut at 100 characters", where)
            return self._add(Step(parent, 0, Message(content=text), (), (), ""))
        if role != "tool":
            raise FormatError(f"Unknown role: {role!r}.", where=f"{where}.role")
        message = read_tool_message(node.get("message"))
        self._note(message, node.get("message"), where)
        if message.name == FINISH and last and message.arguments is None and self._final:
            message = message._replace(arguments=self._final)
        call = self._call(message)
        response = self._response(call, message)
        step = Step(
            parent=parent,
            rank=0,
            message=Message(calls=(FunctionCall(message.name, message.arguments or ""),)),
            calls=(call,),
            responses=(response,),
            observation=response.text,
            ended={Status.ANSWERED: "answer", Status.GAVE_UP: "gave_up"}.get(response.status, ""),
        )
        return self._add(step)

    def _is_cut_file(self) -> bool:
        """Whether tool messages are written as reprs, as in the files that cut messages."""
        return self._forms["dict"] == 0

    def _add(self, step: Step) -> int:
        self._steps.append(step._replace(rank=self._ranks[step.parent]))
        self._ranks[step.parent] += 1
        return len(self._steps) - 1

    def _note(self, message: ToolMessage, written: JsonValue, where: str) -> None:
        self._forms[message.written] += 1
        if message.completeness == "whole":
            self._report.note("tool message whole", where)
            return
        self._cut[str(len(self._steps))] = written
        if isinstance(written, str) and len(written) == CUT_LENGTH:
            self._report.note("tool message cut at 100 characters", where)
        else:
            self._report.note("tool message cut elsewhere or malformed", where)
        if not message.name:
            self._report.note("tool message without a legible name", where)
        elif message.arguments is None:
            self._report.note("tool message cut inside the name or the arguments", where)
        elif message.completeness == "truncated":
            self._report.note("tool message cut inside the response", where)
        else:
            self._report.note("tool message cut before the response", where)

    def _call(self, message: ToolMessage) -> Call:
        if message.arguments is None:
            resolved = self._resolver.resolve(FunctionCall(message.name, "{}"))
            return resolved._replace(arguments=None, text="", invalid=_UNTOLD)
        return self._resolver.resolve(FunctionCall(message.name, message.arguments))

    def _response(self, call: Call, message: ToolMessage) -> Response:
        if call.function == FINISH:
            kind = (call.arguments or {}).get("return_type")
            ends = {"give_answer": Status.ANSWERED, "give_up_and_restart": Status.GAVE_UP}
            status = ends.get(kind, Status.BAD_INPUT) if isinstance(kind, str) else Status.BAD_INPUT
            return Response(message.response, status)
        arguments = call.text if call.arguments is None else render_sorted(call.arguments)
        ordinal = self._answers[call.function, arguments]
        self._answers[call.function, arguments] += 1
        return Response(
            message.response,
            Status.OK,  # the file records no status
            source="snapshot",
            origin=self._origin,
            completeness=message.completeness,
            recording=self._recording,
            ordinal=ordinal,
        )

    def _chosen(self) -> int:
        inner = {step.parent for step in self._steps}
        leaves = [number for number in range(len(self._steps)) if number not in inner]
        ended = [number for number in leaves if self._steps[number].ended == "answer"]
        return (ended or leaves or [ROOT])[0]
