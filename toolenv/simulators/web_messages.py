"""What goes to a web server and what comes back, within which limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from toolenv.episodes import Status
from toolenv.errors import SimulatorError, ToolenvError
from toolenv.simulators.web_secrets import Secrets

__all__ = ["Secrets", "WebError", "WebLimits", "WebReply", "WebRequest"]


class WebRequest(NamedTuple):
    """One HTTP request.

    Args:
        method: Upper case.
        url: The whole address, with its query.
        headers: By name.
        content: The body; None for none.
        repeatable: Whether sending it twice does no harm; None where the method tells.
    """

    method: str
    url: str
    headers: Mapping[str, str] = {}
    content: bytes | None = None
    repeatable: bool | None = None

    def __repr__(self) -> str:
        """The request without query, headers and body, which may hold keys."""
        try:
            parts = urlsplit(self.url)
            shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        except ValueError:
            shown = "…"
        return f"WebRequest({self.method!r}, {shown!r}, …)"


class WebReply(NamedTuple):
    """What a server replied.

    Args:
        status: The HTTP status.
        headers: By name in lower case; of equal names the values joined by commas.
        content: The body, decompressed, within the size limit.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes


class WebLimits(NamedTuple):
    """How long, how much and how often.

    Args:
        connect: Seconds to look a host up and connect to it.
        total: Seconds for one attempt from its first byte to its last, however the server drips;
            also the most that all pauses between the attempts of one call may add up to.
        size: Bytes of a body, decompressed.
        attempts: How often one call is tried at most.
        in_flight: Requests to one host at the same time, for each event loop.
        per_second: Requests a second to one host; None for no limit.
        calls: Requests in all, retries and redirects included; None for no limit.
    """

    connect: float = 10.0
    total: float = 30.0
    size: int = 1 << 20
    attempts: int = 3
    in_flight: int = 64
    per_second: float | None = None
    calls: int | None = None


class WebError(SimulatorError):
    """A request got no reply that can be used; says what kind of failure it is.

    Args:
        what: What went wrong, without any secret.
        status: The status of the response that stands for it.
        unsent: Whether it is certain that the server got no request.
        again: Whether the same request may fare better a moment later.
        where: The host.
        fix: What to do about it.
    """

    def __init__(
        self,
        what: str,
        *,
        status: Status = Status.SEND_ERROR,
        unsent: bool = False,
        again: bool = False,
        where: str = "",
        fix: str = "",
    ) -> None:
        super().__init__(what, where=where, fix=fix)
        self.status = status
        self.unsent = unsent
        self.again = again

    def __reduce__(self) -> tuple[object, ...]:
        state = (self.what, self.status, self.unsent, self.again, self.where, self.fix)
        return _rebuild, state


def _rebuild(
    what: str, status: Status, unsent: bool, again: bool, where: str, fix: str
) -> ToolenvError:
    return WebError(what, status=status, unsent=unsent, again=again, where=where, fix=fix)
