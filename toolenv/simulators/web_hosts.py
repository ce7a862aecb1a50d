"""Which hosts may be called, and which addresses may be connected to.

A name is looked up once, every address it has is checked, and the connection goes to an address
that was checked: a name that points elsewhere a moment later gains nothing.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import time
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final, NamedTuple

import httpcore
import httpx

from toolenv.episodes import Status
from toolenv.errors import ConfigurationError
from toolenv.simulators.web_messages import WebError

__all__ = ["CheckedBackend", "Hosts", "Origin", "is_public", "tls"]

_PORTS: Final = {"http": 80, "https": 443}
_NAT64: Final = IPv6Network("64:ff9b::/96")
_SLOWEST_LOOKUPS: Final = 16
"""Names that may be looked up at the same time: a name server that hangs holds a thread."""


class Origin(NamedTuple):
    """Where a request goes."""

    scheme: str
    host: str
    port: int

    @property
    def name(self) -> str:
        """``host`` or ``host:port``, as in the header ``Host``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


class Hosts:
    """The hosts that may be called.

    Args:
        hosts: ``host`` for a scheme's own port, ``host:port`` for another. No other is called.
        allow_private: Which of them may have a private, loopback or link-local address: ``host``
            for all its ports, or ``host:port``.
    """

    def __init__(self, hosts: Collection[str], allow_private: Collection[str] = ()) -> None:
        self._hosts = frozenset(_host_and_port(host, "hosts") for host in hosts)
        self._private = frozenset(_host_and_port(host, "allow_private") for host in allow_private)

    def origin(self, url: httpx.URL) -> Origin:
        """Where an address leads.

        Raises:
            WebError: It is not HTTP, or its host is not among those that may be called.
        """
        if url.scheme not in _PORTS or not url.host:
            raise _refused(f"Only http and https are called, not {url.scheme or 'nothing'}.")
        host = url.raw_host.decode("ascii").lower().strip("[]").rstrip(".")
        own = _PORTS[url.scheme]
        port = url.port or own
        origin = Origin(url.scheme, host, port)
        if (host, port) in self._hosts or (port == own and (host, None) in self._hosts):
            return origin
        raise _refused(
            "The host is not one that the documentation names.",
            where=origin.name,
            fix="Only hosts of the tools in use are called.",
        )

    def may_be_private(self, host: str, port: int) -> bool:
        """Whether a host was allowed to have an address that is not public."""
        return (host, None) in self._private or (host, port) in self._private


class CheckedBackend(httpcore.AnyIOBackend):
    """Connects to addresses that were checked, and to nothing else.

    Args:
        hosts: Says which hosts may have an address that is not public.
    """

    def __init__(self, hosts: Hosts) -> None:
        self._hosts = hosts

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Look a host up, check all of its addresses, and connect to the first that answers."""
        patience = 60.0 if timeout is None else timeout
        deadline = time.monotonic() + patience
        try:
            async with asyncio.timeout(patience):
                addresses = await _addresses(host, port)
        except TimeoutError:
            raise httpcore.ConnectTimeout("the name was not looked up in time") from None
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"the name cannot be looked up: {error}") from None
        if not self._hosts.may_be_private(host, port):
            for address in addresses:
                if not is_public(address):
                    raise _refused(
                        f"The host has the address {address}, which is not public.",
                        where=host,
                        fix="Name the host in allow_private if it is meant to be called.",
                    )
        failure: Exception = httpcore.ConnectError("the name has no address")
        for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            share = max(deadline - time.monotonic(), 0.0) / left
            try:
                return await super().connect_tcp(
                    address, port, share, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


def is_public(address: str) -> bool:
    """Whether an address belongs to the public internet, whatever form it is wrapped in.

    Example:
        >>> [is_public(one) for one in ("1.1.1.1", "::ffff:127.0.0.1", "169.254.169.254")]
        [True, False, False]
    """
    try:
        ip: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, IPv6Address):
        inside = ip.ipv4_mapped or ip.sixtofour
        if inside is None and ip in _NAT64:
            inside = IPv4Address(int(ip) & 0xFFFFFFFF)
        if inside is not None:
            return is_public(str(inside))
        if ip.is_site_local:
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


# A hanging name server must hold up neither the event loop nor the executor that others use. The
# bridge's name for threads says that the context of who asks comes with the work.
def _new_lookups() -> None:
    global _lookups
    _lookups = ThreadPoolExecutor(_SLOWEST_LOOKUPS, thread_name_prefix="toolenv-executor-names")


_lookups: ThreadPoolExecutor
_new_lookups()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_new_lookups)  # a fork lost the threads


async def _addresses(host: str, port: int) -> list[str]:
    """The addresses of a host, in the system's order."""
    try:
        return [str(ip_address(host))]
    except ValueError:
        pass
    context = copy_context()
    found = await asyncio.get_running_loop().run_in_executor(
        _lookups,
        lambda: context.run(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM),
    )
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def tls() -> ssl.SSLContext:
    """What certificates are checked against: httpx's choice, ``SSL_CERT_FILE`` included."""
    return httpx.create_ssl_context()


def _host_and_port(text: str, where: str) -> tuple[str, int | None]:
    try:
        url = httpx.URL(f"any://{text}")
    except (httpx.InvalidURL, TypeError):
        url = httpx.URL()
    if not url.host or url.raw_path not in (b"", b"/") or url.userinfo:
        raise ConfigurationError(
            f"{text!r} names no host.", where=where, fix="Write host or host:port."
        )
    return url.raw_host.decode("ascii").lower().strip("[]").rstrip("."), url.port


def _refused(what: str, *, where: str = "", fix: str = "") -> WebError:
    return WebError(what, status=Status.SEND_ERROR, unsent=True, where=where, fix=fix)
