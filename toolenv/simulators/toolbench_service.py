"""ToolBench's hosted server, and whatever speaks its protocol, as a simulator.

A call is one POST of ``category``, ``tool_name``, ``api_name``, ``tool_input`` (the arguments as
JSON text), ``strip`` and ``toolbench_key``, names standardised; the key is also a header. The reply
is ``{"error": …, "response": …}`` with HTTP 200. ToolBench's server has it at ``/rapidapi``,
StableToolBench's and ``toolenv serve`` at ``/virtual``.

The error is classified by the few sentences that the server has for it, compared as a whole. Any
other error is one of the API. An HTTP status other than 200 is the service's failure, and never
recorded as an API's answer.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from toolenv.apis import API
from toolenv.episodes import Origin, Response, Status
from toolenv.errors import ConfigurationError
from toolenv.fingerprint import fingerprint
from toolenv.jsontext import JsonValue, parse, render
from toolenv.simulators.web import WebClient, WebError, WebLimits, WebReply, WebRequest, response_of
from toolenv.simulators.web_options import web_options
from toolenv.simulators.web_simulator import WebSimulator

__all__ = ["ToolBenchService", "open_toolbench_service"]

_ERRORS: Final = {
    "api not working error": Status.NOT_FOUND,
    "unauthorized error": Status.UNAUTHORISED,
    "unsubscribed error": Status.NOT_SUBSCRIBED,
    "too many requests error": Status.TOO_MANY_REQUESTS,
    "rate limit per minute error": Status.RATE_LIMITED,
    "rate limit error": Status.RATE_LIMITED,
    "message error": Status.API_ERROR,
    "timeout error": Status.TIMEOUT,
    "gateway error": Status.SEND_ERROR,
    "tool input parse error": Status.BAD_INPUT,
    "failed to generate fake response": Status.SEND_ERROR,
}
"""What the servers state as ``error``, without dots and case."""

_PASSED_ON: Final = frozenset({Status.TOO_MANY_REQUESTS, Status.RATE_LIMITED, Status.TIMEOUT})
_ORIGINS: Final = ("live", "simulated", "unknown")


class ToolBenchService(WebSimulator):
    """Answers calls by asking a server that speaks ToolBench's protocol.

    Args:
        url: Where it is, path included: ``http://127.0.0.1:8080/virtual``. Whoever names it here
            allows its address, whatever that is.
        key_variable: The environment variable with the key; without one an empty key is sent.
        strip: What the server is asked to do with long responses: ``truncate``, ``filter`` or
            ``random``.
        origin: What its answers are: ``live``, ``simulated``, or ``unknown`` where it mixes them.
        limits: How long, how much and how often.
        allow_private: Further hosts that may have an address that is not public.
        safe_to_repeat: See ``LiveSimulator``.

    Raises:
        ConfigurationError: The address is none or holds a password, or an option is unknown.
    """

    def __init__(
        self,
        url: str,
        *,
        key_variable: str = "TOOLBENCH_KEY",
        strip: str = "truncate",
        origin: Origin = "unknown",
        limits: WebLimits = WebLimits(),  # noqa: B008 immutable
        allow_private: Collection[str] = (),
        safe_to_repeat: Collection[str] = (),
    ) -> None:
        super().__init__(safe_to_repeat=safe_to_repeat)
        if origin not in _ORIGINS:
            raise ConfigurationError(
                f"{origin!r} is no origin.", where="origin", fix=f"One of {', '.join(_ORIGINS)}."
            )
        host = _host(url)
        self.url = url
        self.strip = strip
        self.origin: Origin = origin
        self._key = os.environ.get(key_variable, "").strip()
        self._size = limits.size
        self._client = WebClient(
            [host], allow_private=[host, *allow_private], limits=limits, secrets=[self._key]
        )

    @property
    def fingerprint(self) -> str:
        """A digest of the address and of what is asked for; the key has no part in it."""
        parts = ["toolbench", self.url, self.strip, self.origin, self._size]
        return fingerprint("simulator", parts)

    async def answer(self, api: API, arguments: Mapping[str, JsonValue]) -> Response | None:
        """Ask the service; None for an API whose category, tool or name is not known."""
        identity = api.identity
        if not (identity.category and identity.tool and identity.api):
            return None
        body = {
            "category": identity.category,
            "tool_name": identity.tool,
            "api_name": identity.api,
            "tool_input": render(dict(arguments)),
            "strip": self.strip,
            "toolbench_key": self._key,
        }
        headers = {"content-type": "application/json"}
        if self._key:
            headers["toolbench_key"] = self._key
        request = WebRequest(
            "POST", self.url, headers, render(body).encode(), repeatable=not api.mutates
        )
        try:
            response = self._read(await self._client.send(request))
        except WebError as error:
            return self._failed(error.status, error.what.rstrip("."))
        return response._replace(text=self._client.hide(response.text))

    def _read(self, reply: WebReply) -> Response:
        if reply.status != 200:
            found = response_of(reply)
            status = found.status if found.status in _PASSED_ON else Status.SEND_ERROR
            return found._replace(status=status, origin=self.origin)
        try:
            said = parse(reply.content)
        except ValueError:
            said = None
        if not isinstance(said, dict) or "response" not in said:
            return self._failed(Status.SEND_ERROR, "the service's reply is no error and response")
        stated = said.get("error")
        error = stated if isinstance(stated, str) else "" if stated is None else render(stated)
        status = Status.OK
        if error.strip():
            status = _ERRORS.get(error.strip().rstrip(".").strip().lower(), Status.API_ERROR)
        return Response.of(
            said["response"], error=error, status=status, source="live", origin=self.origin
        )

    def _failed(self, status: Status, error: str) -> Response:
        return Response.of("", error=error, status=status, source="live", origin=self.origin)


def open_toolbench_service(place: str, options: dict[str, Any]) -> ToolBenchService:
    """The simulator that ``toolbench:URL?option=…`` describes.

    Args:
        place: The address of the service.
        options: ``strip``, ``origin``, ``key_variable``, and those of every live simulator
            (``per_second``, ``calls``, ``timeout``, ``connect``, ``size``, ``attempts``,
            ``in_flight``, ``allow_private``, ``safe_to_repeat``).

    Raises:
        ConfigurationError: The address or an option cannot be used.
    """
    return ToolBenchService(place, **web_options(options), **options)


def _host(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port, True)
    except ValueError:
        usable = False
    if not usable:
        raise ConfigurationError(
            "The address of the service cannot be used.",
            where="url",
            fix="Write it as http://HOST:PORT/virtual.",
        )
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError(
            "The address of the service holds a password.",
            where="url",
            fix="Put the key into the environment variable TOOLBENCH_KEY.",
        )
    return parts.netloc
