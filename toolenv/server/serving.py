"""Serving: a socket, uvicorn, and a stop that lets requests in flight finish."""

from __future__ import annotations

import contextlib
import logging
import socket
import sys
from collections.abc import Callable, Generator, Iterable
from typing import TYPE_CHECKING, BinaryIO

from toolenv.apis import API
from toolenv.errors import ConfigurationError
from toolenv.server.settings import ServerSettings

if TYPE_CHECKING:
    from toolenv.simulators import Simulator

__all__ = ["serve"]


def serve(
    simulator: Simulator,
    apis: Iterable[API] = (),
    settings: ServerSettings | None = None,
    *,
    log: BinaryIO | None = None,
    ready: Callable[[str], None] = lambda address: None,
) -> None:
    """Serve a simulator until the process is told to stop (SIGTERM, Ctrl-C).

    Args:
        simulator: What answers; closed by whoever made it.
        apis: Documents of the APIs, beside the simulator's own.
        settings: Where and how; by default at 127.0.0.1:8080.
        log: Where the log goes; by default standard error.
        ready: Told the address, such as ``http://127.0.0.1:8080``, once requests are taken.

    Raises:
        ConfigurationError: The address cannot be listened at, or the extra is not installed.
    """
    settings = settings or ServerSettings()
    try:
        import uvicorn

        from toolenv.server.application import Application
        from toolenv.server.log import ServerLog
        from toolenv.server.protocol import limited_protocol, sweep
    except ImportError as error:
        raise ConfigurationError(
            f"The server needs {error.name}.", fix="Install it: pip install 'toolenv[server]'."
        ) from error

    listening = _listen(settings.host, settings.port)
    written = ServerLog(log or sys.stderr.buffer)
    application = Application(simulator, apis, settings, written)
    address = _address(listening)

    class Server(uvicorn.Server):
        """Says when it is ready, sweeps its connections, and ends as asked."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            written.now("ready", address=address, apis=len(application.answering.directory))
            ready(address)

        async def on_tick(self, counter: int) -> bool:
            if counter % 10 == 0:
                sweep(self)
                application.tidy()
            return await super().on_tick(counter)

        @contextlib.contextmanager
        def capture_signals(self) -> Generator[None, None, None]:
            with super().capture_signals():
                yield
                self._captured_signals.clear()  # a stop that was asked for is no failure

    config = uvicorn.Config(
        application,
        http=limited_protocol(settings.head_limit, settings.request_seconds),
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=settings.stop_seconds,
    )
    with _handling(logging.getLogger("uvicorn"), written):
        try:
            Server(config).run([listening])
        finally:
            application.close()
            listening.close()
            written.now("stopped")


def _listen(host: str, port: int) -> socket.socket:
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


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextlib.contextmanager
def _handling(logger: logging.Logger, handler: logging.Handler) -> Generator[None, None, None]:
    propagate = logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagate
