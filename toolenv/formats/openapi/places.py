"""Where the operations of a description are, and what they are called."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from toolenv.errors import FormatError
from toolenv.formats.openapi.documents import Documents, Located
from toolenv.names import standard_api

__all__ = ["OperationPlace", "operation_names", "operation_places"]

_METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


class OperationPlace(NamedTuple):
    """Where an operation is.

    Args:
        path: Its path, as written.
        method: Its method, lower case.
        item: The path's object.
        found: The operation's own.
    """

    path: str
    method: str
    item: Located
    found: Located

    @property
    def operation_id(self) -> str:
        """Its ``operationId``, empty where there is none."""
        raw = self.found.value
        name = raw.get("operationId") if isinstance(raw, dict) else None
        return name.strip() if isinstance(name, str) else ""


def operation_places(documents: Documents) -> Iterator[OperationPlace]:
    """Every operation, in the description's order.

    Raises:
        FormatError: The paths are no object, or a path's reference leads nowhere.
    """
    paths = documents.root.child("paths")
    for path in paths.object() if paths.value is not None else {}:
        if path.startswith("x-"):
            continue
        item = documents.follow(paths.child(path))
        if not path.startswith("/"):
            raise FormatError(
                f"The path {path!r} does not begin with a slash.",
                where=item.where,
                fix="Write it with one.",
            )
        operations = item.object()
        for method in operations:
            if method in _METHODS:
                yield OperationPlace(path, method, item, item.child(method))


def operation_names(places: Sequence[OperationPlace]) -> list[str]:
    """A name for each operation; no two standardise alike, and the order makes no difference.

    It is the ``operationId``, else method and path; both where the former is not enough.
    """
    names = [_first_name(place) for place in places]
    for widen in (_with_path, _with_digest):
        claimed: dict[str, int] = {}
        for name in names:
            claimed[standard_api(name)] = claimed.get(standard_api(name), 0) + 1
        names = [
            name if claimed[standard_api(name)] == 1 and standard_api(name) else widen(name, place)
            for name, place in zip(names, places, strict=True)
        ]
    return names


def _first_name(place: OperationPlace) -> str:
    return place.operation_id or f"{place.method.upper()} {place.path}"


def _with_path(name: str, place: OperationPlace) -> str:
    return f"{name} {place.method.upper()} {place.path}" if place.operation_id else name


def _with_digest(name: str, place: OperationPlace) -> str:
    text = f"{place.method} {place.path}".encode("utf-8", "surrogatepass")
    return f"{name} {hashlib.blake2b(text, digest_size=4).hexdigest()}"
