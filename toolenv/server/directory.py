"""Which API a request means: names as clients write them, to identities and documents.

Names are standardised as ToolBench does and then looked up; they never become paths. The habits of
StableToolBench are known: a tool may carry its category (``seo_api_for_Data``), an API its tool
(``search_for_seo_api``), and what is standardised already stays as it is. Where a name can be read
in two ways, a documented API comes first, then the reading of StableToolBench's server.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import NamedTuple

from toolenv.actions import Resolver
from toolenv.apis import API, Identity
from toolenv.episodes import Call, FunctionCall
from toolenv.names import FUNCTION_NAME_LENGTH, standard_api, standard_category, standard_tool
from toolenv.server.wanted import WantedCall
from toolenv.tasks import Task

__all__ = ["Candidate", "Directory", "identities_of"]

_LONGEST_NAME = 200
_MOST_NAMES = 50_000


class Candidate(NamedTuple):
    """One reading of a request's names.

    Args:
        identity: The API.
        function: Its name among the functions of ``task``.
        task: A task that offers this API alone, where it is documented; else nothing.
        resolver: Checks arguments against the documentation; None where there is none.
    """

    identity: Identity
    function: str
    task: Task
    resolver: Resolver | None

    def call(self, wanted: WantedCall, *, check: bool = False) -> Call:
        """The call; checked against the documentation only where that is asked for."""
        if check and self.resolver is not None:
            return self.resolver.resolve(FunctionCall(self.function, wanted.text))
        return Call(self.function, wanted.arguments, self.identity, wanted.text, wanted.problem)


class Directory:
    """The APIs that are documented, and the names under which they are asked for.

    Args:
        apis: Their documents; of equal ones the first counts.

    Example:
        >>> directory = Directory([API(category="Data", tool="SEO API", name="Search")])
        >>> [found.function for found in directory.find("Data", "seo_api", "search_for_seo_api")]
        ['search_for_seo_api', 'search_for_seo_api_for_seo_api']
    """

    def __init__(self, apis: Iterable[API] = ()) -> None:
        first: dict[Identity, API] = {}
        for api in apis:
            first.setdefault(api.identity, api)
        self.task = Task(id="served", instruction="", apis=tuple(first.values()))
        """All documented APIs at once: what a named episode may call."""
        self._nothing = Task(id="served", instruction="")
        self._by_function: dict[str, list[API]] = {}
        for api in first.values():
            self._by_function.setdefault(api.identity.function, []).append(api)
        self._names_in_episodes = {api.identity: name for name, api in self.task.named_apis.items()}
        self._found: dict[tuple[str, str, str], tuple[Candidate, ...]] = {}

    def __len__(self) -> int:
        return len(self.task.apis)

    def find(self, category: str, tool: str, api: str) -> tuple[Candidate, ...]:
        """All readings of a request's names, the likeliest first; never empty."""
        names = (category, tool, api)
        found = self._found.get(names)
        if found is None:
            found = self._find(*names)
            if max(map(len, names)) <= _LONGEST_NAME:
                if len(self._found) >= _MOST_NAMES:
                    self._found.clear()
                self._found[names] = found
        return found

    def in_episode(self, candidate: Candidate) -> Candidate:
        """The same API as ``task`` names it."""
        name = self._names_in_episodes.get(candidate.identity)
        if name is None:
            return candidate
        return candidate._replace(function=name, task=self.task, resolver=self._resolver)

    @cached_property
    def _resolver(self) -> Resolver:
        return Resolver(self.task.named_apis)

    def _find(self, category: str, tool: str, api: str) -> tuple[Candidate, ...]:
        found = [self._candidate(one) for one in identities_of(category, tool, api)]
        found.sort(key=lambda one: one.resolver is None)
        return tuple(found)

    def _candidate(self, identity: Identity) -> Candidate:
        known = self._by_function.get(identity.function, ())
        joined = [api for api in known if api.identity.joins(identity)]
        exact = [api for api in joined if api.identity == identity] or joined
        if len(exact) != 1:
            return Candidate(identity, identity.function, self._nothing, None)
        task = Task(id="served", instruction="", apis=(exact[0],))
        (function,) = task.named_apis
        return Candidate(exact[0].identity, function, task, Resolver(task.named_apis))


def identities_of(category: str, tool: str, api: str) -> list[Identity]:
    """The identities that a request's names may mean, StableToolBench's reading first.

    Args:
        category: The category, as ToolBench's files or its folders spell it; may be empty.
        tool: The tool, with or without ``_for_<category>``; empty where ``api`` is the name of a
            function.
        api: The API, with or without ``_for_<tool>``.

    Example:
        >>> [one.function for one in identities_of("Finance", "../../x_for_Finance", "ID")]
        ['is_id_for_x']
        >>> [one.api for one in identities_of("", "tool", "id_for_tool")]
        ['id', 'is_id', 'id_for_tool']
    """
    category = standard_category(category)
    if not tool:
        return [Identity(api[-FUNCTION_NAME_LENGTH:], category)]
    plain = tool.removesuffix(f"_for_{category}") if category else tool
    standard, whole = standard_tool(plain), standard_api(api)
    names: list[str] = []
    for spelled in (tool, standard):
        cut, found, _ = whole.partition(f"_for_{spelled}")
        if found and cut:
            names += (cut, standard_api(cut))
    return [
        Identity(f"{name}_for_{standard}"[-FUNCTION_NAME_LENGTH:], category, standard, name)
        for name in dict.fromkeys((*names, whole))
    ]
