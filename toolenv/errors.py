"""The exceptions of toolenv: each says what was wrong, where, and what to do about it."""

from __future__ import annotations

__all__ = [
    "ActionError",
    "BridgeError",
    "CheckError",
    "ConfigurationError",
    "EpisodeError",
    "ForkRefusedError",
    "FormatError",
    "JournalError",
    "PolicyError",
    "RetrievalError",
    "SimulatorError",
    "SnapshotError",
    "StoreError",
    "ToolenvError",
]


class ToolenvError(Exception):
    """Base class of every exception that toolenv raises on purpose.

    Args:
        what: What was wrong, as a sentence.
        where: The file, row, field or option it was found in; empty when the caller knows.
        fix: What to do about it; empty when there is nothing better than what ``what`` says.

    Example:
        >>> print(ToolenvError("The query is empty.", where="tasks.json[3].query", fix="Fill it."))
        tasks.json[3].query: The query is empty. Fill it.
    """

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        super().__init__(what, where, fix)
        self.what = what
        self.where = where
        self.fix = fix

    def __str__(self) -> str:
        located = f"{self.where}: {self.what}" if self.where else self.what
        return f"{located} {self.fix}" if self.fix else located

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.what, self.where, self.fix)


def _rebuild(kind: type[ToolenvError], what: str, where: str, fix: str) -> ToolenvError:
    return kind(what, where=where, fix=fix)


class FormatError(ToolenvError):
    """A file or a record is not in the format that it claims."""


class ConfigurationError(ToolenvError):
    """An option, a specification string or a combination of them cannot be used."""


class ActionError(ToolenvError):
    """Text could not be read as an action; inside an episode this becomes an observation."""


class CheckError(ToolenvError):
    """A task's check cannot be applied."""


class EpisodeError(ToolenvError):
    """The environment was used out of order, such as ``step`` before ``reset``."""


class BridgeError(ToolenvError):
    """A coroutine could not be driven from synchronous code."""


class SimulatorError(ToolenvError):
    """A simulator failed for reasons of its own: infrastructure, not the policy's doing."""


class ForkRefusedError(SimulatorError):
    """A session cannot be forked at this point, because its state cannot be undone."""


class PolicyError(ToolenvError):
    """A policy could not produce a message."""


class RetrievalError(ToolenvError):
    """A retriever failed for reasons of its own: a model or its server, not the request."""


class StoreError(ToolenvError):
    """A recording store cannot be read or written."""


class SnapshotError(ToolenvError):
    """A snapshot cannot be opened, read or built."""


class JournalError(ToolenvError):
    """A run folder or its journal cannot be read or written."""
