"""Episodes whose APIs must be found: offered at the start, or searched for at any step.

A retriever finds them. What a task's source lists is not offered; the record of an episode keeps
it, so that what was found can be measured against it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from toolenv.apis import API, finish_function
from toolenv.episodes import Call, Response, Status
from toolenv.errors import ConfigurationError, RetrievalError
from toolenv.fingerprint import fingerprint
from toolenv.jsontext import JsonValue, render
from toolenv.observations import refuse
from toolenv.tasks import Task

if TYPE_CHECKING:
    from toolenv.retrieval.base import Found, Retriever

__all__ = [
    "SEARCH",
    "OpenDomain",
    "entries_found",
    "names_found",
    "open_domain",
    "search_function",
    "unfound",
]

SEARCH: Final = "search_apis"
"""The function that finds APIs, and adds them to what can be called."""

_MOST = 20
_LONGEST_TEXT = 200


@dataclass(frozen=True)
class OpenDomain:
    """How the APIs of an episode are found.

    Args:
        retriever: What finds them.
        k: How many are offered, or found by a search that does not say how many.
        search: Whether the policy searches; else the instruction is searched for at the start.
    """

    retriever: Retriever
    k: int
    search: bool
    _offered: dict[tuple[str, str], Task] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ConfigurationError(f"It is {self.k}.", where="retrieve_k", fix="Give 1 or more.")

    @property
    def fingerprint(self) -> str:
        """A digest of the retriever and of how it is used."""
        parts = [self.retriever.fingerprint, self.k, self.search]
        return fingerprint("open domain", parts)

    def offered(self, task: Task) -> Task:
        """The task as the episode's record has it: with the APIs that were retrieved for it.

        Where the policy searches, it is the task itself.

        Raises:
            RetrievalError: The retriever failed.
        """
        if self.search:
            return task
        key = (task.id, task.instruction)
        known = self._offered.get(key)
        if known is None:
            found = self.retriever.search(task.instruction, self.k)
            known = task.model_copy(update={"apis": tuple(one.api for one in found)})
            _forget(known)
            self._offered[key] = known
        return known

    def reachable(self, task: Task) -> Task:
        """The task as simulators see it: with every API that may be called."""
        if not self.search:
            return task
        corpus = self.retriever.corpus
        whole = task.model_copy(update={"apis": corpus.apis})
        _forget(whole)
        whole.__dict__["named_apis"] = corpus.named  # the same for all episodes
        return whole

    def functions(self, names: Iterable[str] = ()) -> list[dict[str, JsonValue]]:
        """What a policy that searches is shown, with the functions that it has found."""
        named = self.retriever.corpus.named
        shown = [named[name].function_schema(name) for name in names]
        return [search_function(self.k), *shown, finish_function()]

    async def answer(self, call: Call, limit: int) -> Response:
        """What a call of the search finds.

        Args:
            call: The call.
            limit: Characters of the response; what does not fit is not found.
        """
        query, count, problem = _read(call, self.k)
        if problem:
            return refuse(f"The arguments are wrong: {problem}", Status.BAD_INPUT)
        try:
            found = await self.retriever.asearch(query, count)
        except RetrievalError as error:
            return refuse(str(error), Status.SIMULATOR_FAILED)
        functions = self.retriever.corpus.functions
        entries: list[JsonValue] = [_entry(functions[one.place], one) for one in found]
        while entries and len(render(entries)) + 32 > limit:
            entries.pop()
        return Response.of(entries)


def open_domain(retriever: str | Retriever | None, k: int, *, search: bool) -> OpenDomain | None:
    """How APIs are found, by a retriever or its specification; None where they are listed.

    Raises:
        ConfigurationError: The retriever cannot be opened, or ``k`` is less than 1.
    """
    if retriever is None:
        return None
    if isinstance(retriever, str):
        from toolenv.retrieval.specification import open_retriever  # only where it is used

        retriever = open_retriever(retriever)
    return OpenDomain(retriever, k, search)


def search_function(k: int) -> dict[str, JsonValue]:
    """The search as a function, in the form of OpenAI's ``tools``."""
    return {
        "type": "function",
        "function": {
            "name": SEARCH,
            "description": "Finds functions that can be called for some purpose. What it finds "
            "can be called from the next message on. Search for one thing at a time.",
            "parameters": {
                "type": "object",
                "properties": {
                    "query": {"type": "string", "description": "What a function must do."},
                    "count": {
                        "type": "integer",
                        "minimum": 1,
                        "maximum": _MOST,
                        "description": f"How many functions to find; {k} if not given.",
                    },
                },
                "required": ["query"],
            },
        },
    }


def names_found(call: Call, response: Response) -> tuple[str, ...]:
    """The functions that a call found, by its response; none for any other call."""
    return tuple(str(one["name"]) for one in entries_found(call, response))


def entries_found(call: Call, response: Response) -> list[dict[str, JsonValue]]:
    """What a call said of the functions that it found; nothing for any other call."""
    if call.function != SEARCH or response.failed or not isinstance(response.body, list):
        return []
    return [one for one in response.body if isinstance(one, dict)]


def unfound(call: Call) -> Call:
    """A call of a function that was not found yet: of none that exists."""
    return call._replace(api=None, invalid="")


def _entry(name: str, found: Found) -> JsonValue:
    api: API = found.api
    return {
        "name": name,
        "tool": api.tool[:_LONGEST_TEXT],
        "api": api.name[:_LONGEST_TEXT],
        "description": " ".join(api.description.split())[:_LONGEST_TEXT],
    }


def _read(call: Call, k: int) -> tuple[str, int, str]:
    """The query, how many are wanted, and what is wrong."""
    if call.arguments is None:
        return "", k, call.invalid or "they are not a JSON object"
    query, count = call.arguments.get("query"), call.arguments.get("count", k)
    if not isinstance(query, str) or not query.strip():
        return "", k, "query must be a text that says what to find"
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= max(_MOST, k):
        return "", k, f"count must be a number from 1 to {max(_MOST, k)}"
    return query, count, ""


def _forget(task: Task) -> None:
    """Drop what the copy of a task remembers of the APIs it had."""
    for name in ("named_apis", "functions"):
        task.__dict__.pop(name, None)
