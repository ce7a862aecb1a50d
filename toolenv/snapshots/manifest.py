"""What a snapshot says of itself."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from toolenv.snapshots.key import KEY_VERSION

__all__ = ["SNAPSHOT_VERSION", "Manifest"]

SNAPSHOT_VERSION = 1


class Manifest(BaseModel):
    """What a snapshot says of itself.

    Args:
        version: Version of the file's layout.
        key_version: Version of the keys.
        digest: Digest of the records, 32 hexadecimal digits.
        responses: How many responses it holds.
        calls: How many different calls they answer.
        apis: Of how many APIs.
        recordings: How many responses each recording gave.
        origins: How many responses each origin gave.
        completeness: How many responses are whole, truncated, unparsable.
        recorded_from: Time of the earliest response; empty where unknown.
        recorded_to: Time of the latest.
        notes: Whatever its makers want to say: licence, purpose.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    version: int = SNAPSHOT_VERSION
    key_version: int = KEY_VERSION
    digest: str
    responses: int
    calls: int
    apis: int
    recordings: dict[str, int]
    origins: dict[str, int]
    completeness: dict[str, int]
    recorded_from: str = ""
    recorded_to: str = ""
    notes: str = ""
