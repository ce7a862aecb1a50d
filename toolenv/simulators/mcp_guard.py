"""Starts a server process and sees to it that nothing of it outlives whoever asked for it.

Run as a program of its own, ``python mcp_guard.py LIFE GRACE COMMAND ARGUMENT…``, as the leader of
a process group. ``LIFE`` is the number of a pipe that the asking process holds the other end of:
when that closes, because it was closed or because its process ended in whatever way, the server has
``GRACE`` seconds to end by itself, and then the whole group is killed. When the server ends first,
what it has started is killed, and the exit code is told on standard error.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time

__all__ = ["main"]


def main(life: int, grace: float, command: list[str]) -> None:
    """Start a command in this process group, and end the group with it or with who asked."""
    server = os.fork()
    if not server:
        os.close(life)
        try:
            os.execvp(command[0], command)
        except OSError as error:
            os.write(2, f"{command[0]}: {error.strerror}\n".encode(errors="replace"))
            os._exit(127)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)  # the server alone holds the pipes of the protocol
    os.dup2(nothing, 1)
    threading.Thread(target=_watch, args=(life, grace), daemon=True).start()
    _, status = os.waitpid(server, 0)
    code = os.waitstatus_to_exitcode(status)
    os.set_blocking(2, False)  # nobody may be reading
    with contextlib.suppress(OSError):
        os.write(2, f"\n(exit code {code})\n".encode())
    os.killpg(0, signal.SIGKILL)


def _watch(life: int, grace: float) -> None:
    os.read(life, 1)
    time.sleep(grace)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:])
