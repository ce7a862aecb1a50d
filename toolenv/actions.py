"""Actions: from whatever a policy says to a message, and from its calls to API calls.

Reading never raises: what cannot be read is kept as the message's text, and the environment answers
it with an error, as a server would.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from typing import Literal, TypeAlias

from jsonschema_rs import ValidationError, Validator

from toolenv.apis import API, FINISH, Identity
from toolenv.episodes import Call, FunctionCall, Message
from toolenv.errors import ConfigurationError
from toolenv.json_schemas import compile_schema
from toolenv.jsontext import JsonValue, parse, render

__all__ = [
    "ACTION_FORMATS",
    "Action",
    "ActionFormat",
    "Matching",
    "Resolver",
    "mend_arguments",
    "read_action",
    "read_arguments",
]

Action: TypeAlias = (
    Message | FunctionCall | Mapping[str, object] | list[dict[str, object]] | str | bytes
)
"""What ``step`` takes: a message, a call, a dictionary in OpenAI's form, or text."""

ActionFormat: TypeAlias = Literal["auto", "json", "toolllama", "hermes"]
"""How text is read. ``auto`` tries the others in turn."""

Matching: TypeAlias = Literal["exact", "suffix"]
"""How a function's name is found; ``suffix`` is ToolBench's rule, a compatibility mode."""

_LONGEST_MENDED = 20_000
"""Characters of arguments that are tried another way."""

_OPEN, _CLOSE, _FENCE = "<tool_call>", "</tool_call>", "```"


def read_action(action: object, action_format: ActionFormat = "auto") -> Message:
    """Read an action as a message; never raises for anything that a policy may say.

    Args:
        action: A message, a function call, a dictionary (an OpenAI assistant message, or ``name``
            and ``arguments``), a list of such calls, text, or UTF-8 bytes.
        action_format: How text is read.

    Example:
        >>> read_action('{"name": "Finish", "arguments": {}}').calls
        (FunctionCall(name='Finish', arguments='{}', id=''),)
    """
    if isinstance(action, Message):
        return action
    if isinstance(action, FunctionCall):
        return Message(calls=(action,))
    if isinstance(action, bytes | bytearray):
        action = bytes(action).decode("utf-8", "replace")
    if isinstance(action, str):
        return _READERS[action_format](action)
    return _mended(_from_value(action) or Message(content=_text_of(action)))


def _mended(message: Message) -> Message:
    """The message with arguments that can be read only one way written as JSON, saying so."""
    for index, call in enumerate(message.calls):
        mended = mend_arguments(call.arguments)
        if mended is not None:
            calls = list(message.calls)
            calls[index] = call._replace(arguments=mended)
            note = f"arguments of {call.name[:64]} were no JSON"
            repaired = f"{message.repaired}; {note}" if message.repaired else note
            message = message._replace(calls=tuple(calls), repaired=repaired)
    return message


def _read_json(text: str) -> Message:
    message = _read_json_value(text)
    if message is None:
        fenced = _inside_fence(text)
        message = _read_json_value(fenced) if fenced else None
        if message is not None:
            message = message._replace(repaired="removed a code fence")
    return _mended(message) if message is not None else Message(content=text)


def _read_json_value(text: str) -> Message | None:
    try:
        return _from_value(parse(text))
    except ValueError:
        return None


def _from_value(value: object) -> Message | None:
    """Read a message, a call or a list of calls, as JSON has them."""
    if isinstance(value, Mapping):
        return _from_mapping(value)
    if isinstance(value, list) and value:
        calls = [_function_call(item) for item in value]
        if all(call is not None for call in calls):
            return Message(calls=tuple(call for call in calls if call is not None))
    return None


# The readers below find their marks with plain searches, each once over the text: what a policy
# writes may be long, and regular expressions with several wildcards take quadratic time and more.


def mend_arguments(text: str) -> str | None:
    """Arguments that are no JSON as JSON, where there is one way to read them.

    That is so for a Markdown code fence around JSON, and for Python's way of writing a dictionary:
    single quotes, ``True`` and ``None``, a comma at the end. What was cut off is not guessed.

    Returns:
        The JSON; None where the text needs no mending or there is no one way.

    Example:
        >>> mend_arguments("{'city': 'Paris', 'now': True,}")
        '{"city":"Paris","now":true}'
    """
    if read_arguments(text)[0] is not None or len(text) > _LONGEST_MENDED:
        return None
    text = _inside_fence(text) or text
    value, _ = read_arguments(text)
    if value is None:
        try:
            value = ast.literal_eval(text.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            return None
        if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
            return None
    try:
        return render(value)
    except TypeError:  # sets, bytes, keys that are no text
        return None


def _inside_fence(text: str) -> str:
    """What a Markdown code fence around the whole text holds; empty where there is none."""
    text = text.strip()
    if not text.startswith(_FENCE) or not text.endswith(_FENCE):
        return ""
    head, _, rest = text[len(_FENCE) :].partition("\n")
    body, _, tail = rest.removesuffix(_FENCE).rpartition("\n")
    return body if head.strip() in ("", "json") and not tail.strip() else ""


def _read_hermes(text: str) -> Message:
    calls: list[FunctionCall] = []
    for block in _hermes_blocks(text):
        try:
            call = _function_call(parse(block))
        except ValueError:
            call = None
        if call is None:
            return Message(content=text)
        calls.append(call)
    if not calls:
        return Message(content=text)
    return _mended(Message(content=text.partition(_OPEN)[0].strip(), calls=tuple(calls)))


def _hermes_blocks(text: str) -> Iterator[str]:
    at = 0
    while True:
        start = text.find(_OPEN, at)
        end = text.find(_CLOSE, start) if start >= 0 else -1
        if end < 0:
            return
        yield text[start + len(_OPEN) : end].strip()
        at = end + len(_CLOSE)


def _read_toolllama(text: str) -> Message:
    """``Thought: …``, which may be missing, ``Action: name`` and ``Action Input: …``, on lines."""
    begun = text.lstrip()
    if not begun.startswith(("Thought:", "Action:")):
        return Message(content=text)
    last, last_at, at = "", 0, 0  # the last line that is not blank, and where it begins
    for line in begun.split("\n"):
        if line.lstrip().startswith("Action Input:") and "Action:" in last:
            said, _, name = last.partition("Action:")
            thought = begun[:last_at] + said
            if thought.strip() and not thought.startswith("Thought:"):
                break
            given = begun[at:].partition("Action Input:")[2]
            call = FunctionCall(name.strip(), given.strip().removesuffix("</s>").strip())
            content = thought.removeprefix("Thought:").strip()
            return _mended(Message(content=content, calls=(call,)))
        if line.strip():
            last, last_at = line, at
        at += len(line) + 1
    return Message(content=text)


def _read_any(text: str) -> Message:
    if text[:1] == "{":  # by far the most frequent: {"name": …, "arguments": {…}}
        try:
            value = parse(text)
        except ValueError:
            value = None
        if type(value) is dict and len(value) == 2:
            name, arguments = value.get("name"), value.get("arguments")
            if type(name) is str and type(arguments) is dict:
                return Message("", (FunctionCall(name, render(arguments)),))
    for reader in (_read_json, _read_hermes, _read_toolllama):
        message = reader(text)
        if message.calls:
            return message
    return Message(content=text)


_READERS: dict[ActionFormat, Callable[[str], Message]] = {
    "auto": _read_any,
    "json": _read_json,
    "toolllama": _read_toolllama,
    "hermes": _read_hermes,
}
ACTION_FORMATS: tuple[ActionFormat, ...] = tuple(_READERS)


def _from_mapping(value: Mapping[str, object]) -> Message | None:
    """Read an OpenAI assistant message (either dialect) or a single call."""
    call = _function_call(value)
    if call is not None:
        return Message(calls=(call,))
    tool_calls, function_call = value.get("tool_calls"), value.get("function_call")
    if "role" not in value and tool_calls is None and function_call is None:
        return None
    content = value.get("content")
    reasoning = value.get("reasoning_content")
    if isinstance(tool_calls, list | tuple):
        read = [_function_call(item) for item in tool_calls]
    else:
        read = [_function_call(function_call)] if function_call is not None else []
    if any(item is None for item in read):
        return None
    return Message(
        content=content if isinstance(content, str) else "",
        calls=tuple(item for item in read if item is not None),
        reasoning=reasoning if isinstance(reasoning, str) else "",
    )


def _function_call(value: object) -> FunctionCall | None:
    """Read ``{"name": …, "arguments": …}``, bare or wrapped in ``function``."""
    if not isinstance(value, Mapping):
        return None
    identifier = value.get("id")
    inner = value.get("function")
    if isinstance(inner, Mapping):
        value = inner
    name = value.get("name")
    if not isinstance(name, str):
        return None
    arguments = value.get("arguments", value.get("parameters"))
    if arguments is None:
        text = "{}"
    elif isinstance(arguments, str):
        text = arguments
    else:
        text = _text_of(arguments)
    return FunctionCall(name, text, identifier if isinstance(identifier, str) else "")


def _text_of(value: object) -> str:
    try:
        return render(value)
    except TypeError:
        pass
    try:
        return repr(value)[:1000]
    except Exception:  # nested too deeply, too many digits, or whatever a foreign object does
        return f"<{type(value).__name__}>"


class Resolver:
    """Turns a message's function calls into calls of a task's APIs.

    Args:
        named_apis: Function name to API, as the task offers them.
        matching: ``exact``, or ToolBench's ``suffix`` rule: the first function whose name ends
            with the emitted one. It shadows functions and calls the first for an empty name.

    Raises:
        ConfigurationError: The matching rule is unknown.
    """

    __slots__ = ("_named_apis", "_suffix", "_validators")

    def __init__(self, named_apis: Mapping[str, API], matching: Matching = "exact") -> None:
        if matching not in ("exact", "suffix"):
            raise ConfigurationError(
                f"Unknown matching rule: {matching!r}.", fix="Use 'exact' or 'suffix'."
            )
        self._named_apis = named_apis
        self._suffix = matching == "suffix"
        self._validators: dict[str, tuple[Identity, _Validator]] = {}

    def resolve(self, written: FunctionCall) -> Call:
        """Find the API, parse the arguments and check them against its documentation."""
        name, text, identifier = written
        arguments, invalid = read_arguments(text)
        if name == FINISH:
            return Call(
                FINISH, arguments, None, text, invalid or _finish_problem(arguments), identifier
            )
        if self._suffix:
            name = next((n for n in self._named_apis if n.endswith(name)), name)
        known = self._validators.get(name)
        if known is None:
            api = self._named_apis.get(name)
            if api is None:
                return Call(name, arguments, None, text, invalid, identifier)
            known = self._validators[name] = (api.identity, _Validator(api))
        identity, validator = known
        if arguments is not None:
            invalid = validator.problem(arguments)
        return Call(name, arguments, identity, text, invalid, identifier)

    def __reduce__(self) -> tuple[object, ...]:
        return Resolver, (dict(self._named_apis), "suffix" if self._suffix else "exact")


class _Validator:
    """A JSON Schema compiled when first used."""

    __slots__ = ("_compiled",)

    def __init__(self, api: API) -> None:
        self._compiled: Validator | None
        try:
            self._compiled = compile_schema(api.arguments_schema())
        except ValueError:  # the source's schema is none: nothing can be said against arguments
            self._compiled = None

    def problem(self, arguments: dict[str, JsonValue]) -> str:
        if self._compiled is None:
            return ""
        try:
            if self._compiled.is_valid(arguments):
                return ""
            return "; ".join(_describe(error) for error in self._compiled.iter_errors(arguments))
        except (ValueError, RecursionError) as error:  # lone surrogates, extreme nesting
            return f"arguments cannot be checked: {error}"


def _describe(error: ValidationError) -> str:
    where = ".".join(str(part) for part in error.instance_path)
    message = error.message if len(error.message) <= 300 else f"{error.message[:300]}…"
    return f"{where}: {message}" if where else message


def _finish_problem(arguments: dict[str, JsonValue] | None) -> str:
    if arguments is None:
        return "arguments are not a JSON object"
    kind = arguments.get("return_type")
    if kind not in ("give_answer", "give_up_and_restart"):
        return "return_type must be give_answer or give_up_and_restart"
    if kind == "give_answer" and "final_answer" not in arguments:
        return "give_answer needs a final_answer"
    return ""


def read_arguments(text: str) -> tuple[dict[str, JsonValue] | None, str]:
    """Read the text of a call's arguments.

    Returns:
        The arguments and an empty text, or None and what is wrong. An empty text means no
        arguments; raw line breaks inside strings are accepted.
    """
    try:
        value = parse(text) if text.strip() else {}
    except ValueError as error:
        try:
            value = parse(text, strict=False)
        except ValueError:
            return None, f"arguments are not JSON: {error}"
    if not isinstance(value, dict):
        return None, "arguments are not a JSON object"
    return value, ""
