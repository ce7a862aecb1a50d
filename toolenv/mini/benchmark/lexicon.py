"""The real words of the world: what things are called, what can be asked of them, and synonyms.

Attributes are shared by all categories, as in English: a policy may learn that a fee is a price.
What things there are is not: the nouns of the validation and test categories occur in no other.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

__all__ = [
    "COLOURS",
    "CONDITIONS",
    "HEADS",
    "MODIFIERS",
    "NOUNS",
    "QUALIFIERS",
    "RELATIONS",
    "UNITS",
    "Head",
    "Part",
    "Qualifier",
    "ValueKind",
]

Part: TypeAlias = Literal["train", "validation", "test"]
"""Which split a category, a tool, a name or a sentence belongs to."""

ValueKind: TypeAlias = Literal["number", "decimal", "time", "name", "colour", "condition"]


class Head(NamedTuple):
    """An attribute: its synonyms, and what its values look like."""

    words: tuple[str, ...]
    kind: ValueKind = "number"
    least: int = 10
    most: int = 990


# fmt: off
HEADS: Final = (
    Head(("price", "cost", "fee"), least=5, most=900),
    Head(("rating", "score", "grade"), "decimal"),
    Head(("opening time", "opening hour", "start time"), "time"),
    Head(("closing time", "closing hour", "end time"), "time"),
    Head(("owner", "proprietor", "holder"), "name"),
    Head(("manager", "director", "head"), "name"),
    Head(("phone number", "telephone", "contact number"), least=20000, most=99999),
    Head(("capacity", "maximum load", "room"), least=20, most=950),
    Head(("height", "altitude", "elevation"), least=20, most=4000),
    Head(("length", "extent", "span"), least=11, most=990),
    Head(("weight", "mass", "heaviness"), least=11, most=990),
    Head(("age", "years of age", "oldness"), least=11, most=99),
    Head(("speed", "pace", "velocity"), least=11, most=400),
    Head(("temperature", "heat", "warmth"), least=10, most=45),
    Head(("colour", "hue", "shade"), "colour"),
    Head(("status", "condition", "state"), "condition"),
    Head(("delay", "lateness", "waiting time"), least=10, most=95),
    Head(("stock", "supply", "inventory"), least=11, most=990),
    Head(("discount", "rebate", "reduction"), least=11, most=80),
    Head(("tax", "duty", "levy"), least=11, most=300),
    Head(("salary", "wage", "pay"), least=900, most=9900),
    Head(("population", "inhabitants", "residents"), least=1000, most=9900),
    Head(("street", "address", "road"), "name"),
    Head(("postcode", "zip code", "postal code"), least=10000, most=99999),
    Head(("visitors", "attendance", "guests"), least=100, most=9900),
    Head(("founder", "creator", "inventor"), "name"),
    Head(("level", "tier", "rank"), least=10, most=99),
    Head(("power", "wattage", "energy use"), least=40, most=3000),
    Head(("depth", "deepness", "draught"), least=11, most=900),
    Head(("area", "surface", "floor space"), least=30, most=3000),
    Head(("duration", "running time", "minutes"), least=15, most=240),
    Head(("warranty", "guarantee", "cover"), least=12, most=60),
    Head(("risk", "danger", "hazard"), "decimal"),
    Head(("growth", "increase", "rise"), "decimal"),
    Head(("balance", "credit", "funds"), least=100, most=9900),
    Head(("departure", "leaving time", "takeoff"), "time"),
    Head(("version", "release", "edition"), "decimal"),
    Head(("queue", "line", "waiting list"), least=10, most=300),
    Head(("rent", "lease", "hire charge"), least=100, most=3000),
    Head(("budget", "allowance", "spending limit"), least=100, most=9900),
    Head(("profit", "gain", "earnings"), least=100, most=9900),
    Head(("humidity", "moisture", "dampness"), least=11, most=99),
    Head(("noise", "loudness", "sound level"), least=20, most=120),
    Head(("mayor", "chief", "leader"), "name"),
    Head(("supplier", "vendor", "seller"), "name"),
    Head(("lighting", "brightness", "luminance"), least=20, most=990),
)

COLOURS: Final = ("red", "blue", "green", "black", "white", "grey", "pink", "brown", "gold")
CONDITIONS: Final = ("open", "closed", "busy", "ready", "broken", "full", "quiet", "paused")

MODIFIERS: Final = (
    "average", "daily", "peak", "net", "gross", "winter", "summer", "weekend", "evening",
    "morning", "minimum", "standard", "special", "national", "annual", "monthly", "night", "public",
    "internal", "basic",
)

RELATIONS: Final = (
    "nearest", "home", "partner", "main", "host", "sister", "former", "backup", "linked",
    "official",
)

UNITS: Final = ("places", "seats", "units", "tickets", "slots", "items")
"""What can be reserved."""

NOUNS: Final[dict[Part, tuple[str, ...]]] = {
    "train": (
        "hotel", "museum", "station", "airport", "bridge", "river", "song", "album", "film",
        "recipe", "wine", "cheese", "player", "team", "stadium", "school", "course", "teacher",
        "clinic", "doctor", "medicine", "bank", "loan", "fund", "parcel", "truck", "ship", "flight",
        "train", "bus", "taxi", "car", "engine", "battery", "laptop", "printer", "camera", "lamp",
        "sofa", "garden", "flower", "tree", "farm", "horse", "dog", "bird", "fish", "market",
        "shop", "brand", "shoe", "jacket", "watch", "book", "novel", "poem", "library", "castle",
        "tower", "park", "beach", "island", "lake", "mountain", "trail", "glacier", "volcano",
        "city", "village", "region", "company", "office", "factory", "warehouse", "robot", "drone",
        "satellite", "planet", "comet", "game", "puzzle", "toy", "league", "race", "runner",
        "coach", "gym", "pool", "dentist", "pharmacy", "vaccine", "lawyer", "court", "patent",
        "election", "party", "newspaper", "podcast", "channel", "website", "server", "domain",
        "router", "sensor", "pump", "theatre", "concert", "festival", "singer", "band", "guitar",
        "drum", "painting", "gallery", "pizza", "soup", "salad", "cafe",
    ),
    "validation": (
        "opera", "sawmill", "yacht", "turbine", "meadow", "chapel", "kiosk", "tapestry", "raft",
        "compass", "beehive", "cellar",
    ),
    "test": (
        "harbour", "orchard", "violin", "telescope", "bakery", "elevator", "monastery", "canal",
        "sculpture", "tractor", "submarine", "aquarium", "ballet", "lighthouse", "greenhouse",
        "quarry", "windmill", "ferry", "carpet", "helmet", "saddle", "mushroom", "walnut",
        "lantern", "piano", "cactus", "falcon", "tunnel", "dam", "reactor",
    ),
}
"""Nouns of the first categories of each part, two for each; the other categories' are invented."""
# fmt: on


class Qualifier(NamedTuple):
    """A second parameter of a need, which the instruction states.

    Args:
        names: What documents call it.
        description: What they say of it.
        phrases: How instructions state it.
        values: The values that may be drawn.
    """

    names: tuple[str, ...]
    description: str
    phrases: tuple[str, ...]
    values: tuple[int | str, ...]


QUALIFIERS: Final = (
    Qualifier(("day", "day_number", "on_day"), "day, 1 to 28", ("on day {}", "for day {}"),
              tuple(range(1, 29))),
    Qualifier(("year", "in_year"), "year", ("in {}", "for the year {}"), tuple(range(1990, 2030))),
    Qualifier(("unit", "units", "system"), "unit system", ("in {} units", "using {} units"),
              ("metric", "imperial")),
    Qualifier(("size", "variant"), "size", ("in size {}", "for size {}"),
              ("small", "medium", "large")),
    Qualifier(("currency", "money"), "currency", ("in {}",), ("EUR", "USD", "GBP", "JPY")),
    Qualifier(("group", "people", "persons"), "number of people",
              ("for {} people", "for a group of {}"), tuple(range(2, 20))),
)  # fmt: skip
