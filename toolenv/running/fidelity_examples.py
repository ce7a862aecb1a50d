"""How a simulator that is evaluated is given its examples: a file, and how many are shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from toolenv.errors import ConfigurationError
from toolenv.simulators import Simulator, open_simulator
from toolenv.specification_text import Part, Specification, parse_specification

__all__ = ["Make", "simulator_maker"]

Make: TypeAlias = Callable[[Path, int], Simulator]
"""Makes the simulator from a snapshot of examples and how many of them it is to be shown."""


def simulator_maker(simulator: str | Sequence[str] | Make) -> tuple[Make, bool]:
    """What makes a simulator from examples, and whether it takes any.

    In a specification ``{examples}`` stands for the file of examples and ``{count}`` for how many
    are shown. To ``llm:…`` both are added as ``examples`` and ``example_count``, unless its style
    is ``mirrorapi``, which takes none.

    Args:
        simulator: A specification, several, or already what makes one.

    Raises:
        ConfigurationError: An ``llm:`` specification has examples of its own, which may hold the
            very responses that are held out.
    """
    if callable(simulator):
        return simulator, True
    several = [simulator] if isinstance(simulator, str) else list(simulator)
    templates = [_with_examples(parse_specification(one)) for one in several]

    def make(file: Path, count: int) -> Simulator:
        return open_simulator([str(_filled(one, file, count)) for one in templates])

    values = [value for one in templates for value in _values(one)]
    takes = any("{examples}" in value or "{count}" in value for value in values)
    return make, takes


def _with_examples(specification: Specification) -> Specification:
    """A specification that has a place for its examples, if it is one of an LLM."""
    part = specification.simulator
    if part is None or part.kind != "llm":
        return specification
    options = dict(part.options)
    if options.get("style") == "mirrorapi":  # its requests have no place for examples
        return specification
    if "{examples}" in options.get("examples", ""):
        return specification
    if {"examples", "example_count"} & options.keys():
        raise ConfigurationError(
            "The simulator has examples of its own, which may hold what is held out.",
            where=part.head,
            fix="Leave examples and example_count away; the evaluation gives them.",
        )
    given = (*part.options, ("examples", "{examples}"), ("example_count", "{count}"))
    return specification._replace(simulator=part._replace(options=given))


def _values(specification: Specification) -> list[str]:
    parts = [specification.simulator, *specification.wrappers]
    return [
        value
        for part in parts
        if part is not None
        for value in (part.place or "", *(value for _, value in part.options))
    ]


def _filled(specification: Specification, file: Path, count: int) -> Specification:
    """A specification with its examples."""

    def fill(text: str) -> str:
        return text.replace("{examples}", str(file)).replace("{count}", str(count))

    def filled(part: Part) -> Part:
        place = None if part.place is None else fill(part.place)
        return Part(part.kind, place, tuple((name, fill(value)) for name, value in part.options))

    simulator = specification.simulator
    return Specification(
        None if simulator is None else filled(simulator), tuple(map(filled, specification.wrappers))
    )
