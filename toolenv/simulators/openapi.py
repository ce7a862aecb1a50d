"""An OpenAPI description answers calls: each becomes the HTTP request that it asks for.

Serves what ``toolenv.formats.openapi`` read, straight from the description or from a file that was
made of it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from os import PathLike
from typing import Any, Final
from urllib.parse import urlsplit

from toolenv.apis import API, Identity
from toolenv.episodes import Response
from toolenv.errors import ConfigurationError
from toolenv.fingerprint import fingerprint
from toolenv.formats.openapi import Route, read_apis
from toolenv.jsontext import JsonValue
from toolenv.simulators.base import Session
from toolenv.simulators.openapi_keys import Keys
from toolenv.simulators.openapi_requests import CallPlan, make_request, plan_of
from toolenv.simulators.openapi_values import CannotSendError
from toolenv.simulators.web import WebClient, WebLimits, respond
from toolenv.simulators.web_responses import unsent
from toolenv.simulators.web_options import web_options
from toolenv.simulators.web_simulator import WebSimulator
from toolenv.tasks import Task

__all__ = ["OpenAPISimulator", "open_openapi"]

_IN_BRACES: Final = re.compile(r"\{([^{}]*)\}")


class OpenAPISimulator(WebSimulator):
    """Answers the calls of a description's APIs by asking its server.

    A task's APIs are found by category, tool and name; those of no description are left to the
    next simulator. Keys come from the environment, one variable for each security scheme
    (``toolenv.simulators.openapi_keys.variable_of``), and travel over TLS only, or to hosts
    allowed by name.

    Args:
        apis_or_file: A description (JSON or YAML), a task file or a tool folder that was made of
            one, or APIs.
        server: The address to call instead of the description's servers, with its path.
        variables: Values for variables in the servers' addresses, instead of their defaults.
        keys: Security scheme to environment variable.
        anonymous: Whether APIs whose keys are not set are called without.
        limits: How long, how much and how often.
        allow_private: Hosts (``host`` or ``host:port``) that may have a private, loopback or
            link-local address, and be sent keys without TLS.
        safe_to_repeat: See ``LiveSimulator``.

    Raises:
        FormatError: The file cannot be read.
        ConfigurationError: None of the APIs comes from a description, or a server's address is
            relative or is none.
    """

    def __init__(
        self,
        apis_or_file: Sequence[API] | str | PathLike[str],
        *,
        server: str | None = None,
        variables: Mapping[str, str] | None = None,
        keys: Mapping[str, str] | None = None,
        anonymous: bool = False,
        limits: WebLimits = WebLimits(),  # noqa: B008 immutable
        allow_private: Collection[str] = (),
        safe_to_repeat: Collection[str] = (),
    ) -> None:
        super().__init__(safe_to_repeat=safe_to_repeat)
        apis = (
            read_apis(apis_or_file, skip_bad=True)
            if isinstance(apis_or_file, str | PathLike)
            else apis_or_file
        )
        self._anonymous = anonymous
        self._private = frozenset(host.lower() for host in allow_private)
        self._plans: dict[Identity, tuple[CallPlan, str]] = {}
        for api in apis:
            plan = plan_of(api)
            if plan is not None:
                base = _base(plan.route, server, variables or {})
                self._plans.setdefault(api.identity, (plan, base))
        if not self._plans:
            raise ConfigurationError(
                "None of these APIs comes from an OpenAPI description.",
                where=str(apis_or_file) if isinstance(apis_or_file, str | PathLike) else "",
                fix="Name the description itself, or what 'toolenv tools import' made of it.",
            )
        plans = [plan for plan, _ in self._plans.values()]
        self._keys = Keys([(plan.api.tool, plan.route) for plan in plans], keys or {})
        self._size = limits.size
        self._client = WebClient(
            frozenset(urlsplit(base).netloc for _, base in self._plans.values()),
            allow_private=allow_private,
            limits=limits,
            secrets=self._keys.secrets,
        )

    @property
    def apis(self) -> tuple[API, ...]:
        """The APIs that it answers."""
        return tuple(plan.api for plan, _ in self._plans.values())

    @property
    def fingerprint(self) -> str:
        """A digest of the APIs and of where they are called; keys have no part in it."""
        plans = [
            [*identity, base, plan.api.model_dump(mode="json")]
            for identity, (plan, base) in sorted(self._plans.items())
        ]
        return fingerprint("simulator", ["openapi", plans, self._anonymous, self._size])

    def open(self, task: Task, seed: int) -> Session:
        """A fresh session for one episode.

        Raises:
            ConfigurationError: The task offers an API whose key is not set, or would travel
                without TLS.
        """
        for api in task.named_apis.values():
            found = self._find(api)
            if found is not None:
                self._check_keys(*found)
        return super().open(task, seed)

    async def answer(self, api: API, arguments: Mapping[str, JsonValue]) -> Response | None:
        """Ask the server; None for an API of no description."""
        found = self._find(api)
        if found is None:
            return None
        plan, base = found
        credentials = self._keys.credentials(plan.api.tool, plan.route)
        try:
            request = make_request(plan, arguments, base, credentials)
        except CannotSendError as error:
            return unsent(str(error))
        return await respond(self._client, request)

    def _find(self, api: API) -> tuple[CallPlan, str] | None:
        """How an API is called; one that says less of itself is found where only one fits."""
        found = self._plans.get(api.identity)
        if found is not None:
            return found
        fitting = [plan for known, plan in self._plans.items() if known.joins(api.identity)]
        return fitting[0] if len(fitting) == 1 else None

    def _check_keys(self, plan: CallPlan, base: str) -> None:
        tool, route = plan.api.tool, plan.route
        missing = self._keys.missing(tool, route)
        if missing and not self._anonymous:
            raise ConfigurationError(
                f"{plan.api.name} of {tool} needs a key that is not set.",
                where=" or ".join(dict.fromkeys(missing)),
                fix="Set the environment variable, name another with keys, or say that calls "
                "without keys are meant: anonymous.",
            )
        parts = urlsplit(base)
        own = {parts.netloc.lower(), (parts.hostname or "").lower()} & self._private
        if parts.scheme != "https" and not own and any(self._keys.credentials(tool, route)):
            raise ConfigurationError(
                f"The key for {tool} would travel without encryption.",
                where=base,
                fix="Give the server's https address: server=https://….",
            )


def open_openapi(place: str, options: dict[str, Any]) -> OpenAPISimulator:
    """The simulator that ``openapi:FILE?option=…`` describes.

    Args:
        place: A description, a task file or a tool folder.
        options: ``server``; ``keys`` (``scheme:VARIABLE``) and ``variables`` (``name:value``),
            lists with commas; ``anonymous``; and those of ``web_options``.

    Raises:
        ConfigurationError: An option cannot be used.
    """
    arguments = web_options(options)
    for name in ("keys", "variables"):
        if name in options:
            arguments[name] = _pairs(name, options.pop(name))
    if "anonymous" in options:
        arguments["anonymous"] = options.pop("anonymous").lower() in ("1", "true", "yes", "")
    return OpenAPISimulator(place, **arguments, **options)


def _pairs(option: str, text: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for one in filter(None, text.split(",")):
        name, colon, value = one.partition(":")
        if not colon or not name or not value:
            raise ConfigurationError(
                f"{one!r} is no pair.", where=option, fix="Write name:value, separated by commas."
            )
        pairs[name] = value
    return pairs


def _base(route: Route, server: str | None, variables: Mapping[str, str]) -> str:
    """The address that an API's path is added to."""
    base = server
    if base is None:
        chosen = route.servers[0] if route.servers else None
        values = {**(chosen.variables if chosen else {}), **variables}
        base = chosen.url if chosen else "/"
        base = _IN_BRACES.sub(lambda match: values.get(match[1], match[0]), base)
    try:
        parts = urlsplit(base)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if not parts.scheme and not parts.netloc and server is None:
        raise ConfigurationError(
            f"The description says where its server is only in part: {base!r}.",
            where="server",
            fix="Give the whole address: server=https://host/path.",
        )
    if (
        parts.scheme not in ("http", "https")
        or not host
        or _IN_BRACES.search(base)
        or parts.query
        or parts.fragment
        or "@" in parts.netloc
    ):
        raise ConfigurationError(
            f"{_without_user(base)!r} is no address of a server.",
            where="server",
            fix="Give one like server=https://host/path.",
        )
    return base


def _without_user(address: str) -> str:
    return re.sub(r"//[^/@]*@", "//…@", address)
