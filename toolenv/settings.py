"""Settings by name from files, TOML, YAML or JSON, checked by the model that they are for."""

from __future__ import annotations

import tomllib
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from toolenv.errors import ConfigurationError
from toolenv.jsontext import parse
from toolenv.suggestions import did_you_mean

__all__ = ["check_settings", "read_settings"]

Model = TypeVar("Model", bound=BaseModel)


def read_settings(path: Path | str) -> dict[str, Any]:
    """The settings that a file gives: ``.toml``, ``.yaml`` or ``.yml``, else JSON.

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
    except FileNotFoundError:
        raise ConfigurationError(
            "There is no such file.", where=str(path), fix="Check the path."
        ) from None
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"The file cannot be read: {' '.join(str(error).split())}.",
            where=str(path),
            fix=f"Give a {kind} file of settings by name.",
        ) from None
    if not isinstance(values, dict):
        raise ConfigurationError(
            f"The file holds a {type(values).__name__}, and no settings by name.", where=str(path)
        )
    return values


def check_settings(
    kind: type[Model],
    values: Mapping[str, Any],
    where: Path | str | None = None,
    *,
    flags: Container[str] = (),
) -> Model:
    """The model that settings are of, made of them.

    Args:
        kind: The model.
        values: Settings by name; those that are left out have their defaults.
        where: The file that they come from, for errors.
        flags: Those that do not come from there.

    Raises:
        ConfigurationError: A setting is unknown, and the nearest known one is named, or a value
            does not fit.
    """

    def place(name: object, *inner: object) -> str:
        path = ".".join(map(str, (name, *inner)))
        return f"{where}: {path}" if where and name not in flags else path

    unknown = next((name for name in values if name not in kind.model_fields), None)
    if unknown is not None:
        raise ConfigurationError(
            "There is no such setting.",
            where=place(unknown),
            fix=did_you_mean(unknown, kind.model_fields)
            or f"The settings are {', '.join(kind.model_fields)}.",
        )
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors()[0]
        wrong = place(*first["loc"]) if first["loc"] else str(where or "")
        problem = first["msg"].replace("valid tuple", "list, in brackets")
        raise ConfigurationError(f"{problem}.", where=wrong) from None


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
