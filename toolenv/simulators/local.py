"""Local simulator: Python functions with type hints and docstrings answer calls.

Arguments are checked against the API's document before they get here, and mean what its JSON
Schema says: a number given as text is refused, not converted. Types that JSON does not have
(dates, enumerations, models) are then read by pydantic as the type hint says.

A function may take the session's state, any mutable Python object, as a first parameter named
``state``. Forks share it; the first call that changes state, in either, copies it.
"""

from __future__ import annotations

import copy
import hashlib
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from types import ModuleType
from typing import Any, NamedTuple, TypeAlias, TypeVar

import orjson
from pydantic import JsonValue, ValidationError

from toolenv.apis import API, Identity
from toolenv.bridge import wait
from toolenv.episodes import Branch, Call, Response, Status
from toolenv.errors import BridgeError, ConfigurationError, SimulatorError
from toolenv.fingerprint import fingerprint
from toolenv.jsontext import render
from toolenv.simulators.base import SimulatorBase
from toolenv.simulators.local_state import shown_state
from toolenv.simulators.python_api import PythonAPI, Reader, read_function
from toolenv.tasks import Task

__all__ = ["ApiError", "Before", "LocalSession", "LocalSimulator", "LocalTool", "MakeState"]

Function = TypeVar("Function", bound=Callable[..., object])

MakeState: TypeAlias = Callable[[Task, int], object]
"""Makes the state of a fresh session from its task and seed."""

Before: TypeAlias = Callable[[Any, API], "Response | None"]
"""Asked before each call with the state and the API; a response it gives is served instead. It
must not change the state."""


class ApiError(Exception):
    """Raised by a local function to answer with an error, as a server would.

    Args:
        status: What kind of error it is.
        message: What the policy is told.
        body: What the server sends beside the message.

    Example:
        >>> raise ApiError(Status.NOT_FOUND, "No city named 'Atlantis'.")
        Traceback (most recent call last):
        toolenv.simulators.local.ApiError: No city named 'Atlantis'.
    """

    def __init__(self, status: Status, message: str, body: JsonValue = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.body = body


class _Declared(NamedTuple):
    """A function as it was declared, before it is read."""

    function: Callable[..., object]
    name: str
    changes_state: bool
    example: Mapping[str, JsonValue]


class LocalTool:
    """A tool whose APIs are Python functions.

    The functions are read when their documents are first asked for, so that declaring them costs
    nothing at import.

    Args:
        category: The category it belongs to.
        name: Its name.
        description: What it is for.

    Example:
        >>> abacus = LocalTool("Mathematics", "Abacus", "Sums.")
        >>> @abacus.api(example={"a": 1, "b": 2})
        ... def add(a: int, b: int = 0) -> int:
        ...     '''Add two numbers.
        ...
        ...     Args:
        ...         a: The first.
        ...         b: The second.
        ...     '''
        ...     return a + b
        >>> [(p.name, p.type, p.required) for p in abacus.apis[0].parameters]
        [('a', 'NUMBER', True), ('b', 'NUMBER', False)]
    """

    def __init__(self, category: str, name: str, description: str = "") -> None:
        self.category = category
        self.name = name
        self.description = description
        self._declared: list[_Declared] = []
        self._read: list[PythonAPI] = []

    def api(
        self,
        *,
        changes_state: bool = False,
        name: str = "",
        example: Mapping[str, JsonValue] | None = None,
    ) -> Callable[[Function], Function]:
        """Declare a function as an API of this tool; the function itself stays as it is.

        Args:
            changes_state: Whether a call changes the session's state. A function that is not
                declared so must leave the state alone: nothing checks it, and forks would notice.
            name: The API's name; the function's by default.
            example: Arguments that work, shown in the document.
        """

        def declare(function: Function) -> Function:
            label = name or function.__name__
            self._declared.append(_Declared(function, label, changes_state, dict(example or {})))
            return function

        return declare

    @property
    def apis(self) -> tuple[API, ...]:
        """The documents of its APIs, in the order declared."""
        return tuple(read.api for _, read in self.functions())

    def functions(self) -> list[tuple[Callable[..., object], PythonAPI]]:
        """Its functions, each with the API it was read as.

        Raises:
            ConfigurationError: A function cannot serve as an API.
        """
        for declared in self._declared[len(self._read) :]:
            self._read.append(
                read_function(
                    declared.function,
                    category=self.category,
                    tool=self.name,
                    tool_description=self.description,
                    name=declared.name,
                    changes_state=declared.changes_state,
                    example=declared.example,
                )
            )
        functions = [declared.function for declared in self._declared]
        return list(zip(functions, self._read, strict=True))

    def __reduce__(self) -> tuple[object, ...]:
        return _restore_tool, (self.category, self.name, self.description, self._declared)


def _restore_tool(
    category: str, name: str, description: str, declared: list[_Declared]
) -> LocalTool:
    tool = LocalTool(category, name, description)
    tool._declared = declared
    return tool


class _Route(NamedTuple):
    """All that a call of one API needs."""

    function: Callable[..., Any]
    api: API
    takes_state: bool
    changes_state: bool
    waits: bool
    rewrites: bool
    names: Mapping[str, str]
    readers: Mapping[str, Reader]

    def read(self, arguments: Mapping[str, JsonValue]) -> dict[str, Any]:
        """The arguments under their Python names, as the type hints promise them."""
        read: dict[str, Any] = {}
        for key, value in arguments.items():
            name = self.names.get(key, key)
            reader = self.readers.get(name)
            if reader is not None:
                try:
                    value = reader(value)
                except ValidationError as error:
                    problems = "; ".join(str(problem["msg"]) for problem in error.errors())
                    raise ApiError(Status.BAD_INPUT, f"{key}: {problems}") from None
            read[name] = value
        return read


class _Routes(dict[Identity | None, _Route]):
    """Identity to route; an identity that knows less is joined where only one API fits."""

    def find(self, identity: Identity | None) -> _Route | None:
        if identity is None:
            return None
        fitting = [route for known, route in self.items() if known and identity.joins(known)]
        return fitting[0] if len(fitting) == 1 else None


class LocalSimulator(SimulatorBase):
    """Answers calls by running Python functions in this process.

    Args:
        tools: The tools whose APIs it answers.
        make_state: Makes a fresh session's state; None for functions that take none.
        before: Asked before each call; what it returns is served instead of the function's answer.
        depends_on: Modules whose text answers depend on, beside those that define the functions,
            ``make_state`` and ``before``: for the fingerprint.
        version: What stands for the modules' text in the fingerprint, where it cannot be read.

    Raises:
        ConfigurationError: A function cannot serve as an API, or two APIs have one identity.

    Example:
        >>> dice = LocalTool("Games", "Dice")
        >>> @dice.api()
        ... def roll(state: list[int]) -> int:
        ...     '''Roll the dice.'''
        ...     return state[0]
        >>> simulator = LocalSimulator([dice], make_state=lambda task, seed: [seed % 6 + 1])
    """

    def __init__(
        self,
        tools: Sequence[LocalTool],
        *,
        make_state: MakeState | None = None,
        before: Before | None = None,
        depends_on: Sequence[ModuleType] = (),
        version: str = "",
    ) -> None:
        self._tools = tuple(tools)
        self._make_state = make_state
        self._before = before
        self._depends_on = tuple(depends_on)
        self._version = version
        self._routes = _Routes()
        for tool in self._tools:
            for function, read in tool.functions():
                self._add(function, read)

    def _add(self, function: Callable[..., Any], read: PythonAPI) -> None:
        where = f"{function.__module__}.{function.__qualname__}"
        if read.takes_state and self._make_state is None:
            raise ConfigurationError(
                "The function takes a state, but the simulator makes none.",
                where=where,
                fix="Pass make_state.",
            )
        identity = read.api.identity
        if identity in self._routes:
            raise ConfigurationError(
                f"Two APIs are both called as {identity.function!r}.",
                where=where,
                fix="Give one of them another name.",
            )
        self._routes[identity] = _Route(
            function,
            read.api,
            read.takes_state,
            bool(read.api.changes_state),
            inspect.iscoroutinefunction(function),
            bool(read.names or read.readers),
            read.names,
            read.readers,
        )

    @property
    def apis(self) -> tuple[API, ...]:
        """The documents of all its APIs."""
        return tuple(route.api for route in self._routes.values())

    @cached_property
    def fingerprint(self) -> str:
        """A digest of the documents and of the text of the modules behind them.

        Raises:
            ConfigurationError: A module's text cannot be read and no version was declared.
        """
        return fingerprint(
            "simulator",
            {
                "kind": "local",
                "apis": [api.model_dump(mode="json") for api in self.apis],
                "version": self._version,
                "sources": {} if self._version else self._sources(),
            },
        )

    def _sources(self) -> dict[str, str]:
        functions: list[Callable[..., Any]] = [r.function for r in self._routes.values()]
        functions += [f for f in (self._make_state, self._before) if f is not None]
        parts: dict[str, object] = {module.__name__: module for module in self._depends_on}
        for function in functions:
            parts.setdefault(function.__module__, sys.modules.get(function.__module__))
        return {name: _digest_of_source(name, part) for name, part in parts.items()}

    def open(self, task: Task, seed: int) -> LocalSession:
        """A fresh session for one episode.

        Args:
            task: The episode's task.
            seed: What every random choice of the session derives from.
        """
        state = self._make_state(task, seed) if self._make_state is not None else None
        return LocalSession(self, state)

    def __reduce__(self) -> tuple[object, ...]:
        return _restore_simulator, (
            self._tools,
            self._make_state,
            self._before,
            self.fingerprint,
        )

    def __deepcopy__(self, memo: object) -> LocalSimulator:
        return self  # nothing in it ever changes


def _restore_simulator(
    tools: tuple[LocalTool, ...],
    make_state: MakeState | None,
    before: Before | None,
    known: str,
) -> LocalSimulator:
    simulator = LocalSimulator(tools, make_state=make_state, before=before)
    simulator.__dict__["fingerprint"] = known
    return simulator


def _digest_of_source(name: str, module: Any) -> str:
    try:
        text = inspect.getsource(module)
    except (OSError, TypeError):
        raise ConfigurationError(
            "The text of a module that answers depend on cannot be read.",
            where=name,
            fix="Declare what stands for it: LocalSimulator(..., version='1').",
        ) from None
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


class LocalSession:
    """The state of a local world in one episode, copied when first changed after a fork."""

    __slots__ = ("_before", "_routes", "_shared", "_simulator", "_state")

    def __init__(self, simulator: LocalSimulator, state: object) -> None:
        self._simulator = simulator
        self._routes = simulator._routes
        self._before = simulator._before
        self._state = state
        self._shared = False

    async def call(self, call: Call, past: Branch) -> Response | None:
        """Answer a call by running its function.

        Args:
            call: The call; what does not fit the documentation is refused as a server would.
            past: The branch so far; not looked at.

        Returns:
            The response; None for an API of no tool of this simulator.

        Raises:
            SimulatorError: The function says that it failed for reasons of its own.
        """
        route = self._routes.get(call.api) or self._routes.find(call.api)
        if route is None:
            return None
        if self._before is not None:
            answer = self._before(self._state, route.api)
            if answer is not None:
                return answer
        if call.invalid or call.arguments is None:
            reason = call.invalid or "arguments are not a JSON object"
            return _failure(Status.BAD_INPUT, f"Bad request: {reason}")
        try:
            arguments = route.read(call.arguments) if route.rewrites else call.arguments
            if route.takes_state:
                if route.changes_state and self._shared:
                    self._state = copy.deepcopy(self._state)
                    self._shared = False
                value = (
                    await _awaited(route.function, (self._state,), arguments)
                    if route.waits
                    else route.function(self._state, **arguments)
                )
            elif route.waits:
                value = await _awaited(route.function, (), arguments)
            else:
                value = route.function(**arguments)
            envelope = {"error": "", "response": value}
            try:
                text = orjson.dumps(envelope).decode()
            except TypeError:
                text = render(envelope)
        except ApiError as error:
            return _failure(error.status, error.message, error.body)
        except (SimulatorError, BridgeError):
            raise
        except Exception as error:
            return _failure(Status.API_ERROR, f"{type(error).__name__}: {error}")
        return Response(text, _OK, "local", "local")

    def fork(self) -> LocalSession:
        """An independent session in the same state."""
        self._shared = True
        twin = LocalSession(self._simulator, self._state)
        twin._shared = True
        return twin

    def shown_state(self) -> JsonValue:
        """The state as JSON, copied; None where there is none, or it has no JSON form."""
        return shown_state(self._state)

    def __reduce__(self) -> tuple[object, ...]:
        return LocalSession, (self._simulator, self._state)


async def _awaited(
    function: Callable[..., Any], first: tuple[object, ...], arguments: Mapping[str, Any]
) -> object:
    return await wait(lambda: function(*first, **arguments))


_OK = Status.OK  # read once: until Python 3.12, each reading of an enumeration's member is a call


def _failure(status: Status, message: str, body: JsonValue = None) -> Response:
    return Response.of(body, error=message, status=status, source="local", origin="local")
