"""APIs as texts to search: our form, and the one that ToolBench's retriever was trained on."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from toolenv.apis import API
from toolenv.errors import ConfigurationError
from toolenv.formats.toolbench.retrieval import toolbench_document
from toolenv.retrieval.words import readable

__all__ = ["DOCUMENT_FORMATS", "DocumentFormat", "document", "title"]

DocumentFormat: TypeAlias = Literal["toolenv", "toolbench"]
"""``toolenv``: names as words, then what the API and its tool say of themselves, category and
parameters last, where an encoder that cuts long texts loses least. ``toolbench``: category, tool,
API and description, then parameters and response sketch as JSON."""

DOCUMENT_FORMATS: tuple[DocumentFormat, ...] = get_args(DocumentFormat)


def document(api: API, form: DocumentFormat = "toolenv") -> str:
    """The text of an API's document.

    Raises:
        ConfigurationError: There is no such form.

    Example:
        >>> from toolenv.apis import API, Parameter
        >>> document(API(category="Data", tool="SEO", name="getRank", description="Rank of a site.",
        ...     parameters=(Parameter(name="site_url"),)))
        'SEO: get Rank. Rank of a site. Data. Parameters: site url'
    """
    if form == "toolbench":
        return toolbench_document(api)
    if form != "toolenv":
        raise ConfigurationError(
            f"Unknown form of documents: {form!r}.",
            fix=f"Use one of {', '.join(DOCUMENT_FORMATS)}.",
        )
    parts = [f"{title(api)}.", api.description.strip(), api.tool_description.strip()]
    if api.category.strip():
        parts.append(f"{readable(api.category)}.")
    if api.parameters:
        parts.append(f"Parameters: {', '.join(readable(one.name) for one in api.parameters)}")
    return " ".join(part for part in parts if part)


def title(api: API) -> str:
    """The tool's and the API's name as words."""
    tool = api.tool.strip()
    return f"{tool}: {readable(api.name)}" if tool else readable(api.name)
