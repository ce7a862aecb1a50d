"""Text spaces that any Unicode text fits, and an action space that draws valid calls.

Gymnasium's ``Text`` holds a text character by character against a charset, and its shared memory
returns stale text without an error. ``AnyText`` contains every ``str`` at the cost of a type check
and refuses shared memory by name; ``CallSpace`` draws calls that fit the current task's functions,
so that a random agent is a baseline and a fuzzer.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
from gymnasium.error import CustomSpaceError
from gymnasium.spaces import Text
from gymnasium.vector.utils import create_shared_memory
from jsonschema_rs import validator_for

from toolenv.apis import FINISH
from toolenv.jsontext import JsonValue, render

__all__ = ["AnyText", "CallSpace"]

_MAX_LENGTH = 1 << 20
_SAMPLE_LENGTH = 32
_ATTEMPTS = 8


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
        schema: Any = functions[int(self.np_random.integers(len(functions)))]["function"]
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
    validator = validator_for({key: schema[key] for key in schema if key != "optional"})
    value: JsonValue = None
    for _ in range(_ATTEMPTS):
        value = _draw(rng, schema, depth=0)
        if validator.is_valid(value):
            break
    return value


def _draw(rng: np.random.Generator, schema: dict[str, Any], depth: int) -> JsonValue:
    """Draw a value that fits the common part of JSON Schema; patterns are left to luck."""
    for chosen in ("const", "default"):
        if chosen in schema and (chosen == "const" or rng.random() < 0.3):
            return schema[chosen]  # type: ignore[no-any-return]
    for listed, share in (("enum", 1.0), ("examples", 0.5)):
        if schema.get(listed) and rng.random() < share:
            options = schema[listed]
            return options[int(rng.integers(len(options)))]  # type: ignore[no-any-return]
    for combined in ("anyOf", "oneOf"):
        if schema.get(combined):
            options = schema[combined]
            return _draw(rng, options[int(rng.integers(len(options)))], depth)
    kind = schema.get("type", "object" if "properties" in schema else "string")
    if isinstance(kind, list):
        kind = kind[int(rng.integers(len(kind)))]
    match kind:
        case "integer" | "number":
            low: float = schema.get("minimum", schema.get("exclusiveMinimum", 0))
            high: float = schema.get("maximum", schema.get("exclusiveMaximum", low + 100))
            if kind == "integer" or rng.random() < 0.5:
                return int(rng.integers(int(np.ceil(low)), max(int(high), int(np.ceil(low))) + 1))
            return round(float(rng.uniform(low, high)), 3)
        case "boolean":
            return bool(rng.integers(2))
        case "array":
            least = int(schema.get("minItems", 0))
            most = int(schema.get("maxItems", least + 3))
            count = int(rng.integers(least, most + 1)) if depth < 4 else least
            return [_draw(rng, schema.get("items", {}), depth + 1) for _ in range(count)]
        case "object":
            required = set(schema.get("required", ()))
            return {
                name: _draw(rng, inner, depth + 1)
                for name, inner in schema.get("properties", {}).items()
                if name in required or (depth < 4 and rng.random() < 0.5)
            }
        case "null":
            return None
        case _:
            least = int(schema.get("minLength", 1))
            most = int(schema.get("maxLength", least + 8))
            letters = rng.integers(26, size=int(rng.integers(least, most + 1)))
            return "".join(string.ascii_lowercase[index] for index in letters)
