"""Replies that are kept: what a frozen recording has answered once, it answers again.

A request is known by its bytes, so that one that was answered before is neither read nor looked up
again. Nothing is kept of what may change: stores that grow, live simulators, misses, episodes.
"""

from __future__ import annotations

from typing import NamedTuple

from toolenv.server.wanted import WantedCall

__all__ = ["KeptReplies", "Reply"]

_BESIDE_BYTES = 1_000
"""What an entry takes beside the request's and the reply's bytes, about."""


class Reply(NamedTuple):
    """An answer on its way back.

    Args:
        body: What is sent.
        answer: The response's status, by name.
        source: Who answered.
        wanted: The call it answers.
    """

    body: bytes
    answer: str
    source: str
    wanted: WantedCall


class KeptReplies:
    """Replies by the bytes of their requests; the first that came are the first to go.

    Args:
        limit: Bytes that they may take, about; 0 keeps nothing.

    Example:
        >>> kept = KeptReplies(limit=5_000)
        >>> for number in range(10):
        ...     reply = Reply(b"{}", "OK", "snapshot", WantedCall("", "", "f", {}, "{}"))
        ...     kept.keep(b"request %d" % number, reply)
        >>> len(kept), kept.get(b"request 0") is None, kept.get(b"request 9").body
        (4, True, b'{}')
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bytes = 0
        self._replies: dict[bytes, Reply] = {}
        self.get = self._replies.get

    def __len__(self) -> int:
        return len(self._replies)

    def keep(self, request: bytes, reply: Reply) -> None:
        """Keep a reply, unless it is too large to be kept beside others."""
        size = _size(request, reply)
        if request in self._replies or size > self._limit // 4:
            return
        self._replies[request] = reply
        self._bytes += size
        while self._bytes > self._limit:
            first = next(iter(self._replies))
            self._bytes -= _size(first, self._replies.pop(first))


def _size(request: bytes, reply: Reply) -> int:
    return len(request) + len(reply.wanted.text) + len(reply.body) + _BESIDE_BYTES
