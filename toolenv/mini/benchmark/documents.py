"""APIs as their providers document them: names, parameters, a sentence, and a sign."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal, NamedTuple, TypeAlias

from toolenv.apis import API, Parameter
from toolenv.mini.benchmark.draws import Draw, article, capitalised, invented
from toolenv.mini.benchmark.signs import SIGNS
from toolenv.mini.benchmark.world import Attribute, Need, Tool, category

__all__ = ["Decoy", "Provider", "Role", "provider", "providers_of"]

Role: TypeAlias = Literal["name", "code", "qualifier", "count", "booking", "extra"]
"""What a parameter is for, whatever its provider calls it."""


class Decoy(NamedTuple):
    """A field of a response beside the one that is documented."""

    field: str
    attribute: Attribute


class Provider(NamedTuple):
    """One API of a tool, which provides a need.

    Args:
        tool: The tool.
        need: The need.
        api: Its document, as policies see it.
        roles: Parameter to what it is for.
        field: The field of the response that holds what is documented.
        decoys: Other fields.
        echo: A field that repeats the name or code asked about; empty for none.
        first: Whether the documented field comes first.
        sign: The name of its sign.
    """

    tool: Tool
    need: Need
    api: API
    roles: dict[str, Role]
    field: str
    decoys: tuple[Decoy, ...]
    echo: str
    first: bool
    sign: str

    @property
    def function(self) -> str:
        """The API's function name, unique in the world."""
        return self.api.identity.function

    def __hash__(self) -> int:
        return hash((self.tool.category, self.tool.number, self.need.number))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Provider) and self.api is other.api

    def arguments(self, given: dict[Role, Any]) -> dict[str, Any]:
        """The arguments of a call, from what is given for each role."""
        return {name: given[role] for name, role in self.roles.items() if role in given}


@cache
def providers_of(number: int, tool: int) -> tuple[Provider, ...]:
    """The APIs of a tool, by the numbers of its category and itself."""
    own = category(number)
    owner = own.tools[tool]
    taken: set[str] = set()
    return tuple(_drawn(owner, own.needs[need], taken) for need in owner.needs)


def provider(tool: Tool, need: Need) -> Provider:
    """A tool's API for a need."""
    return next(p for p in providers_of(tool.category, tool.number) if p.need.number == need.number)


def _drawn(tool: Tool, need: Need, taken: set[str]) -> Provider:
    draw = Draw("provider", tool.category, tool.number, need.number)
    sign = draw.weighted([(name, sign.share) for name, sign in SIGNS.items()])
    sentence = _sentence(draw, need)
    if SIGNS[sign].phrases:
        phrase = draw.one(SIGNS[sign].phrases)
        sentence = f"{phrase} {sentence}" if draw.chance(0.25) else f"{sentence} {phrase}"
    name = _api_name(draw, need)
    while name in taken:
        name = f"{name}_{draw.between(2, 9)}"
    taken.add(name)
    parameters, roles = _parameters(draw, need)
    decoys = _decoys(draw, need)
    api = API(
        category=category(tool.category).name,
        tool=tool.name,
        name=name,
        description=sentence,
        method="POST" if need.kind in ("reserve", "cancel") else "GET",
        parameters=parameters,
        changes_state=need.kind in ("reserve", "cancel"),
    )
    heads = [d.attribute.head for d in decoys]
    field = _field(draw, need, shared=need.attribute is not None and need.attribute.head in heads)
    echo = next(iter(roles)) if draw.chance(0.3) else ""
    return Provider(tool, need, api, roles, field, decoys, echo, draw.chance(0.5), sign)


def _sentence(draw: Draw, need: Need) -> str:
    a_noun, noun = article(need.noun), need.noun
    match need.kind:
        case "lookup" | "detail":
            assert need.attribute is not None
            by = "code" if need.kind == "detail" else "name"
            said = need.attribute.drawn(draw)
            if need.qualifier is not None:
                said = f"{said} by {need.qualifier.names[0]}"
            text = draw.one(
                (
                    f"{said} of {a_noun}.",
                    f"Returns the {said} of {a_noun}.",
                    f"Gives {noun} {said}.",
                    f"Look up the {said} of any {noun} by {by}.",
                    f"{noun} {said}.",
                    f"The {said} for a given {noun}.",
                    f"Provides {said} of {noun} {by}s.",
                )
            )
        case "find":
            text = draw.one(
                (
                    f"Finds the code of {a_noun} by name.",
                    f"{noun} name to {noun} code.",
                    f"Search for {a_noun}; returns its code.",
                    f"Code lookup for {noun} names.",
                )
            )
        case "relate" | "link":
            gives = f"code of the {need.relation} {need.target}"
            if need.kind == "link":
                gives = f"{need.relation} {need.target}"
            text = draw.one(
                (
                    f"{gives} of {a_noun}.",
                    f"Returns the {gives} of {a_noun}.",
                    f"Tells the {gives} of {a_noun}.",
                    f"The {gives} for a given {noun}.",
                )
            )
        case "reserve":
            text = draw.one(
                (
                    f"Books {need.unit} at {a_noun}.",
                    f"Reserves {noun} {need.unit}.",
                    f"Make a {noun} booking of {need.unit}.",
                    f"Hold {need.unit} at a given {noun}.",
                )
            )
        case "cancel":
            text = draw.one(
                (
                    f"Cancels {a_noun} booking.",
                    f"Undo a {noun} reservation.",
                    f"Call off {a_noun} booking and get the refund.",
                )
            )
    return capitalised(text)


def _api_name(draw: Draw, need: Need) -> str:
    if draw.chance(0.15):
        return invented("api", draw.below(21_600))
    if draw.chance(0.15):
        return draw.one(("lookup", "query", "info", "fetch", "data", "v1", "v2", "ask"))
    match need.kind:
        case "lookup" | "detail":
            assert need.attribute is not None
            said = need.attribute.drawn(draw)
            word = draw.one((said, f"get {said}", f"{need.noun} {said}"))
        case "find":
            word = draw.one((f"find {need.noun}", "search", "find code", f"{need.noun} code"))
        case "relate" | "link":
            word = draw.one((f"{need.relation} {need.target}", f"get {need.target}", need.target))
        case "reserve":
            word = draw.one(("book", "reserve", f"book {need.unit}", "hold"))
        case "cancel":
            word = draw.one(("cancel", "undo booking", "call off"))
    return word.replace(" ", "_")


def _parameters(draw: Draw, need: Need) -> tuple[tuple[Parameter, ...], dict[str, Role]]:
    noun = need.noun
    wanted: list[tuple[str, Role, str, str]] = []
    if need.kind == "detail":
        name = draw.one(("code", f"{noun}_code", "key", "ref", f"{noun}_key"))
        wanted.append((name, "code", "STRING", draw.one((f"{noun} code", f"{noun} code", "code"))))
    elif need.kind == "cancel":
        name = draw.one(("booking", "booking_code", "code", "reservation"))
        wanted.append((name, "booking", "STRING", draw.one(("booking code", "code to cancel"))))
    else:
        name = draw.one(("name", noun, f"{noun}_name", "q", "of", "title"))
        wanted.append((name, "name", "STRING", draw.one((f"{noun} name", f"{noun} name", "name"))))
    if need.qualifier is not None:
        number = isinstance(need.qualifier.values[0], int)
        kind = "INTEGER" if number else "STRING"
        name = draw.one(need.qualifier.names)
        wanted.append((name, "qualifier", kind, need.qualifier.description))
    if need.kind == "reserve":
        name = draw.one(("count", "number", "n", need.unit, "how_many"))
        wanted.append((name, "count", "INTEGER", f"how many {need.unit}"))
    parameters: list[Parameter] = []
    for name, role, kind, description in wanted:
        schema: dict[str, Any] = {"type": "integer" if kind == "INTEGER" else "string"}
        if role == "qualifier" and kind == "STRING":
            assert need.qualifier is not None
            schema["enum"] = list(need.qualifier.values)
        parameters.append(
            Parameter(
                name=name, type=kind, description=description, required=True, json_schema=schema
            )
        )
    roles: dict[str, Role] = {name: role for name, role, _, _ in wanted}
    if draw.chance(0.1):
        name = draw.one(("lang", "limit", "format", "verbose"))
        roles[name] = "extra"
        parameters.append(
            Parameter(
                name=name,
                type="STRING",
                description="optional",
                json_schema={"type": "string"},
            )
        )
    return tuple(parameters), roles


def _decoys(draw: Draw, need: Need) -> tuple[Decoy, ...]:
    """Fields with other attributes of the same thing: what its category knows of it."""
    if need.kind in ("reserve", "cancel", "find"):
        return ()
    known = [
        other.attribute
        for other in category(need.category).needs
        if other.noun == need.noun
        and other.attribute is not None
        and other.attribute != need.attribute
        and other.qualifier is None
    ]
    chosen = draw.some(known, draw.weighted([(0, 0.3), (1, 0.45), (2, 0.25)]))
    heads = [a.head for a in chosen] + ([need.attribute.head] if need.attribute else [])
    return tuple(
        Decoy(_field_of(draw, a, in_full=heads.count(a.head) > 1 or draw.chance(0.3)), a)
        for a in chosen
    )


def _field(draw: Draw, need: Need, *, shared: bool) -> str:
    match need.kind:
        case "lookup" | "detail":
            assert need.attribute is not None
            return _field_of(draw, need.attribute, in_full=shared or draw.chance(0.3))
        case "find":
            return draw.one(("code", f"{need.noun}_code", "key", "ref"))
        case "relate":
            return draw.one((f"{need.target}_code", f"{need.relation}_{need.target}", "code"))
        case "link":
            return draw.one((need.target, f"{need.relation}_{need.target}", f"{need.target}_name"))
        case "reserve":
            return draw.one(("booking", "booking_code", "code", "reservation"))
        case "cancel":
            return draw.one(("refund", "paid_back", "refunded"))


def _field_of(draw: Draw, attribute: Attribute, *, in_full: bool) -> str:
    said = attribute if in_full else attribute._replace(modifier="")
    return said.drawn(draw).replace(" ", "_")
