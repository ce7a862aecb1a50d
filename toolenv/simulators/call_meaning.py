"""How near calls are in meaning: the angle between the vectors of their arguments."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from toolenv.apis import Identity
from toolenv.errors import ConfigurationError
from toolenv.jsontext import JsonValue, render_sorted
from toolenv.simulators.recorded_calls import RecordedCall

if TYPE_CHECKING:
    from toolenv.retrieval.encoders import TextEncoder
    from toolenv.retrieval.vectors import VectorIndex

__all__ = ["ByMeaning", "CallDistances", "distances_by"]

_APIS_IN_MEMORY = 128


class CallDistances(Protocol):
    """How far recorded calls of an API are from a call's arguments."""

    @property
    def fingerprint(self) -> str:
        """What the distances depend on."""
        ...

    def of(
        self,
        identity: Identity,
        arguments: dict[str, JsonValue],
        known: Sequence[RecordedCall],
    ) -> list[float]:
        """The distance of each recorded call: 0 for equal arguments, at most 1."""
        ...


class ByMeaning:
    """One less the cosine of the arguments' vectors; those of an API are indexed when first asked.

    Args:
        encoder: Makes the vectors.
    """

    def __init__(self, encoder: TextEncoder) -> None:
        self.encoder = encoder
        self._lock = threading.Lock()
        self._indexes: OrderedDict[tuple[bytes, ...], VectorIndex] = OrderedDict()

    @property
    def fingerprint(self) -> str:
        """The model's digest."""
        return f"meaning 1 {self.encoder.digest}"

    def of(
        self,
        identity: Identity,
        arguments: dict[str, JsonValue],
        known: Sequence[RecordedCall],
    ) -> list[float]:
        """See ``CallDistances``."""
        if not known:
            return []
        cosines = self._index(known).scores(self.encoder.encode([_text(arguments)]))[0]
        return [
            0.0 if one.arguments == arguments else min(1.0, max(0.0, 1 - float(cosine)))
            for one, cosine in zip(known, cosines, strict=True)
        ]

    def _index(self, known: Sequence[RecordedCall]) -> VectorIndex:
        from toolenv.retrieval.vectors import VectorIndex

        key = tuple(one.key for one in known)
        with self._lock:
            found = self._indexes.get(key)
            if found is None:
                texts = [_text(one.arguments) for one in known]
                found = self._indexes[key] = VectorIndex(self.encoder.encode(texts))
                while len(self._indexes) > _APIS_IN_MEMORY:
                    self._indexes.popitem(last=False)
            self._indexes.move_to_end(key)
            return found


def distances_by(name: str) -> CallDistances | None:
    """The distances that an option names: ``meaning``; None for those by ``arguments``.

    Raises:
        ConfigurationError: There are no such distances, or no model.
    """
    if name == "arguments":
        return None
    if name != "meaning":
        raise ConfigurationError(f"It is {name!r}.", where="by", fix="Use arguments or meaning.")
    from toolenv.retrieval.encoders import SentenceEncoder

    return ByMeaning(SentenceEncoder())


def _text(arguments: dict[str, JsonValue]) -> str:
    """Arguments as a text, in an order of their own."""
    return ", ".join(
        f"{name}: {value if isinstance(value, str) else render_sorted(value)}"
        for name, value in sorted(arguments.items())
    )
