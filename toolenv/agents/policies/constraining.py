"""Constrained decoding: a local model that can only say a well-formed call of a known function.

The grammar is made of the functions' names and the JSON schemas of their arguments, and kept by
xgrammar. A grammar alone does not end a message: strings and lists may go on for ever. So when
few tokens are left, each step takes the token that leads to the end, and the message is whole
when the tokens are spent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal, TypeAlias

import numpy
from numpy.typing import NDArray

from toolenv.agents.policies.call_schema import FINISH_ARGUMENTS
from toolenv.agents.policies.local_model import LoadedModel
from toolenv.apis import FINISH
from toolenv.errors import ConfigurationError, PolicyError
from toolenv.jsontext import JsonValue, render

__all__ = ["CallForm", "Constraint", "Grammars", "Row"]

CallForm: TypeAlias = Literal["json", "hermes", "toolllama"]
"""How a call is written: an object, between ``<tool_call>`` tags, or as ToolLLaMA does."""

_LONGEST_THOUGHT: Final = 2000
_ROOM_TO_CLOSE: Final = 32
_KEPT: Final = 256


class Grammars:
    """Makes and keeps the grammars of sets of functions, for one model.

    Args:
        loaded: The model whose tokens are allowed or not.
        form: How calls are written.

    Raises:
        ConfigurationError: xgrammar is not installed.
    """

    def __init__(self, loaded: LoadedModel, form: CallForm) -> None:
        try:
            import xgrammar
        except ImportError as error:
            raise ConfigurationError(
                f"Constrained decoding needs {error.name}, which is not installed.",
                fix="pip install 'toolenv[constrained]'",
            ) from error
        self._form = form
        self._tokens = xgrammar.TokenizerInfo.from_huggingface(
            loaded.tokenizer, vocab_size=loaded.vocabulary, stop_token_ids=[*loaded.ends]
        )
        self._compiler = xgrammar.GrammarCompiler(self._tokens, max_threads=1)
        self._vocabulary = _Vocabulary(self._tokens, loaded.ends)
        self._made: dict[str, Constraint] = {}

    def constraint(self, functions: Sequence[dict[str, JsonValue]], longest: int) -> Constraint:
        """What a message may be that calls one of these functions.

        Args:
            functions: In OpenAI's form.
            longest: Most tokens of a message.

        Raises:
            PolicyError: There are no functions, or their shortest calls do not fit.
        """
        if not functions:
            raise PolicyError("There is no function that a constrained message could call.")
        key = render([functions, longest])
        constraint = self._made.get(key)
        if constraint is None:
            if len(self._made) >= _KEPT:
                self._made.clear()
            constraint = self._made[key] = self._make(functions, longest)
        return constraint

    def _make(self, functions: Sequence[dict[str, JsonValue]], longest: int) -> Constraint:
        import xgrammar

        calls, room = [], 0
        for function in functions:
            name, schema = _name_and_schema(function)
            before, after = _frame(self._form, name)
            arguments = _arguments_grammar(schema)
            calls.append(
                xgrammar.Grammar.concat(_literal(before), arguments, _literal(after))
                if after
                else xgrammar.Grammar.concat(_literal(before), arguments)
            )
            room = max(room, len((before + after).encode()) + _shortest(schema))
        grammar = calls[0] if len(calls) == 1 else xgrammar.Grammar.union(*calls)
        opening = _opening(self._form)
        if opening:
            grammar = xgrammar.Grammar.concat(xgrammar.Grammar.from_ebnf(opening), grammar)
        room += _ROOM_TO_CLOSE
        if room > longest:
            raise PolicyError(
                f"The shortest constrained calls may take {room} tokens, and {longest} are left.",
                fix="Raise max_new_tokens.",
            )
        return Constraint(self._compiler.compile_grammar(grammar), self._vocabulary, room)


class Constraint:
    """What one set of functions allows."""

    def __init__(self, compiled: Any, vocabulary: _Vocabulary, room: int) -> None:
        self._compiled = compiled
        self._vocabulary = vocabulary
        self._room = room

    def begin(self) -> Row:
        """A message that has not begun."""
        return Row(self._compiled, self._vocabulary, self._room)


class Row:
    """One message while it is said.

    Args:
        compiled: The grammar.
        vocabulary: The model's tokens.
        room: With so many tokens left, the message heads for its end.
    """

    def __init__(self, compiled: Any, vocabulary: _Vocabulary, room: int) -> None:
        import xgrammar

        self._matcher = xgrammar.GrammarMatcher(compiled)
        self._mask = xgrammar.allocate_token_bitmask(1, vocabulary.size)
        self._vocabulary = vocabulary
        self._room = room

    def accept(self, token: int) -> None:
        """Tell what was said; what follows the end is padding."""
        if not self._matcher.is_terminated():
            self._matcher.accept_token(token)

    def allowed(self, left: int) -> NDArray[numpy.bool_] | None:
        """Which tokens may follow, with so many left; None where that no longer matters."""
        if self._matcher.is_terminated():
            return None
        self._matcher.fill_next_token_bitmask(self._mask)
        bits = self._mask.numpy().view(numpy.uint8)[0]
        allowed = numpy.unpackbits(bits, bitorder="little")[: self._vocabulary.size].astype(bool)
        if left > self._room:
            return allowed
        ending = self._vocabulary.ending(allowed)
        if ending is None:
            return allowed  # a choice between texts that end by themselves, such as names
        only = numpy.zeros_like(allowed)
        only[ending] = True
        return only


class _Vocabulary:
    """The model's tokens as bytes, to look for those that end a message."""

    def __init__(self, tokens: Any, ends: Sequence[int]) -> None:
        self.size: int = tokens.vocab_size
        special = {*tokens.special_token_ids, *ends}
        self._ends = [end for end in ends if end < self.size]
        self._ids: dict[bytes, int] = {}
        for number, token in enumerate(tokens.decoded_vocab):
            if token and number not in special:
                self._ids.setdefault(token, number)

    def ending(self, allowed: NDArray[numpy.bool_]) -> int | None:
        """The allowed token that ends what might go on for ever; None where nothing might."""
        for end in self._ends:
            if allowed[end]:
                return end
        within_text = self._allows(allowed, b"!")
        # A line break ends a thought; in JSON it is not allowed.
        for closing in (b"\n", b'"' if within_text else b"}", b"}", b"]", b'"', b",", b"0"):
            if self._allows(allowed, closing):
                return self._ids[closing]
        return None

    def _allows(self, allowed: NDArray[numpy.bool_], token: bytes) -> bool:
        found = self._ids.get(token)
        return found is not None and bool(allowed[found])


def _name_and_schema(function: dict[str, JsonValue]) -> tuple[str, dict[str, JsonValue]]:
    inner = function.get("function", function)
    described = inner if isinstance(inner, dict) else {}
    if described.get("name") == FINISH:
        return FINISH, FINISH_ARGUMENTS
    parameters = described.get("parameters")
    nothing: dict[str, JsonValue] = {"type": "object", "properties": {}}
    schema = parameters if isinstance(parameters, dict) else nothing
    return str(described.get("name", "")), schema


def _frame(form: CallForm, name: str) -> tuple[str, str]:
    """What stands before and after the arguments."""
    if form == "toolllama":
        return f"Action: {name}\nAction Input: ", ""
    head = f'{{"name": {render(name)}, "arguments": '
    return (f"<tool_call>\n{head}", "}\n</tool_call>") if form == "hermes" else (head, "}")


def _opening(form: CallForm) -> str:
    """A thought, where the form has a place for one: a line, which may be missing or empty."""
    text = f"[^<\\n]{{0,{_LONGEST_THOUGHT}}}"
    if form == "toolllama":
        return f'root ::= "Thought: " {text} "\\n"'
    return f'root ::= "" | {text} "\\n"' if form == "hermes" else ""


def _literal(text: str) -> Any:
    import xgrammar

    return xgrammar.Grammar.from_ebnf(f"root ::= {render(text)}")


def _arguments_grammar(schema: dict[str, JsonValue]) -> Any:
    """The grammar of a function's arguments; where the schema cannot be kept, of their names."""
    import xgrammar

    try:
        return xgrammar.Grammar.from_json_schema(
            render(schema), any_whitespace=False, strict_mode=True
        )
    except (RuntimeError, ValueError):
        properties = schema.get("properties")
        names = properties if isinstance(properties, dict) else {}
        loose = {"type": "object", "properties": {name: {} for name in names}}
        return xgrammar.Grammar.from_json_schema(render(loose), any_whitespace=False)


def _shortest(schema: JsonValue, depth: int = 0) -> int:
    """About how many bytes the shortest JSON takes that fits; more rather than less."""
    if not isinstance(schema, dict) or depth > 8:
        return 8
    choices = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if isinstance(choices, list) and choices:
        return max(len(render(choice).encode()) for choice in choices)
    several = schema.get("anyOf") or schema.get("oneOf")
    if isinstance(several, list):
        return max((_shortest(one, depth + 1) for one in several), default=8)
    properties, required = schema.get("properties"), schema.get("required")
    if isinstance(properties, dict):
        names = set(required) if isinstance(required, list) else set()
        parts = {
            name: len(name.encode()) + 6 + _shortest(value, depth + 1)
            for name, value in properties.items()
        }
        needed = sum(size for name, size in parts.items() if name in names)
        return 2 + needed + max((s for n, s in parts.items() if n not in names), default=0)
    items = _at_least(schema, "minItems") * (2 + _shortest(schema.get("items"), depth + 1))
    return 8 + _at_least(schema, "minLength") + items


def _at_least(schema: dict[str, JsonValue], key: str) -> int:
    value = schema.get(key)
    return value if isinstance(value, int) else 0
