"""A page as a file: its elements, its text, and what its chunks hold."""

from __future__ import annotations

import base64
import json
import re
import zlib
from html.parser import HTMLParser
from typing import Any


class Elements(HTMLParser):
    """The elements of a page, and its text apart from script, style and data."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.attributes: list[tuple[str, str | None]] = []
        self.tags: list[str] = []
        self.text = ""
        self.scripts: dict[str, str] = {}
        self.style = ""
        self._script: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self._script = None
        if tag == "script":
            self._script = dict(attrs).get("id") or "code"
            self.scripts[self._script] = ""

    def handle_endtag(self, tag: str) -> None:
        self._script = None

    def handle_data(self, data: str) -> None:
        if self._script is not None:
            self.scripts[self._script] += data
        elif self.lasttag == "style" and not self.style:
            self.style = data
        else:
            self.text += data

    @property
    def words(self) -> str:
        return re.sub(r"\s+", " ", self.text)

    @property
    def index(self) -> dict[str, Any]:
        """The list of episodes."""
        found: dict[str, Any] = unpacked(self.scripts["index"])
        return found

    @property
    def episodes(self) -> list[dict[str, Any]]:
        """The episodes, in the order of the list."""
        rows = self.index["rows"]
        return [unpacked(self.scripts[f"chunk-{row[-2]}"])[row[-1]] for row in rows]


def unpacked(text: str) -> Any:
    return json.loads(zlib.decompress(base64.b64decode(text)))
