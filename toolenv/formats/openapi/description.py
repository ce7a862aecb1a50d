"""OpenAPI 3.0 and 3.1 descriptions (https://spec.openapis.org/oas) as the APIs of a tool."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from toolenv.apis import API
from toolenv.errors import FormatError
from toolenv.formats.fields import kind_of
from toolenv.formats.openapi.documents import Documents, pointer
from toolenv.formats.openapi.operations import Operations
from toolenv.formats.openapi.parts import parts_of
from toolenv.formats.openapi.places import operation_names, operation_places
from toolenv.formats.openapi.schemas import Schemas
from toolenv.formats.openapi.text import read_value, value_of
from toolenv.formats.report import ReadReport
from toolenv.jsontext import JsonValue

__all__ = ["description_of", "is_description", "parse_openapi", "read_openapi"]


def read_openapi(
    path: str | PathLike[str],
    *,
    tool: str = "",
    category: str | None = None,
    skip_bad: bool = False,
    report: ReadReport | None = None,
) -> list[API]:
    """Read a description's operations as the APIs of one tool.

    Each API and each parameter keeps, under the key ``openapi``, what sending a call takes.

    Args:
        path: The description, JSON or YAML. References to other files lead inside its folder.
        tool: The tool's name; the description's title by default.
        category: The category of every API; by default the first tag of each operation.
        skip_bad: Leave out operations that cannot be read, each recorded in the report.
        report: Where operations read and skipped and unusual forms are counted.

    Raises:
        FormatError: It is no description of version 3.0 or 3.1, or (without ``skip_bad``) an
            operation cannot be called as it is described.
        ConfigurationError: The libraries that read OpenAPI are not installed.
    """
    path = Path(path)
    value = read_value(path)
    return description_of(
        value, path, tool=tool, category=category, skip_bad=skip_bad, report=report
    )


def description_of(
    value: JsonValue,
    path: Path,
    *,
    tool: str = "",
    category: str | None = None,
    skip_bad: bool = False,
    report: ReadReport | None = None,
) -> list[API]:
    """The same for a file that is read already.

    Args:
        value: What it holds.
        path: The file.
        tool: The tool's name; the description's title by default.
        category: The category of every API; by default the first tag of each operation.
        skip_bad: Leave out operations that cannot be read, each recorded in the report.
        report: Where operations read and skipped and unusual forms are counted.

    Raises:
        FormatError: As for ``read_openapi``.
    """
    resolved = path.resolve()
    _check_version(value, str(path))  # before any library is asked for
    documents = Documents(value, resolved.as_uri(), path.name, resolved.parent)
    return _read(documents, path.stem, tool, category, skip_bad, report)


def parse_openapi(
    text: str,
    address: str,
    *,
    tool: str = "",
    category: str | None = None,
    skip_bad: bool = False,
    report: ReadReport | None = None,
) -> list[API]:
    """The same for the text of a description that was fetched from somewhere.

    Args:
        text: Its text.
        address: Where it was fetched from, which relative servers start from. It is not asked for
            anything: a description whose references lead to other files is refused.
        tool: The tool's name; the description's title by default.
        category: The category of every API; by default the first tag of each operation.
        skip_bad: Leave out operations that cannot be read, each recorded in the report.
        report: Where operations read and skipped and unusual forms are counted.

    Raises:
        FormatError: As for ``read_openapi``.
    """
    value = value_of(text, address)
    _check_version(value, address)
    documents = Documents(value, address, address, None)
    return _read(documents, address, tool, category, skip_bad, report)


def is_description(value: JsonValue) -> bool:
    """Whether a file holds a description, of whatever version."""
    return isinstance(value, dict) and ("openapi" in value or "swagger" in value)


def _check_version(value: JsonValue, where: str) -> None:
    if not isinstance(value, dict):
        raise FormatError(
            f"This is no OpenAPI description: it is {kind_of(value)}.",
            where=where,
            fix="Name the JSON or YAML file of a description.",
        )
    if "swagger" in value:
        raise FormatError(
            f"This is Swagger {value['swagger']}; OpenAPI 3.0 and 3.1 are read.",
            where=pointer(where, "swagger"),
            fix="Convert it to OpenAPI 3 first, as Swagger Editor and swagger2openapi do.",
        )
    if "openapi" not in value:
        raise FormatError(
            "This is no OpenAPI description: it has no key 'openapi'.",
            where=where,
            fix="Name the JSON or YAML file of a description.",
        )
    version = str(value["openapi"])
    if version not in ("3.0", "3.1") and not version.startswith(("3.0.", "3.1.")):
        raise FormatError(
            f"This is OpenAPI {version}; 3.0 and 3.1 are read.",
            where=pointer(where, "openapi"),
            fix="Convert it to one of them.",
        )


def _read(
    documents: Documents,
    stem: str,
    tool: str,
    category: str | None,
    skip_bad: bool,
    report: ReadReport | None,
) -> list[API]:
    report = ReadReport() if report is None else report
    root = documents.root
    version = str(root.object()["openapi"])
    info = root.child("info")
    title = info.child("title").value
    about = info.child("description").value
    if not isinstance(title, str) or not title.strip():
        report.note("description without a title", info.where)
        title = stem
    operations = Operations(
        documents,
        parts_of(version),
        Schemas(documents, old=version.startswith("3.0"), report=report),
        report,
        tool=tool or title.strip(),
        category=category,
        about=about.strip() if isinstance(about, str) else "",
    )
    places = list(operation_places(documents))
    if not places:
        raise FormatError(
            "The description has no operations.",
            where=root.child("paths").where,
            fix="Name the file that has the paths.",
        )
    apis: list[API] = []
    named: dict[str, str] = {}
    for place, name in zip(places, operation_names(places), strict=True):
        try:
            first = named.setdefault(place.operation_id, place.found.where)
            if place.operation_id and first != place.found.where:
                raise FormatError(
                    f"The operationId {place.operation_id!r} is that of {first} too.",
                    where=place.found.child("operationId").where,
                    fix="Give each operation its own.",
                )
            apis.append(operations.read(place, name))
        except FormatError as error:
            if not skip_bad:
                raise
            report.skip(error)
            continue
        report.read += 1
    return apis
