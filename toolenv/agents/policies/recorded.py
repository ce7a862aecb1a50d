"""A policy whose completions are recorded, and replayed without asking it again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from toolenv.actions import read_arguments
from toolenv.agents.base import Policy
from toolenv.apis import Identity
from toolenv.episodes import Message, Response, Status
from toolenv.errors import PolicyError
from toolenv.jsontext import JsonValue, parse, render, render_sorted
from toolenv.message_records import message_record, read_message
from toolenv.snapshots.key import exact_key
from toolenv.snapshots.records import Recorded, Recordings
from toolenv.snapshots.store import Store

__all__ = ["COMPLETION", "RecordedPolicy"]

COMPLETION = Identity("completion_for_policy", "Policy", "policy", "completion")
"""What recorded completions are filed under."""


class RecordedPolicy:
    """Gives the recorded completion of an equal request, and asks only where there is none.

    Requests are equal if messages, functions, seed and the policy's fingerprint are. So a whole run
    replays without a server or a key, and a wider search begins with the recorded completions of
    a ReACT run even where a server samples anew for an equal seed. What was consumed is kept
    with the message: a replayed run costs what the recorded one did.

    Args:
        policy: What is asked.
        recordings: A store, which new completions are written to, or a snapshot, beyond which
            nothing is asked.

    Attributes:
        replay_only: Whether nothing is asked; always so of a snapshot, and of a store if set.

    Raises:
        PolicyError: When called: the completion is lacking and nothing is asked, or a record is
            none.
    """

    def __init__(self, policy: Policy, recordings: Recordings) -> None:
        self.policy = policy
        self.recordings = recordings
        self.replay_only = not isinstance(recordings, Store)

    @property
    def name(self) -> str:
        """The policy's own name: recording changes nothing that it says."""
        return self.policy.name

    @name.setter
    def name(self, name: str) -> None:
        self.policy.name = name

    @property
    def fingerprint(self) -> str:
        """The policy's own."""
        return self.policy.fingerprint

    async def __call__(
        self,
        messages: Sequence[dict[str, JsonValue]],
        functions: Sequence[dict[str, JsonValue]],
        *,
        seed: int,
    ) -> Message:
        """The recorded message, else the policy's, which is then recorded."""
        arguments = self._arguments(messages, functions, seed)
        key = exact_key(COMPLETION.function, read_arguments(arguments)[0], arguments)
        found = self.recordings.lookup(COMPLETION, key)
        if found:
            return _read(found[0])
        if self.replay_only or not isinstance(self.recordings, Store):
            raise PolicyError(
                "No completion is recorded for this request.",
                where=self.name,
                fix="Record completions to a store, or run exactly what was recorded.",
            )
        message = await self.policy(messages, functions, seed=seed)
        text = render(message_record(message))
        record = Recorded(COMPLETION, arguments, Response(text, Status.OK, "store", "live"))
        await self.recordings.aadd(record)
        return message

    def _arguments(
        self,
        messages: Sequence[dict[str, JsonValue]],
        functions: Sequence[dict[str, JsonValue]],
        seed: int,
    ) -> str:
        """What names the request: its digest, since whole conversations would be stored again."""
        request = render_sorted([list(messages), list(functions)])
        digest = hashlib.blake2b(request.encode("utf-8", "surrogatepass"), digest_size=16)
        return render(
            {"policy": self.fingerprint, "request": digest.hexdigest(), "seed": str(seed)}
        )


def _read(response: Response) -> Message:
    try:
        record = parse(response.text)
        if not isinstance(record, dict):
            raise TypeError("no object")
        return read_message(record)
    except (ValueError, KeyError, TypeError) as error:
        raise PolicyError(f"A recorded completion cannot be read: {error}.") from error
