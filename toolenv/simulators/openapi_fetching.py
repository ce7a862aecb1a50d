"""Descriptions from the web, fetched when asked for and never because another refers to them."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from toolenv import bridge
from toolenv.apis import API
from toolenv.errors import FormatError
from toolenv.formats.openapi import LONGEST, parse_openapi
from toolenv.formats.report import ReadReport
from toolenv.simulators.web import WebClient, WebLimits, WebRequest

__all__ = ["fetch_openapi"]


def fetch_openapi(
    address: str,
    *,
    tool: str = "",
    category: str | None = None,
    skip_bad: bool = False,
    report: ReadReport | None = None,
    allow_private: Collection[str] = (),
) -> list[API]:
    """Fetch a description and read its operations as the APIs of one tool.

    Args:
        address: Its address, http or https.
        tool: The tool's name; the description's title by default.
        category: The category of every API; by default the first tag of each operation.
        skip_bad: Leave out operations that cannot be read, each recorded in the report.
        report: Where operations read and skipped and unusual forms are counted.
        allow_private: Hosts that may have a private, loopback or link-local address.

    Raises:
        FormatError: What is there is no description.
        SimulatorError: The server gives no answer within the limits, or is refused.
    """
    accept = {"Accept": "application/json, application/yaml, */*;q=0.5"}
    host = urlsplit(address).netloc.rpartition("@")[2]
    client = WebClient([host], allow_private=allow_private, limits=WebLimits(size=LONGEST))
    try:
        reply = bridge.run(client.send(WebRequest("GET", address, accept)))
    finally:
        client.close()
    if reply.status != 200:
        raise FormatError(
            f"The server answers HTTP {reply.status}.", where=address, fix="Check the address."
        )
    try:
        text = reply.content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(
            f"What is there is not UTF-8 text: {error}.", where=address, fix="Check the address."
        ) from None
    return parse_openapi(
        text, address, tool=tool, category=category, skip_bad=skip_bad, report=report
    )
