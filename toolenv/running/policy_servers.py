"""The servers that a run's policies ask, and the places at each, shared by all that ask it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import urlsplit

from toolenv.agents.base import Policy
from toolenv.agents.policies import RecordedPolicy
from toolenv.chat import ChatClient
from toolenv.episodes import Message
from toolenv.errors import ConfigurationError
from toolenv.jsontext import JsonValue
from toolenv.places import Places

__all__ = ["LimitedPolicy", "address_of", "endpoints", "share_places"]


class LimitedPolicy:
    """A policy that is asked only so often at a time, where it has no client that sees to that.

    Args:
        policy: What is asked.
        places: The places at its server.
    """

    def __init__(self, policy: Policy, places: Places) -> None:
        self.policy = policy
        self.name = policy.name
        self.places = places

    @property
    def fingerprint(self) -> str:
        """The policy's own: waiting changes nothing that it says."""
        return self.policy.fingerprint

    async def __call__(
        self,
        messages: Sequence[dict[str, JsonValue]],
        functions: Sequence[dict[str, JsonValue]],
        *,
        seed: int,
    ) -> Message:
        """The policy's message, once there is a place."""
        async with self.places.place():
            return await self.policy(messages, functions, seed=seed)


def address_of(policy: object) -> str | None:
    """The server that a policy asks, without what else is in its address; None where it has none.

    Example:
        >>> from toolenv.agents import OpenAIPolicy
        >>> address_of(OpenAIPolicy("m", base_url="http://127.0.0.1:8000/v1"))
        '127.0.0.1:8000'
    """
    if not hasattr(policy, "base_url"):
        return None
    address = urlsplit(policy.base_url or "")
    port = f":{address.port}" if address.port else ""
    return f"{address.hostname or 'the default of its client'}{port}"


def endpoints(policies: Iterable[Policy]) -> dict[str, str]:
    """The servers that policies ask, by policy; nothing is asked that a snapshot replays."""
    found: dict[str, str] = {}
    for policy in policies:
        if isinstance(policy, RecordedPolicy) and policy.replay_only:
            continue
        asked: object = policy
        while isinstance(asked, RecordedPolicy | LimitedPolicy):
            asked = asked.policy
        address = address_of(asked)
        if address is not None:
            found[policy.name] = address
    return found


def share_places(
    policies: Sequence[Policy], limits: int | Mapping[str, int] | None
) -> tuple[list[Policy], dict[str, Places]]:
    """Give each policy server its places.

    Args:
        policies: Policies, each of them as it asks.
        limits: Requests under way at each server, or by server; None for no limit, until a server
            answers "too many requests".

    Returns:
        The policies, and the places by server: its address, or the policy's name where that has
        none.

    Raises:
        ConfigurationError: A limit is given for a server that no policy asks.
    """
    by_server: dict[str, Places] = {}
    shared: list[Policy] = []
    for policy in policies:
        server = address_of(policy) or policy.name
        limit = limits.get(server) if isinstance(limits, Mapping) else limits
        client = getattr(policy, "client", None)
        if isinstance(client, ChatClient):
            client.share(by_server.setdefault(server, Places(limit)))
        elif limit is not None:  # without one, nothing tells how such a policy is taken
            policy = LimitedPolicy(policy, by_server.setdefault(server, Places(limit)))
        shared.append(policy)
    if isinstance(limits, Mapping):
        unknown = sorted(set(limits) - set(by_server))
        if unknown:
            raise ConfigurationError(
                f"No policy asks {', '.join(unknown)}.",
                where="policy_concurrency",
                fix=f"The servers are {', '.join(sorted(by_server)) or 'none'}.",
            )
    return shared, by_server
