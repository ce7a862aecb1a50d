"""Prompts as ToolLLaMA was trained on them.

Each message stands as its role, a colon and its text, and ends with a line break; calls are
written as thought, action and action input; the model goes on after ``Assistant:`` and ends with
its end token (ToolBench's template ``tool-llama-single-round``). ToolBench's wording of the system
message is no part of this package: it is taken from the user's own training file, whose records
hold it.
"""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any, Final, NamedTuple

from toolenv.agents.policies.constraining import CallForm
from toolenv.agents.policies.prompting import Messages, call_text
from toolenv.errors import ConfigurationError
from toolenv.jsontext import JsonValue

__all__ = ["OWN_WORDING", "ToolLLaMAPrompting", "Wording", "read_wording", "toolllama_function"]

_HEAD: Final = 8 * 2**20
"""Characters of a training file that are read: its records repeat the wording."""

_RECORDS: Final = 20


class Wording(NamedTuple):
    """The fixed texts of system and user messages.

    Args:
        before_tools: What the system message says before the numbered list of tools.
        after_tools: What stands between that list and the list of functions.
        before_query: What the user message says before the instruction.
        after_query: What it says after it.
        lists_tools: Whether there is a numbered list of tools.
        source: ``own``, or ``file``.
    """

    before_tools: str
    after_tools: str
    before_query: str = ""
    after_query: str = ""
    lists_tools: bool = False
    source: str = "file"


OWN_WORDING: Final = Wording(
    "You solve the user's request by calling functions, one at a time. Before each call, say in a "
    "few sentences what you know and what you need next. Answer in three lines:\n"
    "Thought: what you think\nAction: the function's name\nAction Input: its arguments, as JSON\n"
    "What the function returns follows. When you know the answer, or find that there is no way to "
    "it, call Finish.\n",
    "The functions that you may call: ",
    source="own",
)
"""What is said where no file is given: our words in the same structure. A checkpoint that was
trained on ToolBench's expects those, and does worse with these."""


class ToolLLaMAPrompting:
    """Prompts for ToolLLaMA checkpoints.

    Args:
        wording: The fixed texts; see ``read_wording``.
    """

    special_tokens = True

    def __init__(self, wording: Wording = OWN_WORDING) -> None:
        self.wording = wording

    @property
    def settings(self) -> JsonValue:
        """The wording."""
        return ["toolllama", *self.wording]

    def form(self, tokenizer: Any) -> CallForm:
        """Thought, action, action input."""
        return "toolllama"

    def text(self, tokenizer: Any, messages: Messages, functions: Messages) -> str:
        """The prompt.

        Of the conversation's own system message nothing is shown: the wording takes its place.
        """
        said = [f"System: {self.system(functions)}\n"]
        asked = False
        for message in messages:
            role, content = message.get("role"), message.get("content")
            text = content if isinstance(content, str) else ""
            if role == "assistant":
                said.append(f"Assistant: \n{call_text(message, 'toolllama')}\n")
            elif role == "user" and not asked:
                asked = True
                said.append(f"User: {self.wording.before_query}{text}{self.wording.after_query}\n")
            elif role != "system":
                said.append(f"{'User' if role == 'user' else 'Function'}: {text}\n")
        return f"{''.join(said)}Assistant:\n"

    def system(self, functions: Messages) -> str:
        """The system message."""
        shown = [toolllama_function(function) for function in functions]
        tools = ""
        if self.wording.lists_tools:
            names = dict.fromkeys(_tool(str(function["name"])) for function in shown)
            named = [name for name in names if name]
            # What tools are is not known here; ToolBench writes None where it has no description.
            tools = "".join(f"{n}.{name}: None\n" for n, name in enumerate(named, start=1))
        return f"{self.wording.before_tools}{tools}{self.wording.after_tools}{shown}"


def toolllama_function(function: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """A function as ToolBench's prompts show it: bare, an example for each parameter.

    Example:
        >>> toolllama_function({"type": "function", "function": {"name": "f", "description": "F.",
        ...     "parameters": {"type": "object", "properties": {}}}})["name"]
        'f'
    """
    inner = function.get("function", function)
    described = inner if isinstance(inner, dict) else {}
    parameters = described.get("parameters")
    schema = parameters if isinstance(parameters, dict) else {}
    properties = schema.get("properties")
    required = schema.get("required")
    needed: list[JsonValue] = [n for n in required if n] if isinstance(required, list) else []
    shown: dict[str, JsonValue] = {
        name: _shown_parameter(value) if isinstance(value, dict) else {"type": "string"}
        for name, value in (properties if isinstance(properties, dict) else {}).items()
    }
    optional: list[JsonValue] = [name for name in shown if name not in needed]
    return {
        "name": described.get("name", ""),
        "description": described.get("description", ""),
        "parameters": {
            "type": "object",
            "properties": shown,
            "required": needed,
            "optional": optional,
        },
    }


def read_wording(path: Path | str) -> Wording:
    """Take the wording from a training file as ToolBench's preprocessing writes it.

    Args:
        path: A JSON list or JSON Lines of records with ``id`` and ``conversations``, or a folder
            that holds one. The first records are read, however large the file is.

    Raises:
        ConfigurationError: There is no such file, or no record in it that shows the wording.
    """
    place = Path(path)
    files = sorted(place.glob("*.json*")) if place.is_dir() else [place]
    found: Counter[Wording] = Counter()
    for file in files:
        try:
            with file.open(encoding="utf-8-sig") as stream:
                head = stream.read(_HEAD)
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                f"The file with the prompts cannot be read: {error}.",
                where=str(file),
                fix="Name ToolBench's training file, or a folder with it.",
            ) from error
        found.update(wording for record in _records(head) if (wording := _wording(record)))
        if found:
            break
    if not found:
        raise ConfigurationError(
            "No record holds a system message that ends with a list of functions.",
            where=str(place),
            fix="Name ToolBench's training file, such as toolllama_G123_dfs_train.json.",
        )
    return found.most_common(1)[0][0]


def _records(head: str) -> list[JsonValue]:
    """The first records of a JSON list or of JSON Lines, of which only the head is here."""
    decoder = json.JSONDecoder()
    found: list[JsonValue] = []
    at = len(head) - len(head.lstrip().removeprefix("["))
    while len(found) < _RECORDS:
        while at < len(head) and head[at] in " \t\r\n,":
            at += 1
        try:
            record, at = decoder.raw_decode(head, at)
        except (ValueError, RecursionError):
            break
        found.append(record)
    return found


def _wording(record: JsonValue) -> Wording | None:
    """The wording of one record; None where it shows none."""
    said = record.get("conversations") if isinstance(record, dict) else None
    texts: dict[str, str] = {}
    for turn in said if isinstance(said, list) else []:
        if isinstance(turn, dict) and isinstance(turn.get("value"), str):
            texts.setdefault(str(turn.get("from")), str(turn["value"]))
    system = texts.get("system", "")
    at, names = _function_list(system)
    if at < 0:
        return None
    before, lists_tools, after = _around_tools(system[:at], names)
    query = str(record.get("id", "")).partition(": ")[2] if isinstance(record, dict) else ""
    asked = texts.get("user", "")
    first, found, last = asked.partition(query) if query else (asked, "", "")
    return Wording(before, after, *((first, last) if found else ("", "")), lists_tools)


def _function_list(system: str) -> tuple[int, list[str]]:
    """Where the list of functions begins that ends a system message, and their names."""
    at = system.find("[{")
    while at >= 0:
        try:
            functions = ast.literal_eval(system[at:].strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            at = system.find("[{", at + 1)
            continue
        if isinstance(functions, list) and all(isinstance(one, dict) for one in functions):
            return at, [str(one.get("name", "")) for one in functions]
        at = system.find("[{", at + 1)
    return -1, []


def _around_tools(text: str, names: list[str]) -> tuple[str, bool, str]:
    """Split a text around its numbered list of tools, which the functions' names tell."""
    lines = text.splitlines(keepends=True)
    listed = []
    for at, line in enumerate(lines):
        tool = re.match(r"[0-9]{1,4}\.([^\s:]+):", line)
        if tool and any(name.endswith(f"_for_{tool[1]}") for name in names):
            listed.append(at)
    if not listed:
        return text, False, ""
    return "".join(lines[: listed[0]]), True, "".join(lines[listed[-1] + 1 :])


def _tool(name: str) -> str:
    """The tool in a function's name; empty where it names none, as in Finish."""
    return name.rpartition("_for_")[2] if "_for_" in name else ""


def _shown_parameter(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    examples = value.get("examples")
    example = examples[0] if isinstance(examples, list) and examples else value.get("default")
    shown: dict[str, JsonValue] = {
        "type": value.get("type", "string"),
        "description": value.get("description", ""),
    }
    example = value.get("example_value", example)
    return {**shown, "example_value": example} if example not in (None, "") else shown
