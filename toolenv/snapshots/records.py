"""A recorded response, and the interface that stores and snapshots share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from toolenv.actions import read_arguments
from toolenv.apis import Identity
from toolenv.episodes import Episode, Response, Status, status_of
from toolenv.errors import StoreError
from toolenv.jsontext import parse, render
from toolenv.snapshots.canonical import Documentation
from toolenv.snapshots.key import exact_key

__all__ = ["Recorded", "Recordings", "decode", "documented", "encode", "records_of"]

_DIGITS = 32


class Recorded(NamedTuple):
    """One answer to one call.

    Args:
        identity: The API that was called, as far as the source knows it.
        arguments: The arguments' text as the caller wrote it.
        response: The answer, with its recording and ordinal.
        recorded_at: When, as ISO 8601 in UTC; empty where unknown.
        changes: Digest of what was changed at the tool before, hexadecimal; see ``Changes``.
        canonical: The canonical key of the call, hexadecimal; empty where the documentation is
            unknown, where the call has none, and for a refusal of how the arguments were written,
            which is no answer to the same call written otherwise.
    """

    identity: Identity
    arguments: str
    response: Response
    recorded_at: str = ""
    changes: str = ""
    canonical: str = ""

    @property
    def key(self) -> bytes:
        """The exact key of the call."""
        return exact_key(
            self.identity.function,
            read_arguments(self.arguments)[0],
            self.arguments,
            bytes.fromhex(self.changes),
        )

    @property
    def order(self) -> tuple[str, str, int, str]:
        """Earliest first; ties by recording, ordinal and content."""
        response = self.response
        return (self.recorded_at, response.recording, response.ordinal, response.text)


class Recordings(Protocol):
    """What answers look-ups: a store that still grows, or a frozen snapshot."""

    @property
    def fingerprint(self) -> str:
        """A digest of what it holds, or of where it is while it still grows."""
        ...

    def lookup(self, identity: Identity, key: bytes) -> Sequence[Response]:
        """All answers recorded for a call, in ``Recorded.order``; empty for none."""
        ...

    def lookup_canonical(self, identity: Identity, key: bytes) -> Sequence[Response]:
        """All answers to the calls with a canonical key, in ``Recorded.order``; empty for none."""
        ...

    def records(self) -> Iterator[Recorded]:
        """Everything it holds."""
        ...

    def close(self) -> None:
        """Release files; closing twice is harmless."""
        ...


def documented(record: Recorded, documents: Documentation) -> Recorded:
    """A record with its canonical key, where it has one and the documents know the API."""
    if record.response.status == Status.BAD_INPUT:
        return record
    arguments, _ = read_arguments(record.arguments)
    key = documents.canonical_key(record.identity, arguments, bytes.fromhex(record.changes))
    return record._replace(canonical=key.hex()) if key else record


def encode(record: Recorded) -> bytes:
    """A record as one JSON object in UTF-8; ``canonical_1`` is left out where it is empty."""
    identity, response = record.identity, record.response
    fields: dict[str, object] = {
        "version": 1,
        "function": identity.function,
        "category": identity.category,
        "tool": identity.tool,
        "api": identity.api,
        "arguments": record.arguments,
        "text": response.text,
        "status": int(response.status),
        "origin": response.origin,
        "completeness": response.completeness,
        "recording": response.recording,
        "ordinal": response.ordinal,
        "recorded_at": record.recorded_at,
        "changes": record.changes,
    }
    if record.canonical:
        fields["canonical_1"] = record.canonical
    return render(fields).encode()


def decode(value: bytes) -> Recorded:
    """Read what ``encode`` wrote.

    Raises:
        StoreError: It is something else, or of a newer version.
    """
    try:
        fields: Any = parse(value)
        if fields["version"] != 1:
            raise StoreError(
                f"A record is of version {fields['version']}; this toolenv reads version 1.",
                fix="Upgrade toolenv.",
            )
        canonical = fields.get("canonical_1", "")
        if len(bytes.fromhex(canonical)) * 2 not in (0, _DIGITS) or len(canonical) > _DIGITS:
            raise ValueError("a canonical key has 32 hexadecimal digits")
        return Recorded(
            Identity(fields["function"], fields["category"], fields["tool"], fields["api"]),
            fields["arguments"],
            Response(
                fields["text"],
                status_of(fields["status"]),
                "store",
                fields["origin"],
                fields["completeness"],
                fields["recording"],
                fields["ordinal"],
            ),
            fields["recorded_at"],
            fields["changes"],
            canonical,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"A record cannot be read: {error}.", fix="The file was not written by toolenv."
        ) from error


def records_of(episode: Episode, documents: Documentation | None = None) -> Iterator[Recorded]:
    """The recorded responses of an episode: every call that reached an API, in pre-order.

    Args:
        episode: The episode.
        documents: What is known of its APIs; by default what its task knows.
    """
    own = Documentation(episode.task.apis)
    for step in episode.steps:
        for call, response in zip(step.calls, step.responses, strict=True):
            if call.api is not None:
                record = Recorded(call.api, call.text, response)
                better = documented(record, documents) if documents is not None else record
                yield better if better.canonical else documented(record, own)
