"""The corpus: every API that can be found, once, in a fixed order and under a digest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from os import PathLike
from pathlib import Path

from pydantic import ValidationError

from toolenv.apis import API, name_apis
from toolenv.errors import FormatError
from toolenv.fingerprint import fingerprint
from toolenv.formats.files import read_text, write_text
from toolenv.formats.openapi import read_listed_apis
from toolenv.formats.report import ReadReport
from toolenv.formats.toolbench.retrieval import read_retriever_corpus
from toolenv.jsontext import parse, render
from toolenv.retrieval.documents import DocumentFormat, document
from toolenv.tasks import Task

__all__ = ["Corpus", "read_corpus"]


class Corpus:
    """APIs to search, each once.

    An API is named by category, tool and name. Of several documents of one API the longest is
    kept, as it says most, and of equally long ones the first. Different APIs may have equal texts.

    Args:
        apis: The APIs, in any number of copies.

    Attributes:
        apis: The APIs, in the order in which each came first.
        listed: How many were given.
    """

    def __init__(self, apis: Iterable[API]) -> None:
        kept: dict[tuple[str, str, str], API] = {}
        self.listed = 0
        for api in apis:
            self.listed += 1
            key = (api.category, api.tool, api.name)
            before = kept.get(key)
            if before is None or len(document(api)) > len(document(before)):
                kept[key] = api
        self.apis: tuple[API, ...] = tuple(kept.values())

    def __len__(self) -> int:
        return len(self.apis)

    @cached_property
    def digest(self) -> str:
        """The corpus's version: changes with any document, and with their order."""
        return fingerprint("corpus", [self._record(api) for api in self.apis])

    @cached_property
    def named(self) -> dict[str, API]:
        """Function name to API: unique over the corpus, so that it does not depend on a search."""
        return name_apis(self.apis)

    @cached_property
    def functions(self) -> tuple[str, ...]:
        """The function name of each API, by its place."""
        names = {id(api): name for name, api in self.named.items()}
        return tuple(names.get(id(api), "") for api in self.apis)

    def texts(self, form: DocumentFormat = "toolenv") -> list[str]:
        """The documents' texts, by place."""
        return [document(api, form) for api in self.apis]

    @cached_property
    def equal_texts(self) -> list[list[int]]:
        """Places of APIs whose texts are equal, where there are several."""
        groups: dict[str, list[int]] = {}
        for place, text in enumerate(self.texts()):
            groups.setdefault(text, []).append(place)
        return [places for places in groups.values() if len(places) > 1]

    def relevant(self, task: Task) -> list[int]:
        """Places of the APIs that a task's source calls relevant.

        The source names tool and API alone; where categories share both, it means each that the
        task lists, or all where it lists none.
        """
        listed = {(api.category, api.tool, api.name) for api in task.apis}
        found: list[int] = []
        for pair in dict.fromkeys(task.relevant or ()):
            places = self._by_pair.get(pair, [])
            own = [place for place in places if self._key(place) in listed]
            found.extend(own or places)
        return found

    def write(self, path: str | PathLike[str]) -> None:
        """Write the corpus as JSON lines.

        Raises:
            FormatError: The file cannot be written.
        """
        write_text(Path(path), "".join(f"{render(self._record(api))}\n" for api in self.apis))

    @classmethod
    def read(cls, path: str | PathLike[str]) -> Corpus:
        """Read what ``write`` wrote.

        Raises:
            FormatError: The file cannot be read, or a line is no API.
        """
        apis: list[API] = []
        for number, line in enumerate(read_text(Path(path)).split("\n"), 1):
            if line:
                try:
                    apis.append(API.model_validate(parse(line)))
                except (ValueError, ValidationError) as error:
                    raise FormatError(
                        f"The line is no API: {str(error).splitlines()[0]}.",
                        where=f"{Path(path).name}:{number}",
                        fix="Build the index again.",
                    ) from None
        return cls(apis)

    @cached_property
    def _by_pair(self) -> dict[tuple[str, str], list[int]]:
        pairs: dict[tuple[str, str], list[int]] = {}
        for place, api in enumerate(self.apis):
            pairs.setdefault((api.tool, api.name), []).append(place)
        return pairs

    def _key(self, place: int) -> tuple[str, str, str]:
        api = self.apis[place]
        return api.category, api.tool, api.name

    @staticmethod
    def _record(api: API) -> dict[str, object]:
        return api.model_dump(mode="json", exclude_defaults=True)


def read_corpus(
    places: Sequence[str | PathLike[str]],
    more: Iterable[API] = (),
    *,
    skip_bad: bool = False,
    report: ReadReport | None = None,
) -> Corpus:
    """Read a corpus from files and folders of any kind that holds APIs.

    Args:
        places: Folders of tool files, instruction files, our task files, OpenAPI descriptions,
            and ``corpus.tsv`` files of ToolBench's retriever.
        more: APIs from elsewhere, such as the tools of an MCP server.
        skip_bad: Leave malformed entries out, each recorded in the report.
        report: Where what was read and skipped is counted.

    Raises:
        FormatError: One cannot be read, or there is no API in any.
    """
    apis: list[API] = []
    for place in map(Path, places):
        if place.suffix == ".tsv":
            apis.extend(read_retriever_corpus(place, skip_bad=skip_bad, report=report).values())
        else:
            apis.extend(read_listed_apis(place, skip_bad=skip_bad, report=report))
    apis.extend(more)
    if not apis:
        raise FormatError(
            "There are no APIs to index.",
            where=", ".join(map(str, places)),
            fix="Name files that list APIs; an open-domain instruction file lists none.",
        )
    return Corpus(apis)
