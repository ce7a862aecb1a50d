"""Serving a simulator: its application, its log, and a stop that lets requests in flight finish."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Callable, Generator, Iterable
from typing import TYPE_CHECKING, BinaryIO

from toolenv.apis import API
from toolenv.errors import ConfigurationError
from toolenv.server.hosting import address_of, host_application, listen
from toolenv.server.settings import ServerSettings

if TYPE_CHECKING:
    import uvicorn

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
        from toolenv.server.application import Application
        from toolenv.server.log import ServerLog
        from toolenv.server.protocol import limited_protocol, sweep
    except ImportError as error:
        raise ConfigurationError(
            f"The server needs {error.name}.", fix="Install it: pip install 'toolenv[server]'."
        ) from error

    listening = listen(settings.host, settings.port)
    written = ServerLog(log or sys.stderr.buffer)
    application = Application(simulator, apis, settings, written)
    address = address_of(listening)

    def begin() -> None:
        written.now("ready", address=address, apis=len(application.answering.directory))
        ready(address)

    def tick(server: uvicorn.Server) -> None:
        sweep(server)
        application.tidy()

    with _handling(logging.getLogger("uvicorn"), written):
        try:
            host_application(
                application,
                listening,
                ready=begin,
                tick=tick,
                http=limited_protocol(settings.head_limit, settings.request_seconds),
                stop_seconds=settings.stop_seconds,
            )
        finally:
            application.close()
            written.now("stopped")


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
