"""What tests of policies behind servers share: what is said to them, and what they hear."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.chat.scripted_server import Reply, chat_server
from toolenv import bridge
from toolenv.agents import OpenAIPolicy
from toolenv.conversations import opening
from toolenv.episodes import Message
from toolenv.jsontext import JsonValue
from toolenv.mini import mini_tasks

TASK = mini_tasks()[0]

__all__ = ["TASK", "no_proxy", "said", "say"]


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def say(
    policy: OpenAIPolicy,
    messages: Sequence[dict[str, JsonValue]] | None = None,
    functions: Sequence[dict[str, JsonValue]] = TASK.functions,
    *,
    seed: int = 3,
) -> Message:
    """What a policy says to a conversation, by default the beginning of a task's."""
    spoken = opening(TASK.instruction) if messages is None else messages

    async def asked() -> Message:
        return await policy(spoken, functions, seed=seed)

    return bridge.run(asked())


def said(reply: Reply | dict[str, Any], **options: Any) -> Message:
    """What a policy says where its server replies so."""
    with chat_server([reply]) as server:
        return say(OpenAIPolicy("m", base_url=server.url, **options))
