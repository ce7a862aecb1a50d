"""The options of a simulated server as configuration files and the command line write them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from toolenv.errors import ConfigurationError
from toolenv.jsontext import JsonValue, parse
from toolenv.snapshots.snapshot import Snapshot

__all__ = ["read_options"]


def read_options(texts: dict[str, Any]) -> dict[str, Any]:
    """Read the options that are no texts; ``examples`` becomes the snapshot of that file.

    Raises:
        ConfigurationError: A value cannot be read, or ``examples`` is a store.
    """
    options = dict(texts)
    for name in options.keys() & _READERS.keys():
        try:
            options[name] = _READERS[name](options[name])
        except ValueError:
            raise ConfigurationError(
                f"{options[name]!r} cannot be read.", where=name, fix="See llm in the docs."
            ) from None
    path = options.get("examples")
    if path is not None and Path(path).is_dir():
        raise ConfigurationError(
            "Examples cannot come from a store, which grows while it is used.",
            where="examples",
            fix=f"Freeze it first: toolenv snapshot freeze {path} --out FILE.",
        )
    if path is not None:
        options["examples"] = Snapshot(path)
    return options


_FLAGS = {"": True, "1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


def _read_flag(text: str) -> bool:
    if text.lower() not in _FLAGS:
        raise ValueError(text)
    return _FLAGS[text.lower()]


def _read_object(text: str) -> dict[str, JsonValue]:
    value = parse(text)
    if not isinstance(value, dict):
        raise ValueError(text)
    return value


_READERS: dict[str, Callable[[str], Any]] = {
    "example_count": int,
    "repairs": int,
    "stateful": _read_flag,
    "temperature": float,
    "max_tokens": int,
    "seed": int,
    "timeout": float,
    "max_retries": int,
    "extra_body": _read_object,
}
