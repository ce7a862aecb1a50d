"""The miniature world's map: cities, and figures drawn from their names."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from toolenv.episodes import Status
from toolenv.seeds import derive
from toolenv.simulators.local import ApiError

__all__ = ["CITIES", "City", "city_named", "drawn"]


class City(NamedTuple):
    """A city as every provider knows it."""

    name: str
    country: str
    currency: str
    place_id: str
    latitude: float
    longitude: float


CITIES = (
    City("Lisbon", "Portugal", "EUR", "PT-110", 38.72, -9.14),
    City("Oslo", "Norway", "NOK", "NO-204", 59.91, 10.75),
    City("Kyoto", "Japan", "JPY", "JP-317", 35.01, 135.77),
    City("Toronto", "Canada", "CAD", "CA-422", 43.65, -79.38),
    City("Nairobi", "Kenya", "KES", "KE-509", -1.29, 36.82),
    City("Zurich", "Switzerland", "CHF", "CH-613", 47.38, 8.54),
    City("Prague", "Czechia", "CZK", "CZ-728", 50.08, 14.44),
    City("Lima", "Peru", "PEN", "PE-831", -12.05, -77.04),
    City("Seoul", "South Korea", "KRW", "KR-947", 37.57, 126.98),
    City("Dublin", "Ireland", "EUR", "IE-158", 53.35, -6.26),
    City("Madrid", "Spain", "EUR", "ES-266", 40.42, -3.70),
    City("Vienna", "Austria", "EUR", "AT-371", 48.21, 16.37),
)

_BY_NAME = {city.name.casefold(): city for city in CITIES}


def city_named(name: str) -> City:
    """The city of that name, whatever its case.

    Raises:
        ApiError: The map has no such city.
    """
    city = _BY_NAME.get(name.strip().casefold())
    if city is None:
        raise ApiError(Status.NOT_FOUND, f"No place matches '{name}'.")
    return city


@lru_cache(maxsize=4096)
def drawn(low: int, high: int, *about: int | str) -> int:
    """A whole number from ``low`` to ``high`` that depends on nothing but what it is about.

    Example:
        >>> drawn(1, 6, "dice", "Lisbon") == drawn(1, 6, "dice", "Lisbon")
        True
    """
    return low + derive("MiniToolBench", *about) % (high - low + 1)
