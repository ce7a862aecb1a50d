"""The chat template of small models from scratch, in two forms."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from toolenv.conversations import SYSTEM_PROMPT
from toolenv.jsontext import render

__all__ = ["COMPACT_TEMPLATES", "compact_template"]

COMPACT_TEMPLATES: Final = ("compact", "compact-again")
"""``compact`` shows each function once, before all calls. ``compact-again`` shows after each answer
what has not been called yet: half as many tokens again, and a model that has to find something else
after a failure begins as at first."""


def compact_template(name: str) -> str:
    """The template, in which the standard system prompt takes no tokens, and others are shown.

    Args:
        name: One of ``COMPACT_TEMPLATES``.
    """
    text = files("toolenv.training").joinpath("compact_template.jinja").read_text("utf-8")
    return (
        f"{{%- set standard_system_prompt = {render(SYSTEM_PROMPT)} -%}}"
        f"{{%- set show_again = {render(name == COMPACT_TEMPLATES[1])} -%}}{text}"
    )
