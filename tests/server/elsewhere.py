"""A server elsewhere that takes calls and answers when it is told to, or never."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Elsewhere:
    """Counts who waits; ``answer`` lets them go."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=1000)
        self.port: int = self._listening.getsockname()[1]
        self._changed = threading.Condition()
        self._waiting: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                connection.recv(1 << 16)  # the call
                with self._changed:
                    self._waiting.append(connection)
                    self._changed.notify_all()

    def wait_for(self, count: int) -> None:
        """Wait until so many calls have arrived."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self._waiting) >= count, timeout=60)

    def answer(self, text: str) -> None:
        """Answer all that wait."""
        with self._changed:
            for connection in self._waiting:
                with suppress(OSError):
                    connection.sendall(f"{text}\n".encode())
            self._waiting.clear()

    def left(self) -> None:
        """Wait until everyone who waits has given up."""
        with self._changed:
            for connection in self._waiting:
                connection.settimeout(60)
                assert connection.recv(1) == b""
            self._waiting.clear()

    def close(self) -> None:
        self._listening.close()
        for connection in self._waiting:
            connection.close()


@contextmanager
def elsewhere() -> Iterator[Elsewhere]:
    opened = Elsewhere()
    try:
        yield opened
    finally:
        opened.close()
