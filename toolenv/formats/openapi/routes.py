"""What an imported API must keep of its description so that calls can be sent.

Both are kept under the key ``openapi``: an API's ``Route`` and a parameter's ``Placement``. They
are plain data, survive our task files and ToolBench's tool folders, and never hold a key.
"""

from __future__ import annotations

from typing import Literal, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from toolenv.apis import API, Parameter
from toolenv.errors import FormatError

__all__ = [
    "KEY",
    "Body",
    "Place",
    "Placement",
    "Route",
    "Scheme",
    "Server",
    "Style",
    "kept",
    "placement_of",
    "route_of",
]

KEY = "openapi"
"""The key of an API and of a parameter under which these are kept."""

Place: TypeAlias = Literal["path", "query", "header", "cookie", "body"]
Style: TypeAlias = Literal[
    "simple", "label", "matrix", "form", "spaceDelimited", "pipeDelimited", "deepObject"
]


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow")


_Read = TypeVar("_Read", bound=_Kept)


class Placement(_Kept):
    """Where a parameter goes, and how it is written there.

    Args:
        place: Which part of the request: OpenAPI's ``in``, or the body.
        name: The name there.
        style: How lists and objects are written.
        explode: Whether their members are written apart.
        allow_reserved: Whether reserved characters are sent as they are.
        content_type: The media type in which the value is written, instead of a style.
        whole: Whether it is the whole body.
        extensions: What the description says of it in keys that begin with ``x-``.
    """

    place: Place
    name: str
    style: Style = "simple"
    explode: bool = False
    allow_reserved: bool = False
    content_type: str = ""
    whole: bool = False
    extensions: dict[str, JsonValue] = Field(default_factory=dict)


class Server(_Kept):
    """One server: an address, maybe relative, with variables in braces and their defaults."""

    url: str
    variables: dict[str, str] = Field(default_factory=dict)


class Scheme(_Kept):
    """A security scheme, without its key.

    Args:
        type: ``apiKey``, ``http``, ``oauth2``, ``openIdConnect`` or ``mutualTLS``.
        name: The header, query parameter or cookie of an ``apiKey``.
        place: ``header``, ``query`` or ``cookie`` for an ``apiKey``: OpenAPI's ``in``.
        scheme: ``basic`` or ``bearer`` for ``http``.
    """

    type: str
    name: str = ""
    place: str = ""
    scheme: str = ""


class Body(_Kept):
    """The request body: its media type, and whether a request must have one."""

    content_type: str
    required: bool = False


class Route(_Kept):
    """How an API is called.

    Args:
        path: The path, with parameters in braces.
        operation: The ``operationId``, empty where there is none.
        tags: The operation's tags.
        servers: Where it is served; the first is used.
        security: Alternatives, each naming the schemes that it takes together.
        schemes: The schemes by name.
        body: The request body, where there is one.
        accept: The media types of the answer.
        deprecated: Whether the description says so.
        extensions: What the description says in keys that begin with ``x-``.
    """

    path: str
    operation: str = ""
    tags: tuple[str, ...] = ()
    servers: tuple[Server, ...] = ()
    security: tuple[tuple[str, ...], ...] = ()
    schemes: dict[str, Scheme] = Field(default_factory=dict)
    body: Body | None = None
    accept: str = "*/*"
    deprecated: bool = False
    extensions: dict[str, JsonValue] = Field(default_factory=dict)


def kept(value: _Kept) -> dict[str, JsonValue]:
    """A route or placement as plain data, without what is as by default."""
    return value.model_dump(mode="json", exclude_defaults=True)


def route_of(api: API) -> Route | None:
    """How an imported API is called; None where its file does not say.

    Raises:
        FormatError: What it says cannot be read.
    """
    raw = api.unknown.get(KEY)
    return None if raw is None else _read(Route, raw, f"{api.tool}/{api.name}.{KEY}")


def placement_of(api: API, parameter: Parameter) -> Placement | None:
    """Where a parameter goes; None where its file does not say.

    Raises:
        FormatError: What it says cannot be read.
    """
    raw = parameter.unknown.get(KEY)
    where = f"{api.tool}/{api.name}({parameter.name}).{KEY}"
    return None if raw is None else _read(Placement, raw, where)


def _read(kind: type[_Read], raw: JsonValue, where: str) -> _Read:
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise FormatError(
            f"{first['msg']}.",
            where=f"{where}.{place}" if place else where,
            fix="Import the description again.",
        ) from None
