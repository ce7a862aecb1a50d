"""Instructions that need tools of several categories: I3-inst."""

from __future__ import annotations

from toolenv.mini import finance, food, music, travel, weather
from toolenv.mini.rows import GIVES_UP, Row, names, number

__all__ = ["I3_INST"]

_BY_ID = {hotel.hotel_id: hotel for hotel in travel.HOTELS}
_THREE_NIGHTS = 3 * _BY_ID["H200"].price

I3_INST = (
    Row(
        "I3-inst-1",
        "What is the current weather condition in Lima, and how much do I get if I convert 100 EUR "
        "to PEN?",
        (
            "SkyCast.current_weather",
            "RateBoard.convert",
            "StayFinder.search_hotels",
            "TuneBase.search_artist",
        ),
        (
            ("SkyCast.current_weather", {"city": "Lima"}),
            ("RateBoard.convert", {"amount": 100, "base": "EUR", "target": "PEN"}),
        ),
        f"{weather.condition('Lima')}; {finance.converted(100, 'EUR', 'PEN')} PEN",
        names(weather.condition("Lima"), "400"),
    ),
    Row(
        "I3-inst-2",
        "Find trains from Madrid to Lisbon: what is the ticket price? And what is the current "
        "temperature in Lisbon?",
        (
            "RailRoute.find_trains",
            "TrackTime.train_timetable",
            "SkyCast.current_weather",
            "AirDesk.air_quality",
            "Bookly.list_bookings",
        ),
        (
            ("RailRoute.find_trains", {"origin": "Madrid", "destination": "Lisbon"}),
            ("TrackTime.train_timetable", {"origin": "Madrid", "destination": "Lisbon"}),
            ("SkyCast.current_weather", {"city": "Lisbon"}),
        ),
        f"{travel.fare('Madrid', 'Lisbon')} euros; {weather.temperature('Lisbon')} °C.",
        names(str(travel.fare("Madrid", "Lisbon")), str(weather.temperature("Lisbon"))),
        {"RailRoute": "not_subscribed"},
    ),
    Row(
        "I3-inst-3",
        "Search hotels in Seoul for at most 100 euros, and tell me the air quality index in Seoul.",
        (
            "StayFinder.search_hotels",
            "StayFinder.hotel_details",
            "AirDesk.air_quality",
            "SkyCast.daily_forecast",
        ),
        (
            ("StayFinder.search_hotels", {"city": "Seoul", "max_price": 100}),
            ("AirDesk.air_quality", {"city": "Seoul"}),
        ),
        "The Lantern Seoul (H181); the index is 164.",
        names("The Lantern Seoul", "164"),
    ),
    Row(
        "I3-inst-4",
        "Book the hotel H200 for 3 nights for the guest Omar Diaz, then convert the total price to "
        "CHF.",
        (
            "Bookly.book_room",
            "RateBoard.convert",
            "FXHub.convert_currency",
            "StayFinder.hotel_details",
            "ChartWave.country_chart",
        ),
        (
            ("Bookly.book_room", {"hotel_id": "H200", "nights": 3, "guest": "Omar Diaz"}),
            ("RateBoard.convert", {"amount": _THREE_NIGHTS, "base": "EUR", "target": "CHF"}),
            (
                "FXHub.convert_currency",
                {"amount": _THREE_NIGHTS, "source_currency": "EUR", "target_currency": "CHF"},
            ),
        ),
        f"{finance.converted(_THREE_NIGHTS, 'EUR', 'CHF')} francs.",
        number(finance.converted(_THREE_NIGHTS, "EUR", "CHF")),
        {"RateBoard": "broken"},
    ),
    Row(
        "I3-inst-5",
        'What is the most played song of the artist "Jonas Ekdahl", and what is the latest share '
        'price of the company "Copperfield Rail"?',
        (
            "TuneBase.search_artist",
            "TuneBase.most_played_song",
            "StockPulse.search_company",
            "StockPulse.share_quote",
            "AirDesk.daylight",
        ),
        (
            ("TuneBase.search_artist", {"name": "Jonas Ekdahl"}),
            ("TuneBase.most_played_song", {"artist_id": "AR84"}),
            ("StockPulse.search_company", {"name": "Copperfield Rail"}),
            ("StockPulse.share_quote", {"symbol": "CPFR"}),
        ),
        f"{music.top_track('AR84')}; {finance.share_price('CPFR')} dollars.",
        names(music.top_track("AR84"), str(finance.share_price("CPFR"))),
    ),
    Row(
        "I3-inst-6",
        "How many calories are in 100 grams of salmon, and what is the price of "
        "the crypto coin ORB?",
        (
            "NutriData.nutrition_facts",
            "MealFacts.count_calories",
            "CoinLedger.coin_price",
            "RateBoard.exchange_rate",
        ),
        (
            ("MealFacts.count_calories", {"food": "salmon", "grams": 100}),
            ("NutriData.nutrition_facts", {"food": "salmon"}),
            ("CoinLedger.coin_price", {"symbol": "ORB"}),
        ),
        f"{food.calories('salmon')} calories; 965.875 dollars.",
        names(str(food.calories("salmon")), "965.875"),
        {"MealFacts": "not_subscribed"},
    ),
    Row(
        "I3-inst-7",
        "What is the current temperature in Kyoto, and which hotels are there in Kyoto for at most "
        "120 euros?",
        (
            "SkyCast.current_weather",
            "MeteoPoint.find_place",
            "MeteoPoint.station_report",
            "StayFinder.search_hotels",
            "TrackTime.train_timetable",
        ),
        (
            ("SkyCast.current_weather", {"city": "Kyoto"}),
            ("MeteoPoint.find_place", {"query": "Kyoto"}),
            ("MeteoPoint.station_report", {"place_id": "JP-317"}),
            ("StayFinder.search_hotels", {"city": "Kyoto", "max_price": 120}),
        ),
        f"{weather.temperature('Kyoto')} °C; The Lantern Kyoto.",
        names(str(weather.temperature("Kyoto")), "The Lantern Kyoto"),
        {"SkyCast.current_weather": "rate_limited"},
    ),
    Row(
        "I3-inst-8",
        "What is the exchange rate from EUR to KRW, and what is the air quality index in Seoul?",
        (
            "RateBoard.exchange_rate",
            "FXHub.convert_currency",
            "AirDesk.air_quality",
            "BasketList.show_list",
        ),
        (
            ("RateBoard.exchange_rate", {"base": "EUR", "target": "KRW"}),
            (
                "FXHub.convert_currency",
                {"amount": 1, "source_currency": "EUR", "target_currency": "KRW"},
            ),
        ),
        None,
        GIVES_UP,
        {"RateBoard": "not_subscribed", "FXHub": "dead"},
    ),
)
