"""The options that specifications of live simulators have in common, read from their text."""

from __future__ import annotations

from typing import Any, Final

from toolenv.errors import ConfigurationError
from toolenv.simulators.web_messages import WebLimits

__all__ = ["take_number", "web_options"]

_SECONDS: Final = {"timeout": "total", "connect": "connect", "per_second": "per_second"}
_COUNTS: Final = ("size", "attempts", "in_flight", "calls")
_LISTS: Final = ("allow_private", "safe_to_repeat")


def web_options(options: dict[str, Any]) -> dict[str, Any]:
    """Take the common options out of those given.

    ``timeout`` (seconds for an attempt), ``connect``, ``per_second``, ``size`` (bytes),
    ``attempts``, ``in_flight`` and ``calls`` become limits; ``allow_private`` and
    ``safe_to_repeat`` are lists with commas.

    Args:
        options: By name; what is taken is removed.

    Returns:
        Arguments for the simulator: ``limits`` and the lists that were given.

    Raises:
        ConfigurationError: A number is none, or not above 0.

    Example:
        >>> web_options({"timeout": "5", "allow_private": "localhost"})["limits"].total
        5.0
    """
    found: dict[str, Any] = {}
    for name, field in _SECONDS.items():
        number = take_number(options, name)
        if number is not None:
            found[field] = number
    for name in _COUNTS:
        number = take_number(options, name)
        if number is not None:
            if not number.is_integer():
                raise ConfigurationError(f"{number} is no whole number.", where=name)
            found[name] = int(number)
    arguments: dict[str, Any] = {"limits": WebLimits()._replace(**found)}
    for name in _LISTS:
        if name in options:
            arguments[name] = [one for one in str(options.pop(name)).split(",") if one]
    return arguments


def take_number(options: dict[str, Any], name: str) -> float | None:
    """Take a number above 0 out of options; None where it is not given.

    Raises:
        ConfigurationError: It is no number, or not above 0.
    """
    if name not in options:
        return None
    text = options.pop(name)
    try:
        number = float(text)
    except (TypeError, ValueError):
        raise ConfigurationError(f"{text!r} is no number.", where=name) from None
    if not 0 < number < float("inf"):
        raise ConfigurationError(f"{text} is not a number above 0.", where=name)
    return number
