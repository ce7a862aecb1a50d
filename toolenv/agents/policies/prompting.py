"""Prompts of local models: a conversation and its functions as the text that the model continues.

A checkpoint's chat template is used as it is where it shows tools, tool calls and what tools
answered. Where it does not, as a small probe finds out, the functions stand in the system message
and calls and answers in plain messages, so that nothing is lost in silence.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from toolenv.agents.policies.constraining import CallForm
from toolenv.errors import ConfigurationError, PolicyError
from toolenv.jsontext import JsonValue, parse, render

__all__ = ["ChatPrompting", "Prompting", "call_text", "read_chat_template", "with_objects"]

Messages = Sequence[dict[str, JsonValue]]

_INSTRUCTION: Final[dict[CallForm, str]] = {
    "json": 'To call a function, answer with one JSON object and nothing else: {"name": '
    '"the function\'s name", "arguments": {…}}.',
    "hermes": 'To call a function, write <tool_call>{"name": "the function\'s name", '
    '"arguments": {…}}</tool_call>.',
    "toolllama": "To call a function, write three lines: Thought: what you think; Action: the "
    "function's name; Action Input: its arguments as a JSON object.",
}
_TODAY: Final = datetime.date(2025, 1, 1)
_DATE_CODES: Final = "aAbBcdDeFHIjmMpSUwWxXyY"
"""The letters of strftime, as C has them."""
_PROBE: Final = "probe_of_toolenv"


class Prompting(Protocol):
    """A way to write prompts."""

    special_tokens: bool
    """Whether the tokenizer adds its own, such as the one that begins a text."""

    def form(self, tokenizer: Any) -> CallForm:
        """How the model is expected to write calls."""
        ...

    def text(self, tokenizer: Any, messages: Messages, functions: Messages) -> str:
        """The text that the model continues."""
        ...

    @property
    def settings(self) -> JsonValue:
        """What prompts depend on besides the tokenizer, for the fingerprint."""
        ...


class ChatPrompting:
    """Prompts as a chat template writes them.

    Templates that print the date get a fixed one, so that equal runs have equal prompts.

    Args:
        template: A Jinja template; the tokenizer's own where None.
        options: Variables of the template, such as ``enable_thinking``.
        form: How calls are written; where None, as the template writes them.
    """

    special_tokens = False

    def __init__(
        self,
        template: str | None = None,
        options: Mapping[str, JsonValue] | None = None,
        form: CallForm | None = None,
    ) -> None:
        self._template = template
        self._options = dict(options or {})
        self._form = form
        self._abilities: tuple[bool, bool] | None = None

    @property
    def settings(self) -> JsonValue:
        """Template, its variables and the form of calls."""
        return ["chat", self._template, self._options, self._form]

    def form(self, tokenizer: Any) -> CallForm:
        """Hermes-style where the template writes calls between tags, a JSON object elsewhere."""
        if self._form is not None:
            return self._form
        return "hermes" if "<tool_call>" in self._source(tokenizer) else "json"

    def text(self, tokenizer: Any, messages: Messages, functions: Messages) -> str:
        """The prompt.

        Raises:
            ConfigurationError: There is no template.
            PolicyError: The template refuses the conversation.
        """
        shows_tools, takes_system = self._probe(tokenizer)
        tools = [*functions] if shows_tools else None
        try:
            if shows_tools:
                return self._render(tokenizer, [with_objects(one) for one in messages], tools)
            plain = _plain(messages, functions, self.form(tokenizer), takes_system)
            return self._render(tokenizer, plain, None)
        except Exception as error:  # whatever a template may raise
            raise PolicyError(
                f"The chat template refuses the conversation: {error}.",
                fix="Give another chat_template.",
            ) from error

    def _source(self, tokenizer: Any) -> str:
        own = self._template or tokenizer.chat_template
        if isinstance(own, dict):  # several, by name
            own = own.get("tool_use") or own.get("default")
        if not isinstance(own, str) or not own:
            raise ConfigurationError(
                "The checkpoint's tokenizer has no chat template.",
                where="chat_template",
                fix="Give chat_template: a Jinja template, or a file that holds one. Base models "
                "have none; take the instruction-tuned one.",
            )
        return own

    def _render(self, tokenizer: Any, messages: Messages, tools: Messages | None) -> str:
        text: str = tokenizer.apply_chat_template(
            [*messages],
            tools=tools,
            chat_template=_dated(tokenizer.get_chat_template(self._template, tools)),
            add_generation_prompt=True,
            tokenize=False,
            **self._options,
        )
        return text

    def _probe(self, tokenizer: Any) -> tuple[bool, bool]:
        """Whether the template shows tools, their calls and answers; and takes system messages."""
        if self._abilities is None:
            self._source(tokenizer)
            call: JsonValue = {"name": f"{_PROBE}_call", "arguments": {"key": f"{_PROBE}_value"}}
            messages: Messages = [
                {"role": "system", "content": f"{_PROBE}_system"},
                {"role": "user", "content": "user"},
                {
                    "role": "assistant",
                    "content": "",
                    "tool_calls": [{"id": "call_0_00", "type": "function", "function": call}],
                },
                {"role": "tool", "tool_call_id": "call_0_00", "content": f"{_PROBE}_answer"},
            ]
            schema: JsonValue = {"type": "object", "properties": {}}
            function: dict[str, JsonValue] = {
                "name": f"{_PROBE}_function",
                "description": "probe",
                "parameters": schema,
            }
            tool: dict[str, JsonValue] = {"type": "function", "function": function}
            shown = self._try(tokenizer, messages, [tool])
            parts = ("call", "value", "answer", "function", "system")
            self._abilities = (
                all(f"{_PROBE}_{part}" in shown for part in parts),
                f"{_PROBE}_system" in self._try(tokenizer, messages[:2], None),
            )
        return self._abilities

    def _try(self, tokenizer: Any, messages: Messages, tools: Messages | None) -> str:
        try:
            return self._render(tokenizer, messages, tools)
        except Exception:  # a template that refuses says so by raising whatever it likes
            return ""


def _dated(template: str) -> str:
    """The template with a date that stays; as a macro, since only plain data reach templates."""
    if "strftime_now" not in template:
        return template
    dates = {f"%{code}": _TODAY.strftime(f"%{code}") for code in _DATE_CODES}
    dates |= {"%-d": str(_TODAY.day), "%-m": str(_TODAY.month)}
    replaced = "".join(f"|replace({code!r}, {date!r})" for code, date in dates.items())
    return f"{{% macro strftime_now(format) %}}{{{{ format{replaced} }}}}{{% endmacro %}}\n{template}"


def read_chat_template(template: str | Path | None) -> str | None:
    """A chat template given as itself, or as a file that holds it.

    Raises:
        ConfigurationError: There is no such file.
    """
    if template is None or (isinstance(template, str) and ("{" in template or not template)):
        return template or None
    try:
        return Path(template).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"The chat template cannot be read: {error}.", where=str(template)
        ) from error


def call_text(message: dict[str, JsonValue], form: CallForm) -> str:
    r"""An assistant message with its calls as text.

    Example:
        >>> function = {"name": "f", "arguments": "{}"}
        >>> call_text({"content": "Why not.", "tool_calls": [{"function": function}]}, "toolllama")
        'Thought: Why not.\nAction: f\nAction Input: {}'
    """
    content = message.get("content")
    thought = content if isinstance(content, str) else ""
    calls = _calls(message)
    if form == "toolllama":
        lines = [f"Thought: {thought}"]
        lines += [f"Action: {name}\nAction Input: {arguments}" for name, arguments in calls]
        return "\n".join(lines)
    written = [
        f'{{"name": {render(name)}, "arguments": {arguments or "{}"}}}' for name, arguments in calls
    ]
    if form == "hermes":
        written = [f"<tool_call>\n{one}\n</tool_call>" for one in written]
    elif len(written) > 1:
        written = [f"[{', '.join(written)}]"]
    return "\n".join([thought, *written] if thought or not written else written)


def _calls(message: dict[str, JsonValue]) -> list[tuple[str, str]]:
    """Name and arguments of each call."""
    found = []
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else []:
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            found.append((str(function.get("name", "")), str(function.get("arguments", ""))))
    return found


def with_objects(message: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """The message with arguments as objects, which templates expect, where they are JSON."""
    calls = message.get("tool_calls")
    if not isinstance(calls, list):
        return message
    shown: list[JsonValue] = []
    for call in calls:
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(call, dict) and isinstance(function, dict):
            arguments = function.get("arguments")
            try:
                read = parse(arguments) if isinstance(arguments, str) else arguments
            except ValueError:
                read = arguments
            if isinstance(read, dict):
                call = {**call, "function": {**function, "arguments": read}}
        shown.append(call)
    return {**message, "tool_calls": shown}


def _plain(
    messages: Messages, functions: Messages, form: CallForm, takes_system: bool
) -> list[dict[str, JsonValue]]:
    """The conversation for a template that knows only messages by turns of user and assistant."""
    offered = "\n".join(render(function.get("function", function)) for function in functions)
    rules = f"{_INSTRUCTION[form]}\n\nThe functions:\n{offered}"
    said: list[tuple[str, str]] = [("system", rules)]
    for message in messages:
        role, content = str(message.get("role")), message.get("content")
        text = content if isinstance(content, str) else ""
        if role == "system":
            said[0] = ("system", f"{text}\n\n{rules}")
        elif role == "assistant":
            thought = message.get("reasoning_content")
            before = f"<think>\n{thought}\n</think>\n" if thought else ""
            said.append((role, before + call_text(message, form)))
        elif role == "user":
            said.append((role, text))
        else:
            said.append(("user", f"{message.get('name', 'The function')} answered: {text}"))
    if not takes_system:
        said[0] = ("user", said[0][1])
    joined: list[dict[str, JsonValue]] = []
    for role, text in said:
        if joined and joined[-1]["role"] == role:
            joined[-1]["content"] = f"{joined[-1]['content']}\n\n{text}"
        else:
            joined.append({"role": role, "content": text})
    return joined
