"""Weather: two providers of the same observations and one of air and sun."""

from __future__ import annotations

from typing import Literal

from toolenv.episodes import Status
from toolenv.mini.places import CITIES, city_named, drawn
from toolenv.simulators.local import ApiError, LocalTool

__all__ = ["TOOLS", "condition", "sunset", "temperature"]

_CONDITIONS = ("clear", "cloudy", "light rain", "heavy rain", "fog", "snow", "windy")

skycast = LocalTool("Weather", "SkyCast", "Current weather and forecasts for cities worldwide.")
meteopoint = LocalTool("Weather", "MeteoPoint", "Observations of weather stations by place id.")
airdesk = LocalTool("Weather", "AirDesk", "Air quality and daylight for cities.")

TOOLS = (skycast, meteopoint, airdesk)


def temperature(city: str, day: int = 0) -> int:
    """Degrees Celsius in a city, ``day`` days from now."""
    return drawn(-4, 33, "temperature", city_named(city).name, day)


def condition(city: str, day: int = 0) -> str:
    """The sky over a city, ``day`` days from now."""
    return _CONDITIONS[drawn(0, len(_CONDITIONS) - 1, "sky", city_named(city).name, day)]


def sunset(city: str) -> str:
    """Local time of today's sunset."""
    name = city_named(city).name
    return f"{drawn(16, 21, 'sunset', name)}:{drawn(10, 59, 'sunset minute', name)}"


@skycast.api(example={"city": "Lisbon"})
def current_weather(
    city: str, units: Literal["celsius", "fahrenheit"] = "celsius"
) -> dict[str, object]:
    """Current weather in a city: temperature, condition, humidity and wind.

    Args:
        city: Name of the city, in English.
        units: Unit of the temperature.
    """
    place = city_named(city)
    degrees: float = temperature(city)
    if units == "fahrenheit":
        degrees = round(degrees * 9 / 5 + 32, 1)
    return {
        "city": place.name,
        "country": place.country,
        "temperature": degrees,
        "units": units,
        "condition": condition(city),
        "humidity": drawn(35, 95, "humidity", place.name),
        "wind_kph": drawn(2, 48, "wind", place.name),
    }


@skycast.api(example={"city": "Oslo", "days": 3})
def daily_forecast(city: str, days: int = 3) -> dict[str, object]:
    """Weather forecast for the coming days in a city, one entry per day.

    Args:
        city: Name of the city, in English.
        days: How many days ahead, 1 to 5.
    """
    if not 1 <= days <= 5:
        raise ApiError(Status.BAD_INPUT, "days must be between 1 and 5.")
    place = city_named(city)
    return {
        "city": place.name,
        "forecast": [
            {"day": day, "temperature": temperature(city, day), "condition": condition(city, day)}
            for day in range(1, days + 1)
        ],
    }


@meteopoint.api(example={"query": "Kyoto"})
def find_place(query: str) -> dict[str, object]:
    """Find a place by name. Gives its place_id, which the station needs, and its coordinates.

    Args:
        query: Name of the place.
    """
    place = city_named(query)
    return {
        "place_id": place.place_id,
        "name": place.name,
        "latitude": place.latitude,
        "longitude": place.longitude,
    }


@meteopoint.api(example={"place_id": "JP-317"})
def station_report(place_id: str) -> dict[str, object]:
    """Current weather report of the station at a place: temperature, condition, pressure.

    Args:
        place_id: Identifier of the place, as find_place gives it.
    """
    place = next((city for city in CITIES if city.place_id == place_id), None)
    if place is None:
        raise ApiError(Status.NOT_FOUND, f"Unknown place_id '{place_id}'.")
    return {
        "station": place.name,
        "temperature": temperature(place.name),
        "condition": condition(place.name),
        "pressure_hpa": drawn(980, 1040, "pressure", place.name),
    }


@airdesk.api(example={"city": "Seoul"})
def air_quality(city: str) -> dict[str, object]:
    """Air quality index and the main pollutant in a city.

    Args:
        city: Name of the city, in English.
    """
    place = city_named(city)
    return {
        "city": place.name,
        "air_quality_index": drawn(12, 168, "air", place.name),
        "main_pollutant": ("pm2.5", "pm10", "ozone")[drawn(0, 2, "pollutant", place.name)],
    }


@airdesk.api(example={"city": "Lima"})
def daylight(city: str) -> dict[str, object]:
    """Times of sunrise and sunset today in a city, local time.

    Args:
        city: Name of the city, in English.
    """
    place = city_named(city)
    minute = drawn(10, 59, "sunrise", place.name)
    return {"city": place.name, "sunrise": f"06:{minute}", "sunset": sunset(city)}
