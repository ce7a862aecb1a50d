"""A socket and uvicorn for any application: ready once it takes requests, and stopped in order."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from toolenv.errors import ConfigurationError

if TYPE_CHECKING:
    import uvicorn

__all__ = ["address_of", "host_application", "listen"]


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Args:
        host: The address.
        port: The port; 0 for any that is free.

    Raises:
        ConfigurationError: The address cannot be listened at.
    """
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(place)
            listening.listen(2048)
            listening.setblocking(False)
        except BaseException:
            listening.close()
            raise
        return listening
    except OSError as error:
        raise ConfigurationError(
            f"The address cannot be listened at: {error.strerror or error}.",
            where=f"{host}:{port}",
            fix="Another server may be using it: stop that, or choose another --port.",
        ) from None


def address_of(listening: socket.socket) -> str:
    """The address of a listening socket, such as ``http://127.0.0.1:8080``."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def host_application(
    application: Any,
    listening: socket.socket,
    *,
    ready: Callable[[], None] = lambda: None,
    tick: Callable[[uvicorn.Server], None] = lambda server: None,
    http: Any = "auto",
    stop_seconds: int = 10,
) -> None:
    """Run an ASGI application until the process is told to stop (SIGTERM, Ctrl-C).

    Args:
        application: The application.
        listening: Where it takes requests; closed in the end.
        ready: Called once requests are taken.
        tick: Called about once a second.
        http: The protocol's class.
        stop_seconds: Seconds that requests in flight have to finish.
    """
    import uvicorn

    class Server(uvicorn.Server):
        """Says when it is ready, and ends as asked."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            ready()

        async def on_tick(self, counter: int) -> bool:
            if counter % 10 == 0:
                tick(self)
            return await super().on_tick(counter)

        @contextlib.contextmanager
        def capture_signals(self) -> Generator[None, None, None]:
            with super().capture_signals():
                yield
                self._captured_signals.clear()  # a stop that was asked for is no failure

    config = uvicorn.Config(
        application,
        http=http,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=stop_seconds,
    )
    try:
        Server(config).run([listening])
    finally:
        listening.close()
