"""Travel: hotels, bookings that a session remembers, and trains from two providers."""

from __future__ import annotations

from typing import NamedTuple

from toolenv.episodes import Status
from toolenv.mini.places import CITIES, city_named, drawn
from toolenv.mini.state import Booking, MiniState
from toolenv.simulators.local import ApiError, LocalTool

__all__ = ["HOTELS", "TOOLS", "Hotel", "fare", "first_departure", "platform"]


class Hotel(NamedTuple):
    """A hotel; prices are per night, in euros."""

    hotel_id: str
    name: str
    city: str
    price: int
    stars: int


_HOTEL_NAMES = ("Marlow House", "The Lantern", "Hotel Brisa", "Quayside Rooms")
HOTELS = tuple(
    Hotel(
        f"H{100 + 10 * row + column}",
        f"{name} {city.name}",
        city.name,
        drawn(48, 310, "hotel", name, city.name),
        drawn(2, 5, "stars", name, city.name),
    )
    for row, city in enumerate(CITIES)
    for column, name in enumerate(_HOTEL_NAMES[: 2 + row % 3])
)

stayfinder = LocalTool("Travel", "StayFinder", "Search hotels and look at their details.")
bookly = LocalTool("Travel", "Bookly", "Book hotel rooms and manage your bookings.")
railroute = LocalTool("Travel", "RailRoute", "Train connections and stations.")
tracktime = LocalTool("Travel", "TrackTime", "Railway timetables between cities.")

TOOLS = (stayfinder, bookly, railroute, tracktime)


def first_departure(origin: str, destination: str) -> str:
    """Time of the first direct train."""
    about = (city_named(origin).name, city_named(destination).name)
    return f"0{drawn(5, 9, 'hour', *about)}:{drawn(10, 59, 'minute', *about)}"


def fare(origin: str, destination: str) -> int:
    """Price of a single ticket, in euros."""
    return drawn(19, 180, "fare", city_named(origin).name, city_named(destination).name)


def platform(city: str) -> int:
    """The platform of departing trains."""
    return drawn(1, 24, "platform", city_named(city).name)


def _hotel(hotel_id: str) -> Hotel:
    for hotel in HOTELS:
        if hotel.hotel_id == hotel_id.strip().upper():
            return hotel
    raise ApiError(Status.NOT_FOUND, f"Unknown hotel_id '{hotel_id}'.")


@stayfinder.api(example={"city": "Lisbon"})
def search_hotels(city: str, max_price: float = 1000.0) -> dict[str, object]:
    """Search hotels in a city. Gives the hotel_id, name and price per night of each.

    Args:
        city: Name of the city, in English.
        max_price: Highest price per night, in euros.
    """
    place = city_named(city)
    found = [hotel for hotel in HOTELS if hotel.city == place.name and hotel.price <= max_price]
    return {
        "hotels": [
            {"hotel_id": hotel.hotel_id, "name": hotel.name, "price_eur": hotel.price}
            for hotel in found
        ]
    }


@stayfinder.api(example={"hotel_id": "H100"})
def hotel_details(hotel_id: str) -> dict[str, object]:
    """Details of a hotel: stars, breakfast, check-in time, distance to the centre.

    Args:
        hotel_id: Identifier of the hotel, as search_hotels gives it.
    """
    hotel = _hotel(hotel_id)
    return {
        "hotel_id": hotel.hotel_id,
        "name": hotel.name,
        "stars": hotel.stars,
        "breakfast": bool(drawn(0, 1, "breakfast", hotel.hotel_id)),
        "check_in": f"{drawn(13, 17, 'check-in', hotel.hotel_id)}:00",
        "distance_km": drawn(1, 60, "distance", hotel.hotel_id) / 10,
    }


@bookly.api(changes_state=True, example={"hotel_id": "H100", "nights": 2, "guest": "Ada Moreau"})
def book_room(state: MiniState, hotel_id: str, nights: int, guest: str) -> dict[str, object]:
    """Book a room in a hotel. Gives the booking_id and the total price in euros.

    Args:
        state: The episode's state.
        hotel_id: Identifier of the hotel.
        nights: How many nights, 1 to 30.
        guest: Full name of the guest.
    """
    hotel = _hotel(hotel_id)
    if not 1 <= nights <= 30:
        raise ApiError(Status.BAD_INPUT, "nights must be between 1 and 30.")
    number = drawn(1000, 9999, "booking", hotel.hotel_id, guest.casefold(), nights)
    booking_id = f"BK{number}"
    state.bookings[booking_id] = Booking(hotel.name, nights, guest, hotel.price * nights)
    return {
        "booking_id": booking_id,
        "hotel": hotel.name,
        "nights": nights,
        "total_eur": hotel.price * nights,
    }


@bookly.api(changes_state=True, example={"booking_id": "BK7001"})
def cancel_booking(state: MiniState, booking_id: str) -> dict[str, object]:
    """Cancel a booking. Gives the refund in euros.

    Args:
        state: The episode's state.
        booking_id: Identifier of the booking, as list_bookings gives it.
    """
    booking = state.bookings.pop(booking_id.strip().upper(), None)
    if booking is None:
        raise ApiError(Status.NOT_FOUND, f"Unknown booking_id '{booking_id}'.")
    return {"cancelled": booking_id, "hotel": booking.hotel, "refund_eur": booking.total * 3 / 4}


@bookly.api()
def list_bookings(state: MiniState) -> dict[str, object]:
    """List your current bookings, each with its booking_id, hotel and total price."""
    return {
        "bookings": [
            {
                "booking_id": booking_id,
                "hotel": booking.hotel,
                "nights": booking.nights,
                "guest": booking.guest,
                "total_eur": booking.total,
            }
            for booking_id, booking in state.bookings.items()
        ]
    }


@railroute.api(example={"origin": "Vienna", "destination": "Prague"})
def find_trains(origin: str, destination: str) -> dict[str, object]:
    """Find trains between two cities: departure of the first train, duration and ticket price.

    Args:
        origin: City to leave from.
        destination: City to go to.
    """
    return _connection(origin, destination)


@railroute.api(example={"city": "Vienna"})
def station_information(city: str) -> dict[str, object]:
    """Information on the main railway station of a city: platform, lockers, opening hours.

    Args:
        city: Name of the city, in English.
    """
    place = city_named(city)
    return {
        "station": f"{place.name} Central",
        "platform": platform(city),
        "lockers": drawn(20, 400, "lockers", place.name),
        "opens": f"0{drawn(3, 6, 'opens', place.name)}:30",
    }


@tracktime.api(example={"origin": "Madrid", "destination": "Lisbon"})
def train_timetable(origin: str, destination: str) -> dict[str, object]:
    """Timetable of direct trains from one city to another, with departure and ticket price.

    Args:
        origin: City to leave from.
        destination: City to go to.
    """
    return _connection(origin, destination)


def _connection(origin: str, destination: str) -> dict[str, object]:
    start, end = city_named(origin).name, city_named(destination).name
    if start == end:
        raise ApiError(Status.BAD_INPUT, "origin and destination are the same.")
    return {
        "origin": start,
        "destination": end,
        "first_departure": first_departure(start, end),
        "duration_minutes": drawn(70, 720, "duration", start, end),
        "price_eur": fare(start, end),
    }
