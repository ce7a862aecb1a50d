"""The canonical key: which calls are the same call by the API's documentation.

The exact key (``toolenv.snapshots.key``) reads nothing but the call. The canonical key, version 1,
reads what the documentation says of the parameters, and is asked second:

- A parameter may be given by the name that the source spells or by the standardised one.
- Where the documentation says number or integer, ``3``, ``3.0`` and ``"3"`` are equal. Text is a
  number only if it is one by JSON's grammar: ``"01"``, ``"+1"`` and ``" 1"`` stay text. Whole
  numbers are exact at any size; text with a fraction or an exponent is read as JSON's readers read
  it, as a 64-bit float, and stays text where that overflows.
- Where it says boolean, ``true``, ``"true"`` and ``"True"`` are equal, and so are the three for
  false; ``1`` and ``"1"`` are not.
- Null and empty text are the same as nothing for a parameter that is not required and has no
  default that the server is known to assume.
- A default that the server assumes (``Parameter.assumed_default``) is the same as nothing.
  ToolBench's defaults are examples and never that.
- Everything else stays as it is in the exact key: where text is documented, ``"3"`` and ``3``
  differ, ``"01"`` and ``"1"``, and upper and lower case; what the documentation does not name is
  kept as it is. Calls of one exact key have one canonical key.

There is no canonical key where the documentation is unknown, where the arguments are no JSON
object, where one parameter is given under two spellings, and where a number is NaN or infinite.
"""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple, TypeAlias

from toolenv.apis import API, Identity, Parameter
from toolenv.fingerprint import fingerprint
from toolenv.jsontext import JsonValue, render, render_sorted
from toolenv.snapshots.key import composed, plain_numbers

__all__ = ["CANONICAL_VERSION", "Documentation", "canonical_key"]

CANONICAL_VERSION: Final = 1

_PREFIX = b"toolenv-canonical-1\0"
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?P<rest>(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)")
_BOOLEANS = {"true": "true", "True": "true", "false": "false", "False": "false"}

_Kind: TypeAlias = Literal["number", "boolean", "other"]


class Documentation:
    """What is known of APIs: from a tool folder, a task, or a recorded tree's own functions.

    Args:
        apis: The APIs; of equal ones the first counts.
    """

    def __init__(self, apis: Iterable[API]) -> None:
        self._apis: dict[str, list[_Documented]] = {}
        for api in apis:
            known = self._apis.setdefault(api.identity.function, [])
            if all(one.identity != api.identity for one in known):
                known.append(_Documented(api))

    @property
    def digest(self) -> str:
        """A digest of the documents, whatever their order; empty for none."""
        dumps = sorted(
            render_sorted(one.api.model_dump(mode="json"))
            for known in self._apis.values()
            for one in known
        )
        return fingerprint("documentation", list(dumps)) if dumps else ""

    def canonical_key(
        self, identity: Identity, arguments: dict[str, JsonValue] | None, changes: bytes = b""
    ) -> bytes:
        """The canonical key of a call, 16 bytes; empty where it has none.

        Args:
            identity: The API, as far as it is known. Where several documents may be meant and
                disagree, there is no key.
            arguments: The parsed arguments; None where they are not a JSON object.
            changes: Digest of the tool's earlier changes, from ``Changes.of``.
        """
        if arguments is None:
            return b""
        bodies = {
            one.body(arguments)
            for one in self._apis.get(identity.function, ())
            if one.identity.joins(identity)
        }
        body = bodies.pop() if len(bodies) == 1 else None
        if body is None:
            return b""
        name = identity.function.encode("utf-8", "surrogatepass")
        framed = _PREFIX + name + b"\0" + body.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(framed, digest_size=16, key=changes).digest()

    def identity(self, identity: Identity) -> Identity:
        """An API with all that the documents know of its names, where they name only one."""
        found = {
            one.identity
            for one in self._apis.get(identity.function, ())
            if one.identity.joins(identity) and one.identity.api
        }
        return found.pop() if len(found) == 1 else identity


def canonical_key(api: API, arguments: dict[str, JsonValue] | None, changes: bytes = b"") -> bytes:
    """The canonical key of a call, 16 bytes; empty where it has none.

    Args:
        api: The API, with its documentation.
        arguments: The parsed arguments; None where they are not a JSON object.
        changes: Digest of the tool's earlier changes, from ``Changes.of``.

    Example:
        >>> api = API(tool="t", name="f", parameters=(Parameter(name="N", type="NUMBER"),))
        >>> canonical_key(api, {"N": "3"}) == canonical_key(api, {"n": 3.0})
        True
        >>> canonical_key(api, {"n": ""}) == canonical_key(api, {}) != canonical_key(api, {"n": 0})
        True
    """
    return Documentation([api]).canonical_key(api.identity, arguments, changes)


class _Rule(NamedTuple):
    """How the values of one parameter are read."""

    name: str
    kind: _Kind
    required: bool
    assumed: str | None
    """The form of the default that the server assumes; None where it assumes none."""


class _Documented:
    """An API's parameters by each of their spellings; read when first asked for."""

    __slots__ = ("_rules", "api", "identity")

    def __init__(self, api: API) -> None:
        self.api = api
        self.identity = api.identity
        self._rules: dict[str, _Rule] | None = None

    def body(self, arguments: dict[str, JsonValue]) -> str | None:
        """The arguments in their one form, as JSON text; None where they have none."""
        if self._rules is None:
            self._rules = _rules_of(self.api)
        if self._rules is _UNKNOWN:
            return None
        forms: dict[str, str] = {}
        for given, value in arguments.items():
            name = unicodedata.normalize("NFC", given)
            rule = self._rules.get(name, _UNDOCUMENTED)
            form = _form(value, rule.kind)
            if form is None:
                return None
            name = rule.name or name
            if name in forms:
                return None
            forms[name] = "" if _is_nothing(value, form, rule) else form
        members = (f"{render(name)}:{forms[name]}" for name in sorted(forms) if forms[name])
        return f"{{{','.join(members)}}}"


_UNDOCUMENTED = _Rule("", "other", True, None)
_UNKNOWN: Final[dict[str, _Rule]] = {}


def _rules_of(api: API) -> dict[str, _Rule]:
    if api.function is not None:
        schema = api.function.get("parameters")
        properties = schema.get("properties") if isinstance(schema, dict) else None
        if not isinstance(schema, dict) or not isinstance(properties, dict):
            return _UNKNOWN
        listed = schema.get("required")
        required = set(map(str, listed)) if isinstance(listed, list) else set()
        return {
            unicodedata.normalize("NFC", name): _Rule(
                unicodedata.normalize("NFC", name), _kind_of(about), name in required, None
            )
            for name, about in properties.items()
        }
    rules: dict[str, _Rule] = {}
    spelled: dict[str, list[Parameter]] = {}
    for parameter in api.parameters:
        for name in {parameter.key, parameter.name}:
            spelled.setdefault(unicodedata.normalize("NFC", name), []).append(parameter)
    for name, parameters in spelled.items():
        if (
            len(parameters) == 1
            and len(spelled[unicodedata.normalize("NFC", parameters[0].key)]) == 1
        ):
            rules[name] = _rule_of(parameters[0])
    return rules


def _rule_of(parameter: Parameter) -> _Rule:
    schema = parameter.json_schema
    documented = _kind_of(schema) if schema is not None else None
    kind = documented or _KINDS.get(parameter.type.lower(), "other")
    assumed = None
    if parameter.assumed_default:
        assumed = _form(schema.get("default") if schema else parameter.default, kind)
    name = unicodedata.normalize("NFC", parameter.key)
    return _Rule(name, kind, parameter.required, assumed)


_KINDS: Final[dict[object, _Kind]] = {"number": "number", "integer": "number", "boolean": "boolean"}


def _kind_of(schema: JsonValue) -> _Kind:
    """What a JSON Schema says of a value's type, null apart."""
    if not isinstance(schema, dict):
        return "other"
    kinds: set[_Kind] = set()
    branches = schema.get("anyOf", schema.get("oneOf"))
    if isinstance(branches, list):
        nulls: list[JsonValue] = [{"type": "null"}]
        kinds = {_kind_of(branch) for branch in branches if branch not in nulls}
    else:
        types = schema.get("type")
        listed = types if isinstance(types, list) else [types]
        kinds = {_KINDS.get(str(one), "other") for one in listed if one != "null"}
    return kinds.pop() if len(kinds) == 1 else "other"


def _is_nothing(value: JsonValue, form: str, rule: _Rule) -> bool:
    """Whether giving a value says the same as giving none."""
    if rule.required:
        return False
    return value in (None, "") if rule.assumed is None else form == rule.assumed


def _form(value: JsonValue, kind: _Kind) -> str | None:
    """A value as JSON text in its one form; None where it has none."""
    if kind == "number":
        if isinstance(value, str):
            number = _number_of(value)
            if number is not None:
                return number
        elif isinstance(value, int | float) and not isinstance(value, bool):
            return _number_form(value)
    elif kind == "boolean" and isinstance(value, str) and value in _BOOLEANS:
        return _BOOLEANS[value]
    return render_sorted(composed(plain_numbers(value))) if _is_finite(value) else None


def _number_of(text: str) -> str | None:
    """The form of the number that a text spells; None where it spells none."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    if not match["rest"]:
        return "0" if text == "-0" else text  # the grammar knows one spelling of each
    return _number_form(float(text))


def _number_form(value: float) -> str | None:
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        if not value.is_integer():
            return repr(value)
    try:
        return str(int(value))
    except ValueError:  # more digits than Python writes
        return None


def _is_finite(value: JsonValue) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    return all(map(_is_finite, value)) if isinstance(value, list) else True
