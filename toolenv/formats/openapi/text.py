"""The text of a description, JSON or YAML, as JSON values; hostile text is refused before it grows.

YAML is read by the rules of its version 1.2, as OpenAPI recommends: ``no`` and ``on`` are text,
dates are text, every key is text as written, and a key given twice is an error.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Final

from toolenv.errors import ConfigurationError, FormatError
from toolenv.formats.files import read_text
from toolenv.jsontext import JsonValue, parse

__all__ = ["LONGEST", "read_value", "value_of"]

LONGEST: Final = 32 << 20
"""The largest file that is read, in bytes."""

_DEEPEST: Final = 200
_MOST_VALUES: Final = 2_000_000


def read_value(path: Path) -> JsonValue:
    """Read a JSON or YAML file.

    Raises:
        FormatError: There is no such file, it is too large, or it is neither JSON nor YAML.
    """
    try:
        size = path.stat().st_size
    except (OSError, ValueError):
        size = 0  # reading it says what is wrong
    if size > LONGEST:
        raise FormatError(
            f"The file has {size:,} bytes; descriptions of up to {LONGEST:,} bytes are read.",
            where=str(path),
            fix="Take out the paths and components that you do not need.",
        )
    return value_of(read_text(path), str(path))


def value_of(text: str, where: str) -> JsonValue:
    """The JSON value that JSON or YAML text says.

    Args:
        text: The text.
        where: How messages name it.

    Raises:
        FormatError: It is neither, is nested too deeply, or its aliases make too much of it.

    Example:
        >>> value_of("responses: {200: {description: no}}", "here")
        {'responses': {'200': {'description': 'no'}}}
    """
    if not text.strip():
        raise FormatError("The file is empty.", where=where, fix="Fetch it again.")
    if text.lstrip()[:1] in ("{", "["):
        try:
            return parse(text)
        except ValueError as error:
            problem = str(error)
        try:  # YAML may begin with a brace as well
            return _yaml_value(text, where)
        except FormatError:
            raise FormatError(
                f"The file is not JSON: {problem}.",
                where=where,
                fix="It may have been cut while it was written or fetched: fetch it again.",
            ) from None
    return _yaml_value(text, where)


def _yaml_value(text: str, where: str) -> JsonValue:
    try:
        import yaml
    except ImportError:
        raise ConfigurationError(
            "Reading YAML needs a library that is not installed.",
            where=where,
            fix="Install it: pip install 'toolenv[openapi]'.",
        ) from None
    fix = "Mend the file there, or fetch it again."
    try:
        depth = 0
        for event in yaml.parse(text, Loader=_loader()):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > _DEEPEST:
                    raise FormatError(f"It is nested deeper than {_DEEPEST} levels.", where=where)
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
        value: JsonValue = yaml.load(text, Loader=_loader())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{where}:{mark.line + 1}:{mark.column + 1}" if mark else where
        reason = " ".join((error.problem or error.context or str(error)).split())
        raise FormatError(f"The file is not YAML: {reason}.", where=place, fix=fix) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise FormatError(f"The file is not YAML: {reason}.", where=where, fix=fix) from None
    try:
        _, depth = _measure(value, {}, where)
    except RecursionError:
        depth = _DEEPEST + 1
    if depth > _DEEPEST:
        raise FormatError(
            f"With its aliases written out, it is nested deeper than {_DEEPEST} levels.",
            where=where,
            fix="Use $ref instead of YAML aliases.",
        )
    return value


def _measure(value: object, known: dict[int, tuple[int, int]], where: str) -> tuple[int, int]:
    """How many values there are, and how deep, with every alias written out; each seen once."""
    if not isinstance(value, dict | list):
        return 1, 0
    found = known.get(id(value))
    if found is None:
        children = value.values() if isinstance(value, dict) else value
        size, depth = 1, 0
        for child in children:
            more, deeper = _measure(child, known, where)
            size += more
            depth = max(depth, deeper)
        found = known[id(value)] = (size, depth + 1)
    if found[0] > _MOST_VALUES:
        raise FormatError(
            f"With its aliases written out, the file has more than {_MOST_VALUES:,} values.",
            where=where,
            fix="Use $ref instead of YAML aliases.",
        )
    return found


@cache
def _loader() -> type[Any]:
    """A safe loader by the rules of YAML 1.2's core schema."""
    import re

    import yaml

    base: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc]  # one of two classes, as the platform has them
        yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}
        yaml_constructors: ClassVar[dict[str, Any]] = {**base.yaml_constructors}

    for name, pattern, first in (
        ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
        ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
        ("int", r"[-+]?[0-9]+", list("-+0123456789")),
        ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
        ("merge", "<<", ["<"]),
    ):
        Loader.add_implicit_resolver(
            f"tag:yaml.org,2002:{name}", re.compile(rf"^(?:{pattern})$"), first
        )

    def mapping(loader: Any, node: Any) -> dict[str, JsonValue]:
        if not isinstance(node, yaml.MappingNode):
            raise yaml.constructor.ConstructorError(
                None, None, "expected a mapping", node.start_mark
            )
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(
                    None, None, "a key is not text", key.start_mark
                )
            if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} is given twice", key.start_mark
                )
            seen.add(key.value)
        loader.flatten_mapping(node)
        # Each key once, the last, so that merging what was merged does not multiply.
        node.value = list({key.value: (key, value) for key, value in node.value}.values())
        return {key.value: loader.construct_object(value, True) for key, value in node.value}

    def whole(loader: Any, node: Any) -> int:
        return int(loader.construct_scalar(node))

    def sequence(loader: Any, node: Any) -> list[JsonValue]:
        found: list[JsonValue] = loader.construct_sequence(node, True)
        return found

    Loader.add_constructor("tag:yaml.org,2002:map", mapping)
    Loader.add_constructor("tag:yaml.org,2002:seq", sequence)
    Loader.add_constructor("tag:yaml.org,2002:int", whole)
    for tag in ("timestamp", "binary", "set", "omap", "pairs"):
        Loader.yaml_constructors.pop(f"tag:yaml.org,2002:{tag}", None)
    return Loader
