"""Text spaces that any Unicode text fits, and an action space that draws valid calls.

Gymnasium's ``Text`` holds a text character by character against a charset, and its shared memory
returns stale text without an error. ``AnyText`` contains every ``str`` at the cost of a type check
and refuses shared memory by name; ``CallSpace`` draws calls that fit the current task's functions,
so that a random agent is a baseline and a fuzzer.
"""

from __future__ import annotations

import math
import string
from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
from gymnasium.error import CustomSpaceError
from gymnasium.spaces import Text
from gymnasium.vector.utils import create_shared_memory
from jsonschema_rs import is_valid

from toolenv.apis import FINISH
from toolenv.jsontext import JsonValue, render

__all__ = ["AnyText", "CallSpace"]

_MAX_LENGTH = 1 << 20
_SAMPLE_LENGTH = 32
_ATTEMPTS = 8
_DEPTH = 4


class AnyText(Text):
    """All texts, lone surrogates and emptiness included.

    ``sample`` draws short printable ASCII: enough to be a text that no policy would write.

    Example:
        >>> "naïve 搜索" in AnyText()
        True
    """

    def __init__(self, seed: int | np.random.Generator | None = None) -> None:
        super().__init__(max_length=_MAX_LENGTH, min_length=0, charset=string.printable, seed=seed)

    def contains(self, x: Any) -> bool:
        """Whether it is a text."""
        return isinstance(x, str)

    def sample(self, mask: Any = None, probability: Any = None) -> str:
        """A short printable text; masks are ignored."""
        length = int(self.np_random.integers(_SAMPLE_LENGTH))
        letters = self.np_random.integers(len(string.printable), size=length)
        return "".join(string.printable[index] for index in letters)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    __hash__ = None  # type: ignore[assignment]  # as every Gymnasium space


class CallSpace(AnyText):
    """Texts again, but ``sample`` draws a call as JSON text: ``{"name": …, "arguments": …}``.

    The functions drawn from are those of the environment's current task. Under a vector
    environment, ``sample`` works on a copy made when the environment was constructed: pass the
    functions of each environment as ``mask`` there, ``env.get_attr("functions")``.

    Args:
        functions: Function schemas in OpenAI's form; replaced at each reset.
        seed: Seed of the space's own random generator.
    """

    def __init__(
        self,
        functions: Sequence[dict[str, JsonValue]] = (),
        seed: int | np.random.Generator | None = None,
    ) -> None:
        super().__init__(seed)
        self.functions = functions

    def sample(self, mask: Any = None, probability: Any = None) -> str:
        """A call that fits its function's schema.

        Args:
            mask: Function schemas to draw from in place of the current task's.
            probability: Ignored.
        """
        functions = self.functions if mask is None else mask
        if not functions:
            return super().sample()
        function: Any = functions[int(self.np_random.integers(len(functions)))]
        schema: dict[str, Any] = function.get("function", function)  # ToolBench's are bare
        parameters: dict[str, Any] = schema.get("parameters") or {}
        arguments = _draw_valid(self.np_random, parameters)
        if schema["name"] == FINISH and isinstance(arguments, dict):
            arguments.setdefault("final_answer", "")
        return render({"name": schema["name"], "arguments": arguments})


@create_shared_memory.register(AnyText)
def _refuse_shared_memory(space: AnyText, n: int = 1, ctx: Any = None) -> NoReturn:
    raise CustomSpaceError(
        "Gymnasium's shared memory returns stale garbage for text observations. Pass "
        "shared_memory=False: AsyncVectorEnv(env_fns, shared_memory=False), or "
        'make_vec(..., vectorization_mode="async", vector_kwargs={"shared_memory": False}).'
    )


def _draw_valid(rng: np.random.Generator, schema: dict[str, Any]) -> JsonValue:
    root = {"type": "object", **schema}
    root.pop("optional", None)  # ToolBench's own word
    root["required"] = [name for name in schema.get("required", ()) if name]
    value: JsonValue = None
    for _ in range(_ATTEMPTS):
        value = _draw(rng, root, root, depth=0)
        if _fits(value, root):
            break
    return value


def _fits(value: JsonValue, schema: dict[str, Any]) -> bool:
    try:
        return is_valid(schema, value)
    except ValueError:  # the source's schema is none, or refers to what is not here
        return False


def _draw(
    rng: np.random.Generator, schema: dict[str, Any] | bool, root: dict[str, Any], depth: int
) -> JsonValue:
    """Draw a value that fits the common part of JSON Schema; patterns are left to luck."""
    if not isinstance(schema, dict):
        return ""
    if "const" in schema:
        return schema["const"]  # type: ignore[no-any-return]
    if isinstance(schema.get("$ref"), str):
        return _draw(rng, _target(schema, root), root, depth)
    suggested = [schema["default"]] if "default" in schema and rng.random() < 0.3 else []
    if not suggested and isinstance(schema.get("examples"), list) and rng.random() < 0.5:
        suggested = schema["examples"]
    if suggested:
        value: JsonValue = suggested[int(rng.integers(len(suggested)))]
        if _fits(value, schema):  # documented values often do not
            return value
    if schema.get("enum"):
        return schema["enum"][int(rng.integers(len(schema["enum"])))]  # type: ignore[no-any-return]
    for combined in ("anyOf", "oneOf"):
        if schema.get(combined):
            option = schema[combined][int(rng.integers(len(schema[combined])))]
            beside = {key: schema[key] for key in schema if key != combined}
            return _draw(rng, _both(beside, option), root, depth)
    if schema.get("allOf"):
        whole = {key: schema[key] for key in schema if key != "allOf"}
        for part in schema["allOf"]:
            whole = _both(whole, _target(part, root))
        return _draw(rng, whole, root, depth)
    kind = schema.get("type", "object" if "properties" in schema else "string")
    if isinstance(kind, list):
        kind = kind[int(rng.integers(len(kind)))]
    match kind:
        case "integer" | "number":
            return _draw_number(rng, schema, whole=kind == "integer" or rng.random() < 0.5)
        case "boolean":
            return bool(rng.integers(2))
        case "array":
            return _draw_array(rng, schema, root, depth)
        case "object":
            return _draw_object(rng, schema, root, depth)
        case "null":
            return None
        case _:
            least = int(schema.get("minLength", 1))
            most = int(schema.get("maxLength", least + 8))
            letters = rng.integers(26, size=int(rng.integers(min(least, most), most + 1)))
            return "".join(string.ascii_lowercase[index] for index in letters)


def _draw_number(rng: np.random.Generator, schema: dict[str, Any], *, whole: bool) -> JsonValue:
    """A number within its bounds, on the grid of ``multipleOf``, of 1 or of 0.001."""
    unit: float = schema.get("multipleOf", 1 if whole else 0.001)
    lows = [schema[key] for key in ("minimum", "exclusiveMinimum") if key in schema]
    highs = [schema[key] for key in ("maximum", "exclusiveMaximum") if key in schema]
    low: float = max(lows) if lows else min(0, min(highs) - 100) if highs else 0
    high: float = min(highs) if highs else low + 100
    first, last = math.ceil(low / unit), math.floor(high / unit)
    if first * unit == schema.get("exclusiveMinimum"):
        first += 1
    if last * unit == schema.get("exclusiveMaximum"):
        last -= 1
    if last < first:
        return float(rng.uniform(low, high))
    drawn = (first + int(rng.integers(min(last - first, 1 << 31) + 1))) * unit
    return drawn if isinstance(drawn, int) else int(drawn) if whole else round(drawn, 9)


def _draw_array(
    rng: np.random.Generator, schema: dict[str, Any], root: dict[str, Any], depth: int
) -> JsonValue:
    ahead: list[Any] = schema.get("prefixItems", [])
    least = int(schema.get("minItems", len(ahead)))
    most = int(schema.get("maxItems", least + 3))
    count = int(rng.integers(least, max(most, least) + 1)) if depth < _DEPTH else least
    drawn: list[JsonValue] = []
    for index in range(count):
        inner = ahead[index] if index < len(ahead) else schema.get("items", {})
        value = _draw(rng, inner, root, depth + 1)
        for _ in range(_ATTEMPTS if schema.get("uniqueItems") else 0):
            if value not in drawn:
                break
            value = _draw(rng, inner, root, depth + 1)
        drawn.append(value)
    return drawn


def _draw_object(
    rng: np.random.Generator, schema: dict[str, Any], root: dict[str, Any], depth: int
) -> JsonValue:
    properties: dict[str, Any] = schema.get("properties", {})
    required = dict.fromkeys(schema.get("required", ()))
    drawn = {
        name: _draw(rng, inner, root, depth + 1)
        for name, inner in properties.items()
        if name in required or (depth < _DEPTH and rng.random() < 0.5)
    }
    other = schema.get("additionalProperties", {})
    unlisted = [name for name in required if name not in properties]
    unlisted += [f"key{number}" for number in range(schema.get("minProperties", 0) - len(drawn))]
    return {**drawn, **{name: _draw(rng, other, root, depth + 1) for name in unlisted}}


def _target(schema: Any, root: dict[str, Any]) -> Any:
    """What a reference within the function's own schema refers to, with what stands beside it."""
    reference = schema.get("$ref") if isinstance(schema, dict) else None
    if not isinstance(reference, str):
        return schema
    target: Any = root
    for part in reference.removeprefix("#").strip("/").split("/"):
        target = target.get(part, {}) if isinstance(target, dict) and part else target
    return _both({key: schema[key] for key in schema if key != "$ref"}, target)


def _both(one: dict[str, Any], other: Any) -> dict[str, Any]:
    """A schema that asks for what both ask for, as far as they do not name the same keywords."""
    if not isinstance(other, dict):
        return one
    both = {**one, **other}
    if "properties" in one and "properties" in other:
        both["properties"] = {**one["properties"], **other["properties"]}
    if "required" in one and "required" in other:
        both["required"] = [*one["required"], *other["required"]]
    return both
