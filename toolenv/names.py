"""Names as ToolBench standardises them, and function names that are legal, unique and reversible.

ToolBench identifies an API to the policy by a function name made of the standardised API and tool
names. Recorded trees and converted answers know nothing else, so the rules are reproduced here to
the letter (``standard_*``, ``toolbench_function_name``). What the policy is shown by default is the
same name wherever that is legal and unique, and a shortened one where ToolBench's cut would merge
or maim it (``function_names``).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

__all__ = [
    "FUNCTION_NAME_LENGTH",
    "function_names",
    "standard_api",
    "standard_category",
    "standard_parameter",
    "standard_tool",
    "toolbench_function_name",
]

FUNCTION_NAME_LENGTH = 64
"""The longest function name that OpenAI-compatible servers accept."""

# The caret survives: ToolBench repeats it inside its character class.
_OUTSIDE = re.compile(r"[^a-zA-Z0-9_一-龥^]")
_ILLEGAL = re.compile(r"[^a-zA-Z0-9_-]")
_RESERVED = frozenset({"from", "class", "return", "false", "true", "id", "and"})


def _standardise(name: str) -> str:
    name = re.sub(r"_+", "_", _OUTSIDE.sub("_", name)).lower().strip("_")
    return f"get_{name}" if name[:1].isdecimal() and name[:1].isascii() else name


def _escape_reserved(name: str) -> str:
    return f"is_{name}" if name in _RESERVED else name


def standard_category(name: str) -> str:
    """A category as ToolBench names its folder.

    Example:
        >>> standard_category("Video, Images")
        'Video_Images'
    """
    return re.sub("[ ,/]", "_", name).replace("__", "_")


def standard_tool(name: str) -> str:
    """A tool's name, standardised; may be empty (a name of emoji alone).

    Example:
        >>> standard_tool("1.1 Foo"), standard_tool("Über API")
        ('get_1_1_foo', 'ber_api')
    """
    return _standardise(name)


def standard_api(name: str) -> str:
    """An API's name, standardised, with seven reserved words escaped.

    Example:
        >>> standard_api("/tracking/:id"), standard_api("ID")
        ('tracking_id', 'is_id')
    """
    return _escape_reserved(_standardise(name))


def standard_parameter(name: str) -> str:
    """A parameter's name, by the rule for API names.

    Example:
        >>> standard_parameter("id"), standard_parameter("X-Api.Version")
        ('is_id', 'x_api_version')
    """
    return standard_api(name)


def toolbench_function_name(tool: str, api: str) -> str:
    """ToolBench's function name: the last 64 characters of ``<api>_for_<tool>``.

    The cut eats the API's part, so that two long names may become one: it identifies a recorded
    response only together with whatever else is known of the API.

    Args:
        tool: The tool's raw or standardised name.
        api: The API's raw name.

    Example:
        >>> toolbench_function_name("Keyword Analysis", "PopularSitesForQuery")
        'popularsitesforquery_for_keyword_analysis'
    """
    return f"{standard_api(api)}_for_{standard_tool(tool)}"[-FUNCTION_NAME_LENGTH:]


def function_names(apis: Sequence[tuple[str, str, str]]) -> list[str]:
    """Name a task's APIs as functions: legal, at most 64 characters, no two alike.

    ToolBench's name is kept wherever it needs no cut and is the task's only one of that kind.
    Otherwise the API's part is shortened and a digest of the raw names is added, so that the name
    of an API depends on that API alone and not on its neighbours' order.

    Args:
        apis: Category, tool and API names of each API, raw.

    Returns:
        One name per API, in the given order. Two equal entries get equal names.

    Example:
        >>> function_names([("Data", "SEO API", "News"), ("Data", "SEO API", "news!")])
        ['news_for_seo_api_283204f4', 'news_for_seo_api_f55ac274']
    """
    plain = [_plain_name(tool, api) for _, tool, api in apis]
    claimed: dict[str, set[tuple[str, str, str]]] = {}
    for name, api in zip(plain, apis, strict=True):
        claimed.setdefault(name, set()).add(api)
    return [
        name
        if len(claimed[name]) == 1 and len(name) <= FUNCTION_NAME_LENGTH and name != "Finish"
        else _distinguished(name, api)
        for name, api in zip(plain, apis, strict=True)
    ]


def _plain_name(tool: str, api: str) -> str:
    standard = standard_tool(tool)
    name = f"{standard_api(api)}_for_{standard}" if standard else standard_api(api)
    return _ILLEGAL.sub("_", name) or "_"


def _distinguished(name: str, api: tuple[str, str, str]) -> str:
    digest = hashlib.blake2b("\0".join(api).encode("utf-8", "surrogatepass"), digest_size=4)
    return f"{name[: FUNCTION_NAME_LENGTH - 9]}_{digest.hexdigest()}"
