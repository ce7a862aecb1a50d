"""What a snapshot says of itself."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from toolenv.snapshots.canonical import CANONICAL_VERSION
from toolenv.snapshots.key import KEY_VERSION

__all__ = ["SNAPSHOT_VERSION", "Manifest"]

SNAPSHOT_VERSION = 2


class Manifest(BaseModel):
    """What a snapshot says of itself.

    Args:
        version: Version of the file's layout.
        key_version: Version of the exact keys.
        canonical_version: Version of the canonical keys.
        digest: Digest of the records, 32 hexadecimal digits.
        responses: How many responses it holds.
        calls: How many different calls they answer.
        apis: Of how many APIs.
        recordings: How many responses each recording gave.
        origins: How many responses each origin gave.
        completeness: How many responses are whole, truncated, unparsable.
        success: How many responses are successes and errors, and how many do not tell; see
            ``toolenv.snapshots.success``.
        canonical: How many responses have a canonical key.
        recorded_from: Time of the earliest response; empty where unknown.
        recorded_to: Time of the latest.
        documents: Digest of the API documentation that the canonical keys were made from; empty
            where it is unknown, or was that of several sources.
        licence: The licence of the responses.
        notes: Whatever its makers want to say.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    version: int = SNAPSHOT_VERSION
    key_version: int = KEY_VERSION
    canonical_version: int = CANONICAL_VERSION
    digest: str
    responses: int
    calls: int
    apis: int
    recordings: dict[str, int]
    origins: dict[str, int]
    completeness: dict[str, int]
    success: dict[str, int]
    canonical: int
    recorded_from: str = ""
    recorded_to: str = ""
    documents: str = ""
    licence: str = ""
    notes: str = ""
