"""Run configurations from files and from flags that override them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toolenv.running.configuration import RunConfiguration
from toolenv.settings import check_settings, read_settings

__all__ = ["configure", "read_configuration"]


def configure(values: Mapping[str, Any], file: Path | str | None = None) -> RunConfiguration:
    """A configuration from options by name.

    Args:
        values: Options; those that are left out have their defaults.
        file: Where they come from, for errors.

    Raises:
        ConfigurationError: An option is unknown, and the nearest known one is named, or a value
            does not fit.

    Example:
        >>> configure({"polices": ["random"]})
        Traceback (most recent call last):
            ...
        toolenv.errors.ConfigurationError: polices: There is no such setting. Did you mean policies?
    """
    return check_settings(RunConfiguration, values, file)


def read_configuration(path: Path | str | None, flags: Mapping[str, Any]) -> RunConfiguration:
    """A configuration from a file and from flags, which win.

    Args:
        path: The file, TOML, YAML or JSON; None for none.
        flags: Options by name; None and empty lists are left to the file.

    Raises:
        ConfigurationError: The file cannot be read, or an option cannot be used.
    """
    values = read_settings(path) if path else {}
    given = {name: value for name, value in flags.items() if value not in (None, [])}
    return check_settings(RunConfiguration, {**values, **given}, path, flags=given)
