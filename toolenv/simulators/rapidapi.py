"""RapidAPI, for real: ToolBench's tool files say where each API is, the user's key opens it."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from os import PathLike
from typing import Any

from toolenv.apis import API, Identity
from toolenv.episodes import Response
from toolenv.errors import ConfigurationError
from toolenv.fingerprint import fingerprint
from toolenv.formats.toolbench.tools import read_tools
from toolenv.jsontext import JsonValue
from toolenv.simulators.pacing import Pace
from toolenv.simulators.rapidapi_endpoints import (
    ArgumentError,
    Endpoint,
    endpoint_of,
    request_of,
)
from toolenv.simulators.web import WebClient, WebLimits, respond
from toolenv.simulators.web_responses import unsent
from toolenv.simulators.web_options import take_number, web_options
from toolenv.simulators.web_simulator import WebSimulator

__all__ = ["RapidAPISimulator", "open_rapidapi"]

_GATEWAY = ".rapidapi.com"


class RapidAPISimulator(WebSimulator):
    """Answers the calls of a tool folder's APIs by asking RapidAPI.

    A task's APIs are found by category, tool and name, since instruction files hold no addresses.
    An API that the folder lacks, or whose address it does not say, is left to the next simulator.
    Arguments are not held against the documentation: the server decides.

    The key goes to RapidAPI's own hosts, over TLS, and to hosts allowed by name; never to another
    host that a tool file may name.

    Args:
        apis_or_folder: A tool folder (``toolenv/tools``), or the APIs that were read from one.
        key_variable: The environment variable that holds the key.
        limits: How long, how much and how often; the rate is that for one host.
        key_per_second: Requests a second with this key, over all hosts; None for no limit.
        allow_private: Hosts (``host`` or ``host:port``) that may have a private, loopback or
            link-local address, be asked without TLS, and get the key: a gateway of your own.
        safe_to_repeat: See ``LiveSimulator``.

    Raises:
        ConfigurationError: The environment variable is not set, or a limit makes no sense.
        FormatError: There is no such folder.
    """

    def __init__(
        self,
        apis_or_folder: Sequence[API] | str | PathLike[str],
        *,
        key_variable: str = "RAPIDAPI_KEY",
        limits: WebLimits = WebLimits(),  # noqa: B008 immutable
        key_per_second: float | None = None,
        allow_private: Collection[str] = (),
        safe_to_repeat: Collection[str] = (),
    ) -> None:
        super().__init__(safe_to_repeat=safe_to_repeat)
        key = os.environ.get(key_variable, "").strip()
        if not key:
            raise ConfigurationError(
                "There is no key for RapidAPI.",
                where=key_variable,
                fix=f"Set the environment variable {key_variable}; keys are on rapidapi.com.",
            )
        apis = (
            read_tools(apis_or_folder, skip_bad=True)
            if isinstance(apis_or_folder, str | PathLike)
            else apis_or_folder
        )
        self._own = frozenset(host.lower() for host in allow_private)
        self._endpoints: dict[Identity, Endpoint] = {}
        without: list[Identity] = []
        for api in apis:
            endpoint = endpoint_of(api)
            if endpoint is None:
                without.append(api.identity)
            else:
                self._endpoints.setdefault(api.identity, self._encrypted(endpoint))
        self.without_address = tuple(without)
        self._headers = {"x-rapidapi-key": key}
        self._size = limits.size
        self._client = WebClient(
            frozenset(endpoint.host for endpoint in self._endpoints.values()),
            allow_private=allow_private,
            limits=limits,
            secrets=[key],
            paces=[Pace(key_per_second)],
        )

    @property
    def fingerprint(self) -> str:
        """A digest of where its calls go; the key has no part in it."""
        places = [
            [*identity, endpoint.method, endpoint.address, endpoint.body]
            for identity, endpoint in self._endpoints.items()
        ]
        return fingerprint("simulator", ["rapidapi", sorted(places), self._size])

    async def answer(self, api: API, arguments: Mapping[str, JsonValue]) -> Response | None:
        """Ask RapidAPI; None for an API whose address is not known."""
        endpoint = self._endpoints.get(api.identity)
        if endpoint is None:
            return None
        headers = {"x-rapidapi-host": endpoint.gateway_host}
        if self._gets_key(endpoint.host):
            headers.update(self._headers)
        try:
            request = request_of(endpoint, arguments, headers)
        except ArgumentError as error:
            return unsent(str(error))
        return await respond(self._client, request)

    def _is_own(self, host: str) -> bool:
        host = host.lower()
        return host in self._own or host.rpartition(":")[0] in self._own

    def _gets_key(self, host: str) -> bool:
        return host.lower().endswith(_GATEWAY) or self._is_own(host)

    def _encrypted(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint over TLS, but for a host of the user's own."""
        scheme, separator, rest = endpoint.address.partition("://")
        if scheme == "https" or self._is_own(endpoint.host):
            return endpoint
        return endpoint._replace(address=f"https{separator}{rest}")


def open_rapidapi(place: str, options: dict[str, Any]) -> RapidAPISimulator:
    """The simulator that ``rapidapi:TOOLS_FOLDER?option=…`` describes.

    Args:
        place: The tool folder.
        options: ``per_second``, ``key_per_second``, ``calls``, ``timeout``, ``connect``, ``size``,
            ``attempts``, ``in_flight``, ``key_variable``, and lists with commas ``allow_private``
            and ``safe_to_repeat``.

    Raises:
        ConfigurationError: An option cannot be used, or there is no key.
    """
    arguments = web_options(options)
    rate = take_number(options, "key_per_second")
    return RapidAPISimulator(place, key_per_second=rate, **arguments, **options)
