"""Request bodies: one parameter per property where the body is an object, else one for it all."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from toolenv.formats.openapi.documents import Documents, Located
from toolenv.formats.openapi.parts import Parts, read_part
from toolenv.formats.openapi.routes import Body, Placement, Style
from toolenv.formats.openapi.schemas import Schemas
from toolenv.formats.report import ReadReport
from toolenv.jsontext import JsonValue
from toolenv.names import standard_parameter

if TYPE_CHECKING:
    from openapi_pydantic.v3 import v3_1

__all__ = ["BodyField", "is_json", "preferred", "read_body"]

_FORM: Final = "application/x-www-form-urlencoded"
_MULTIPART: Final = "multipart/form-data"
_BODY: Final = "body"
_BROAD: Final = "*/*"


class BodyField(NamedTuple):
    """A parameter that a body has.

    Args:
        name: Its name, as the source spells it.
        placement: Where it goes.
        schema: What it accepts.
        required: Whether a call must give it.
        description: What the source says of it.
    """

    name: str
    placement: Placement
    schema: dict[str, JsonValue]
    required: bool
    description: str


def is_json(media_type: str) -> bool:
    """Whether a media type is JSON.

    Example:
        >>> is_json("application/json; charset=utf-8"), is_json("application/problem+json")
        (True, True)
    """
    plain = media_type.partition(";")[0].strip().lower()
    return plain in ("application/json", "text/json") or plain.endswith("+json")


def preferred(media_types: Collection[str]) -> str:
    """The media type that is used where a description offers several: JSON, forms, text, others."""

    def rank(media_type: str) -> int:
        plain = media_type.partition(";")[0].strip().lower()
        if is_json(plain):
            return 0
        known = {_BROAD: 1, "application/*": 1, _FORM: 2, _MULTIPART: 3}
        return known.get(plain, 4 if plain.startswith("text/") else 5)

    return min(media_types, key=rank)


def read_body(
    found: Located,
    taken: Collection[str],
    *,
    documents: Documents,
    schemas: Schemas,
    parts: Parts,
    report: ReadReport,
) -> tuple[Body | None, list[BodyField]]:
    """Read a request body.

    Args:
        found: The operation's ``requestBody``.
        taken: The names under which policies give the operation's parameters.
        documents: The description.
        schemas: Reads its schemas.
        parts: The models of its version.
        report: Where unusual forms are counted.

    Raises:
        FormatError: It is not as OpenAPI says.
    """
    found = documents.follow(found)
    body = read_part(parts.body, found)
    if not body.content:
        report.note("request body without a media type", found.where)
        return None, []
    written = preferred(body.content)
    media = found.child("content", written)
    content_type = "application/json" if written in (_BROAD, "application/*") else written
    kept = Body(content_type=content_type, required=body.required)
    schema_place = media.child("schema")
    schema: dict[str, JsonValue] = {}
    if schema_place.value is not None:
        schema = schemas.read(schema_place, "request")
    plain = content_type.partition(";")[0].strip().lower()
    properties = _properties(schema) if is_json(plain) or plain in (_FORM, _MULTIPART) else None
    if properties is not None and not _clash(properties[0], taken):
        encodings = body.content[written].encoding or {}
        return kept, [
            BodyField(
                name,
                _property_placement(name, one, plain, encodings),
                one,
                body.required and name in properties[1],
                _text(one.get("description")),
            )
            for name, one in properties[0].items()
        ]
    about = (body.description or "").strip()
    if not (is_json(plain) or plain in (_FORM, _MULTIPART)):
        schema = {"type": "string", **{k: v for k, v in schema.items() if k in _TOLD}}
        about = f"{about} The body as {plain}.".strip()
    placement = Placement(place="body", name=_BODY, whole=True, content_type=content_type)
    return kept, [BodyField(_BODY, placement, schema, body.required, about)]


_TOLD: Final = frozenset(
    {"title", "description", "examples", "maxLength", "minLength", "pattern", "enum", "format"}
)


def _properties(
    schema: Mapping[str, JsonValue],
) -> tuple[dict[str, dict[str, JsonValue]], set[str]] | None:
    """The properties of an object and which it requires; None where a schema says more than that.

    What ``allOf`` joins is one object.
    """
    kind = schema.get("type")
    kinds = kind if isinstance(kind, list) else [kind]
    if kind is not None and "object" not in kinds:
        return None
    if schema.keys() & _ALTERNATIVES or schema.get("additionalProperties") not in (None, False):
        return None
    found: dict[str, dict[str, JsonValue]] = {}
    properties = schema.get("properties")
    for name, one in (properties if isinstance(properties, dict) else {}).items():
        found[name] = one if isinstance(one, dict) else {}
    required = schema.get("required")
    names = set(map(str, required)) if isinstance(required, list) else set()
    members = schema.get("allOf")
    for member in members if isinstance(members, list) else []:
        inner = _properties(member) if isinstance(member, dict) else None
        if inner is None:
            return None
        for name, one in inner[0].items():
            found[name] = one if name not in found else {"allOf": [found[name], one]}
        names |= inner[1]
    return (found, names) if found else None


_ALTERNATIVES: Final = frozenset(
    {"oneOf", "anyOf", "not", "if", "patternProperties", "minProperties", "maxProperties"}
)


def _clash(properties: Mapping[str, object], taken: Collection[str]) -> bool:
    keys = [standard_parameter(name) or name for name in properties]
    return len(set(keys)) < len(keys) or not set(keys).isdisjoint(taken)


def _property_placement(
    name: str,
    schema: Mapping[str, JsonValue],
    media_type: str,
    encodings: Mapping[str, v3_1.Encoding],
) -> Placement:
    """How a property of a body is written; for JSON its place is all there is to say."""
    if is_json(media_type):
        return Placement(place="body", name=name)
    encoding = encodings.get(name)
    styled = encoding is not None and (encoding.style or encoding.explode is not None)
    kind: Any = schema.get("type")
    kinds = kind if isinstance(kind, list) else [kind]
    content_type = (encoding.contentType or "") if encoding is not None else ""
    if styled and encoding is not None and media_type == _FORM:
        style = cast("Style", encoding.style or "form")
        explode = style == "form" if encoding.explode is None else encoding.explode
        reserved = bool(encoding.allowReserved)
        return Placement(
            place="body", name=name, style=style, explode=explode, allow_reserved=reserved
        )
    if not content_type and "object" in kinds:
        content_type = "application/json"
    if not content_type and media_type == _MULTIPART and _is_binary(schema):
        content_type = "application/octet-stream"
    return Placement(place="body", name=name, style="form", explode=True, content_type=content_type)


def _is_binary(schema: Mapping[str, JsonValue]) -> bool:
    return schema.get("format") == "binary" or "contentMediaType" in schema


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else ""
