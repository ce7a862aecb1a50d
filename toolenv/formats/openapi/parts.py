"""The parts of a description as openapi-pydantic's models, of version 3.0 or 3.1.

Schemas, examples and responses are taken out before a part is checked: calls do not depend on
whether those keep every rule, and ``toolenv.formats.openapi.schemas`` reads schemas itself.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar, cast

from pydantic import BaseModel, ValidationError

from toolenv.errors import ConfigurationError, FormatError
from toolenv.formats.openapi.documents import Located, pointer
from toolenv.jsontext import JsonValue

if TYPE_CHECKING:
    from openapi_pydantic.v3 import v3_1

__all__ = ["Parts", "parts_of", "read_part"]

_Part = TypeVar("_Part", bound=BaseModel)


class Parts(NamedTuple):
    """The models of one version; those of 3.0 have the same fields."""

    operation: type[v3_1.Operation]
    parameter: type[v3_1.Parameter]
    body: type[v3_1.RequestBody]
    response: type[v3_1.Response]
    server: type[v3_1.Server]
    scheme: type[v3_1.SecurityScheme]


def parts_of(version: str) -> Parts:
    """The models of a version.

    Raises:
        ConfigurationError: The library is not installed.
    """
    try:
        from openapi_pydantic.v3 import v3_0, v3_1
    except ImportError:
        raise ConfigurationError(
            "Reading OpenAPI needs libraries that are not installed.",
            fix="Install them: pip install 'toolenv[openapi]'.",
        ) from None
    models = v3_0 if version.startswith("3.0") else v3_1
    return Parts(
        cast("type[v3_1.Operation]", models.Operation),
        cast("type[v3_1.Parameter]", models.Parameter),
        cast("type[v3_1.RequestBody]", models.RequestBody),
        cast("type[v3_1.Response]", models.Response),
        cast("type[v3_1.Server]", models.Server),
        cast("type[v3_1.SecurityScheme]", models.SecurityScheme),
    )


_UNCHECKED: Final = frozenset({"schema", "example", "examples"})


def read_part(model: type[_Part], found: Located, without: Collection[str] = ()) -> _Part:
    """Read a part of a description.

    Args:
        model: Its model.
        found: The part, its references followed.
        without: Keys that are not looked at, beside schemas and examples.

    Raises:
        FormatError: It is not as OpenAPI says; the place is that of the first problem.
    """
    raw = found.object()
    try:
        return model.model_validate(_plain(raw, frozenset(without)))
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        telling = [one for one in problems if "Reference" not in one["loc"]] or problems
        first = telling[0]
        raise FormatError(
            f"{first['msg']}.",
            where=pointer(found.where, *_place(raw, first["loc"])),
            fix="Mend it as OpenAPI says.",
        ) from None


def _plain(raw: Mapping[str, JsonValue], without: frozenset[str]) -> dict[str, JsonValue]:
    plain: dict[str, JsonValue] = {}
    for key, value in raw.items():
        if key in _UNCHECKED or key in without:
            continue
        if key == "content" and isinstance(value, dict):
            value = {
                kind: _plain(media, frozenset()) if isinstance(media, dict) else media
                for kind, media in value.items()
            }
        plain[key] = value
    return plain


def _place(raw: JsonValue, loc: tuple[int | str, ...]) -> list[int | str]:
    """Where an error is, without the names of models that unions add."""
    place: list[int | str] = []
    value: JsonValue = raw
    for number, part in enumerate(loc):
        if isinstance(value, dict) and str(part) in value:
            value = value[str(part)]
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        elif number < len(loc) - 1:
            continue
        place.append(part)
    return place
