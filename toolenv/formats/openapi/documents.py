"""The files of a description, and what its ``$ref`` mean.

References lead inside the description or to files in its own folder. What is elsewhere, on this
machine or another, is refused by name: a description from outside cannot make anybody read it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from toolenv.errors import ConfigurationError, FormatError
from toolenv.formats.openapi.text import read_value
from toolenv.jsontext import JsonValue

if TYPE_CHECKING:
    from referencing import Registry, Resource

__all__ = ["Documents", "Located", "pointer"]

_MOST_HOPS = 50


class Located:
    """A value of a description, and where it was found.

    Args:
        value: The value.
        base: The address of the file that it is in, which relative references start from.
        where: How messages name the place.
    """

    __slots__ = ("base", "value", "where")

    def __init__(self, value: JsonValue, base: str, where: str) -> None:
        self.value = value
        self.base = base
        self.where = where

    def child(self, *keys: str | int) -> Located:
        """What is under keys, one after another; null where there is nothing."""
        value = self.value
        for key in keys:
            if isinstance(value, dict):
                value = value.get(str(key))
            elif isinstance(value, list) and isinstance(key, int) and key < len(value):
                value = value[key]
            else:
                value = None
        return Located(value, self.base, pointer(self.where, *keys))

    def object(self) -> dict[str, JsonValue]:
        """The value, which must be an object.

        Raises:
            FormatError: It is something else.
        """
        from toolenv.formats.fields import json_object

        return json_object(self.value, self.where)


def pointer(where: str, *keys: str | int) -> str:
    """A place inside another, as a JSON pointer.

    Example:
        >>> pointer("api.yaml", "paths", "/pets", "get")
        'api.yaml#/paths/~1pets/get'
    """
    escaped = "".join(f"/{str(key).replace('~', '~0').replace('/', '~1')}" for key in keys)
    return where + escaped if "#" in where or not keys else f"{where}#{escaped}"


class Documents:
    """A description's file with those that it refers to.

    Args:
        root: What the description's file holds.
        base: Its address: ``file:…`` for a file, ``https:…`` for what was fetched.
        where: How messages name it.
        folder: Where files that it refers to may be; None for what was fetched.

    Raises:
        ConfigurationError: The library that follows references is not installed.
    """

    def __init__(self, root: JsonValue, base: str, where: str, folder: Path | None) -> None:
        try:
            from referencing import Registry, Specification
            from referencing.retrieval import to_cached_resource
        except ImportError:
            raise ConfigurationError(
                "Reading OpenAPI needs libraries that are not installed.",
                fix="Install them: pip install 'toolenv[openapi]'.",
            ) from None
        self.root = Located(root, base, where)
        self._folder = folder
        self._looked_up: dict[str, Located] = {}
        opaque: Specification[JsonValue] = Specification.OPAQUE

        @to_cached_resource(loads=lambda value: value, from_contents=opaque.create_resource)
        def retrieve(uri: str) -> JsonValue:
            return self._read(uri)

        resource: Resource[JsonValue] = opaque.create_resource(root)
        empty: Registry[JsonValue] = Registry(retrieve=retrieve)  # type: ignore[call-arg]
        self._registry = empty.with_resource(base, resource)

    def follow(self, found: Located) -> Located:
        """What a value is, its ``$ref`` followed to the end.

        Raises:
            FormatError: A reference leads nowhere, outside, or in a circle.
        """
        for _ in range(_MOST_HOPS):
            reference = found.value.get("$ref") if isinstance(found.value, dict) else None
            if not isinstance(reference, str):
                return found
            found = self.lookup(reference, found)
        raise FormatError("The references lead in a circle.", where=found.where)

    def address(self, reference: str, found: Located) -> str:
        """A reference in full, so that equal ones are equal."""
        return urljoin(found.base, reference)

    def lookup(self, reference: str, found: Located) -> Located:
        """What a reference refers to.

        Args:
            reference: The value of ``$ref``.
            found: What holds it.

        Raises:
            FormatError: It leads nowhere, or outside.
        """
        from referencing.exceptions import Unresolvable

        full = self.address(reference, found)
        known = self._looked_up.get(full)
        if known is not None:
            return known
        base, fragment = urldefrag(full)
        try:
            resolved = self._registry.resolver(base_uri=base).lookup(f"{base}#{fragment}")
        except Unresolvable as error:
            cause: BaseException | None = error
            while cause is not None and not isinstance(cause, FormatError):
                cause = cause.__cause__
            raise FormatError(
                cause.what if isinstance(cause, FormatError) else "It refers to nothing.",
                where=f"{found.where} ($ref {reference!r})",
                fix=cause.fix if isinstance(cause, FormatError) else "Mend the reference.",
            ) from None
        file = self.root.where if base == self.root.base else unquote(base.rpartition("/")[2])
        known = Located(resolved.contents, base, f"{file}#{unquote(fragment)}")
        self._looked_up[full] = known
        return known

    def _read(self, uri: str) -> JsonValue:
        parts = urlsplit(uri)
        if parts.scheme != "file" or self._folder is None:
            raise FormatError(
                f"It refers to {parts.scheme}://{parts.hostname or ''}{parts.path}, "
                "which is not fetched.",
                fix="Download it beside the description and refer to the file.",
            )
        path = Path(unquote(parts.path)).resolve()
        if parts.netloc or not path.is_relative_to(self._folder):
            raise FormatError(
                "It refers to a file outside the description's folder.",
                fix="Put the file beside the description.",
            )
        return read_value(path)
