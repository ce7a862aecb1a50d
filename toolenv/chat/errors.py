"""Why a chat-completions server gave no completion."""

from __future__ import annotations

from typing import Literal, TypeAlias

from toolenv.errors import ToolenvError

__all__ = ["ChatError", "ChatProblem"]

ChatProblem: TypeAlias = Literal[
    "timeout", "unreachable", "rate_limited", "refused", "redirected", "failed", "bad_reply"
]
"""``unreachable``: no connection, or one that broke. ``refused``: the server understood and said
no (other 4xx: a wrong key, an unknown model, too long a prompt). ``failed``: 5xx. ``bad_reply``: a
reply that is no completion, or is too large."""


class ChatError(ToolenvError):
    """A chat-completions server gave no completion.

    Args:
        what: What was wrong, as a sentence.
        where: The model and its server.
        fix: What to do about it.
        problem: What kind of failure it was.
    """

    def __init__(
        self, what: str, *, where: str = "", fix: str = "", problem: ChatProblem = "failed"
    ) -> None:
        super().__init__(what, where=where, fix=fix)
        self.problem: ChatProblem = problem

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (self.what, self.where, self.fix, self.problem)


def _rebuild(what: str, where: str, fix: str, problem: ChatProblem) -> ChatError:
    return ChatError(what, where=where, fix=fix, problem=problem)
