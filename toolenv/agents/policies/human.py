"""A person at the terminal decides."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from threading import Thread
from typing import TextIO

from toolenv import bridge
from toolenv.actions import read_action
from toolenv.apis import FINISH
from toolenv.episodes import FunctionCall, Message
from toolenv.errors import PolicyError
from toolenv.jsontext import JsonValue, render

__all__ = ["HumanPolicy"]

_HELP = """\
  NAME {"argument": "value"}   call a function
  answer TEXT                  end with an answer
  give up                      end without one
  ?                            the functions
  ? NAME                       one function's documentation
"""


class HumanPolicy:
    """Shows the conversation on a terminal and reads what to do, line by line.

    One conversation is shown at a time, however many run; a run that a person drives is best run
    with one episode in flight.

    Args:
        source: What lines are read from; standard input by default.
        screen: What is written to; standard error by default, since results go to the other.

    Example:
        >>> from io import StringIO
        >>> human = HumanPolicy(StringIO("answer 42"), StringIO())
        >>> bridge.run(human([{"role": "user", "content": "6 x 7?"}], [], seed=0)).calls[0].name
        'Finish'
    """

    name = "human"
    fingerprint = "policy-human"

    def __init__(self, source: TextIO | None = None, screen: TextIO | None = None) -> None:
        self._source = source
        self._screen = screen
        self._turn: asyncio.Lock | None = None
        self._shown: list[str] = []

    async def __call__(
        self,
        messages: Sequence[dict[str, JsonValue]],
        functions: Sequence[dict[str, JsonValue]],
        *,
        seed: int,
    ) -> Message:
        """What the person types.

        Raises:
            PolicyError: There is no more input.
        """
        return await bridge.wait(partial(self._ask, messages, functions))

    async def _ask(
        self, messages: Sequence[dict[str, JsonValue]], functions: Sequence[dict[str, JsonValue]]
    ) -> Message:
        async with self._lock():
            self._show(messages)
            while True:
                line = await _in_daemon(self._read)
                if not line:
                    raise PolicyError("The input has ended.", fix="Type 'give up' to end a task.")
                message = self._understand(line.strip(), functions)
                if message is not None:
                    return message

    def _lock(self) -> asyncio.Lock:
        if self._turn is None:
            self._turn = asyncio.Lock()
        return self._turn

    def _read(self) -> str:
        self._write("> ")
        return (self._source or sys.stdin).readline()

    def _write(self, text: str) -> None:
        screen = self._screen or sys.stderr
        # what an API answered must not command the terminal
        shown = "".join(
            c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text
        )
        screen.write(shown)
        screen.flush()

    def _show(self, messages: Sequence[dict[str, JsonValue]]) -> None:
        """What is new since the last question; all of it where another conversation goes on."""
        said = [render(message) for message in messages]
        known = len(self._shown) if said[: len(self._shown)] == self._shown else 0
        if not known:
            self._write("\n" + "=" * 60 + "\n")
        for message in messages[known:]:
            content = message.get("content")
            calls = message.get("tool_calls")
            text = content if isinstance(content, str) else render(content)
            self._write(f"{message.get('role')}: {text}\n" if text else "")
            for call in calls if isinstance(calls, list) else []:
                self._write(f"  calls {render(call)}\n")
        if not known:
            self._write(_HELP)
        self._shown = said

    def _understand(self, line: str, functions: Sequence[dict[str, JsonValue]]) -> Message | None:
        """The message that a line says; None where it asks for help or says none."""
        names = {_name(function): function for function in functions}
        if line == "?":
            self._write("".join(f"  {name}\n" for name in names))
            return None
        if line.startswith("?"):
            wanted = names.get(line[1:].strip())
            self._write(f"{render(wanted)}\n" if wanted else "There is no such function.\n")
            return None
        if line == "give up":
            return _finish(return_type="give_up_and_restart")
        if line.startswith("answer "):
            return _finish(return_type="give_answer", final_answer=line.removeprefix("answer "))
        name, _, arguments = line.partition(" ")
        if name in names:
            return read_action({"name": name, "arguments": arguments.strip() or "{}"})
        message = read_action(line)
        if message.calls:
            return message
        self._write(f"That is none of these:\n{_HELP}" if line else "")
        return None


async def _in_daemon(read: Callable[[], str]) -> str:
    """Run what may wait for ever in a thread that Ctrl-C need not wait for."""
    loop = asyncio.get_running_loop()
    line: asyncio.Future[str] = loop.create_future()

    def settle(text: str) -> None:
        if not line.done():
            line.set_result(text)

    def work() -> None:
        text = read()
        with suppress(RuntimeError):  # the loop has gone meanwhile
            loop.call_soon_threadsafe(settle, text)

    Thread(target=work, name="toolenv-human", daemon=True).start()
    return await line


def _name(function: dict[str, JsonValue]) -> str:
    inner = function.get("function")
    return str(inner.get("name")) if isinstance(inner, dict) else ""


def _finish(**arguments: str) -> Message:
    return Message(calls=(FunctionCall(FINISH, render(arguments)),))
