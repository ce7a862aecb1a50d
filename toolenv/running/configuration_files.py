"""Run configurations from files, TOML, JSON or YAML, and from flags that override them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from toolenv.errors import ConfigurationError
from toolenv.jsontext import parse
from toolenv.running.configuration import RunConfiguration
from toolenv.simulators.wrapper_kinds import closest

__all__ = ["configure", "read_configuration", "read_options"]


def configure(values: Mapping[str, Any], where: str = "") -> RunConfiguration:
    """A configuration from options by name.

    Args:
        values: Options; those that are left out have their defaults.
        where: Where they come from, for errors.

    Raises:
        ConfigurationError: An option is unknown, and the nearest known one is named, or a value
            does not fit.

    Example:
        >>> configure({"polices": ["random"]})
        Traceback (most recent call last):
            ...
        toolenv.errors.ConfigurationError: polices: There is no such option. Did you mean policies?
    """
    unknown = next((name for name in values if name not in RunConfiguration.model_fields), None)
    if unknown is not None:
        raise ConfigurationError(
            "There is no such option.",
            where=f"{where}: {unknown}" if where else unknown,
            fix=closest(unknown, RunConfiguration.model_fields).strip()
            or f"The options are {', '.join(RunConfiguration.model_fields)}.",
        )
    try:
        return RunConfiguration.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors()[0]
        option = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(
            f"{first['msg']}.", where=f"{where}: {option}" if where else option
        ) from None


def read_configuration(path: Path | str | None, flags: Mapping[str, Any]) -> RunConfiguration:
    """A configuration from a file and from flags, which win.

    Args:
        path: The file; None for none.
        flags: Options by name; None and empty lists are left to the file.

    Raises:
        ConfigurationError: The file cannot be read, or an option cannot be used.
    """
    given = {name: value for name, value in flags.items() if value not in (None, [])}
    return configure({**(read_options(path) if path else {}), **given}, str(path or ""))


def read_options(path: Path | str) -> dict[str, Any]:
    """The options that a file gives: ``.toml``, ``.yaml`` or ``.yml``, else JSON.

    Raises:
        ConfigurationError: The file cannot be read or holds something else.
    """
    path = Path(path)
    kind = {".toml": "TOML", ".yaml": "YAML", ".yml": "YAML"}.get(path.suffix.lower(), "JSON")
    try:
        text = path.read_text("utf-8")
        values: Any
        if kind == "TOML":
            values = tomllib.loads(text)
        elif kind == "YAML":
            values = _parse_yaml(text)
        else:
            values = parse(text)
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"The file cannot be read: {' '.join(str(error).split())}.",
            where=str(path),
            fix=f"Give a {kind} file of run options.",
        ) from None
    if not isinstance(values, dict):
        raise ConfigurationError(
            f"The file holds a {type(values).__name__}, and no options by name.", where=str(path)
        )
    return values


def _parse_yaml(text: str) -> Any:
    try:
        import yaml
    except ImportError:
        raise ConfigurationError(
            "Reading YAML needs the package pyyaml.", fix="Install it, or write TOML or JSON."
        ) from None
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None
