"""What a server is told: where it listens, whom it lets in, and its limits."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field

from toolenv.errors import ConfigurationError

__all__ = ["ServerSettings", "is_loopback"]

_SHORTEST_TOKEN = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """How a server behaves, whatever it serves.

    Args:
        host: The address to listen at; loopback unless told otherwise.
        port: The port; 0 for any that is free.
        token: What clients must show; empty for none. It never appears in logs or errors.
        without_token: Whether others than this machine are let in without a token.
        body_limit: Bytes of a request's body.
        head_limit: Bytes of a request's line and headers.
        request_seconds: Seconds in which a request must arrive whole.
        answer_seconds: Seconds that a live simulator may take to answer, waiting included.
        live_calls: Calls to live simulators in flight; more of them wait.
        stop_seconds: Seconds that requests in flight have to finish once a stop is asked for.
        keep_bytes: Bytes of replies from frozen recordings that are kept, about; 0 for none.
        episodes: Named episodes that are kept.
        episode_seconds: Seconds without a call after which an episode is forgotten.
        log_requests: Whether each request is one line of the log.
        log_bodies: Whether lines of the log also hold arguments and replies.

    Raises:
        ConfigurationError: A value is out of its range, or anyone on the network would be let in.

    Example:
        >>> ServerSettings(token="not to be seen").token_is("not to be seen")
        True
        >>> "seen" in repr(ServerSettings(token="not to be seen"))
        False
    """

    host: str = "127.0.0.1"
    port: int = 8080
    token: str = field(default="", repr=False)
    without_token: bool = False
    body_limit: int = 1 << 20
    head_limit: int = 1 << 15
    request_seconds: float = 30.0
    answer_seconds: float = 60.0
    live_calls: int = 256
    stop_seconds: int = 10
    keep_bytes: int = 1 << 26
    episodes: int = 1_000
    episode_seconds: float = 900.0
    log_requests: bool = True
    log_bodies: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65_535:
            raise ConfigurationError("It is no port.", where="port", fix="Use 0 to 65535.")
        for name in ("body_limit", "head_limit", "live_calls", "stop_seconds"):
            if getattr(self, name) < 1:
                raise ConfigurationError("It must be at least 1.", where=name)
        for name in ("request_seconds", "answer_seconds", "episode_seconds"):
            if not getattr(self, name) > 0:
                raise ConfigurationError("It must be more than 0 seconds.", where=name)
        for name in ("keep_bytes", "episodes"):
            if getattr(self, name) < 0:
                raise ConfigurationError("It must not be negative.", where=name)
        if self.token and len(self.token) < _SHORTEST_TOKEN:
            raise ConfigurationError(
                f"The token has fewer than {_SHORTEST_TOKEN} characters.",
                where="token",
                fix="Use a longer one, such as: python -c 'import secrets; "
                "print(secrets.token_urlsafe())'.",
            )
        if not (self.token or self.without_token or is_loopback(self.host)):
            raise ConfigurationError(
                f"{self.host} may be reached from other machines, and no token is asked for.",
                where="host",
                fix="Ask for a token, or say that anyone is let in: --without-token.",
            )

    def token_is(self, shown: str | bytes) -> bool:
        """Whether a client shows the token; takes the same time however much of it is right."""
        raw = shown.encode("utf-8", "surrogatepass") if isinstance(shown, str) else shown
        return hmac.compare_digest(raw, self.token.encode("utf-8", "surrogatepass"))

    def token_in(self, headers: Mapping[bytes, bytes]) -> bool:
        """Whether a request's headers show the token: as a bearer's, or as ToolBench's key."""
        scheme, _, bearer = headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() == b"bearer" and self.token_is(bearer.strip()):
            return True
        return self.token_is(headers.get(b"toolbench_key", b""))


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from its own machine alone.

    Example:
        >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("0.0.0.0")
        (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
