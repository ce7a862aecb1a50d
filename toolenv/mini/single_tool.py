"""Instructions that one tool can carry out: I1-inst, I1-tool and I1-cat."""

from __future__ import annotations

from toolenv.mini import finance, food, music, travel, weather
from toolenv.mini.rows import GIVES_UP, Row, contains, exact, names, number

__all__ = ["I1_CAT", "I1_INST", "I1_TOOL"]

_BY_ID = {hotel.hotel_id: hotel for hotel in travel.HOTELS}
_WEATHER = ("SkyCast.current_weather", "SkyCast.daily_forecast", "AirDesk.daylight")
_STAYS = ("StayFinder.search_hotels", "StayFinder.hotel_details", "Bookly.list_bookings")
_MONEY = ("RateBoard.exchange_rate", "RateBoard.convert", "FXHub.convert_currency")
_COINS = ("CoinLedger.coin_price", "CoinLedger.list_coins", "StockPulse.share_quote")
_SONGS = ("TuneBase.search_artist", "TuneBase.most_played_song", "TuneBase.artist_albums")
_LIST = ("BasketList.add_item", "BasketList.remove_item", "BasketList.show_list")

I1_INST = (
    Row(
        "I1-inst-1",
        "What is the current temperature in Lisbon, in degrees Celsius?",
        _WEATHER,
        (("SkyCast.current_weather", {"city": "Lisbon"}),),
        f"It is {weather.temperature('Lisbon')} °C in Lisbon.",
        number(weather.temperature("Lisbon")),
    ),
    Row(
        "I1-inst-2",
        "Tell me the current weather in Kyoto. I need the temperature in fahrenheit.",
        (*_WEATHER, "AirDesk.air_quality"),
        (("SkyCast.current_weather", {"city": "Kyoto", "units": "fahrenheit"}),),
        f"{round(weather.temperature('Kyoto') * 9 / 5 + 32, 1)} °F",
        number(round(weather.temperature("Kyoto") * 9 / 5 + 32, 1)),
    ),
    Row(
        "I1-inst-3",
        "What is the exchange rate from EUR to NOK?",
        (*_MONEY, "FXHub.supported_currencies"),
        (("RateBoard.exchange_rate", {"base": "EUR", "target": "NOK"}),),
        f"One euro buys {finance.rate('EUR', 'NOK')} kroner.",
        number(finance.rate("EUR", "NOK")),
    ),
    Row(
        "I1-inst-4",
        "I have 250 CHF. Convert this amount of money to USD for me.",
        _MONEY,
        (
            ("RateBoard.convert", {"amount": 250, "base": "CHF", "target": "USD"}),
            (
                "FXHub.convert_currency",
                {"amount": 250, "source_currency": "CHF", "target_currency": "USD"},
            ),
        ),
        f"{finance.converted(250, 'CHF', 'USD')} USD",
        number(finance.converted(250, "CHF", "USD")),
        {"RateBoard": "not_subscribed"},
    ),
    Row(
        "I1-inst-5",
        "What is the latest share price of Larkspur Labs in US dollars?",
        (
            "StockPulse.share_quote",
            "StockPulse.search_company",
            "StockPulse.company_profile",
            "CoinLedger.coin_price",
        ),
        (
            ("StockPulse.search_company", {"name": "Larkspur Labs"}),
            ("StockPulse.share_quote", {"symbol": "LKSL"}),
        ),
        f"{finance.share_price('LKSL')} US dollars.",
        number(finance.share_price("LKSL")),
    ),
    Row(
        "I1-inst-6",
        "How many stars does the hotel H142 have? Look at its details.",
        _STAYS,
        (("StayFinder.hotel_details", {"hotel_id": "H142"}),),
        f"It has {_BY_ID['H142'].stars} stars.",
        number(_BY_ID["H142"].stars),
    ),
    Row(
        "I1-inst-7",
        "From which platform do trains leave at the main railway station of Vienna?",
        ("RailRoute.find_trains", "RailRoute.station_information", "TrackTime.train_timetable"),
        (("RailRoute.station_information", {"city": "Vienna"}),),
        f"From platform {travel.platform('Vienna')}.",
        number(travel.platform("Vienna")),
    ),
    Row(
        "I1-inst-8",
        "How will the weather in Oslo be in 2 days? Name the condition alone.",
        (*_WEATHER, "AirDesk.air_quality"),
        (("SkyCast.daily_forecast", {"city": "Oslo", "days": 2}),),
        weather.condition("Oslo", 2),
        exact(weather.condition("Oslo", 2)),
    ),
)

I1_TOOL = (
    Row(
        "I1-tool-1",
        "What is the air quality index in Seoul?",
        ("AirDesk.air_quality", "AirDesk.daylight", "SkyCast.current_weather"),
        (("AirDesk.air_quality", {"city": "Seoul"}),),
        "The index is 164.",
        number(164),
    ),
    Row(
        "I1-tool-2",
        "When is sunset today in Lima?",
        ("AirDesk.air_quality", "AirDesk.daylight", "SkyCast.daily_forecast"),
        (("AirDesk.daylight", {"city": "Lima"}),),
        f"At {weather.sunset('Lima')}.",
        contains(weather.sunset("Lima")),
    ),
    Row(
        "I1-tool-3",
        "What is the price of the crypto coin FERN in dollars?",
        _COINS,
        (("CoinLedger.coin_price", {"symbol": "FERN"}),),
        "One Ferncoin costs 937.75 dollars.",
        number(937.75),
    ),
    Row(
        "I1-tool-4",
        "List the crypto coins: which symbol has Mosslet? Answer with the symbol alone.",
        _COINS,
        (("CoinLedger.list_coins", {}),),
        "MOSS",
        exact("MOSS"),
    ),
    Row(
        "I1-tool-5",
        "Cancel my booking at the Marlow House and tell me the refund in euros.",
        ("Bookly.cancel_booking", "Bookly.list_bookings", "Bookly.book_room"),
        (("Bookly.list_bookings", {}), ("Bookly.cancel_booking", {"booking_id": "BK7001"})),
        "You get 180 euros back.",
        number(180),
    ),
    Row(
        "I1-tool-6",
        "Book the hotel H212 for 3 nights for the guest Jonas Berg. What is the total price?",
        ("Bookly.book_room", "Bookly.list_bookings", "StayFinder.search_hotels"),
        (("Bookly.book_room", {"hotel_id": "H212", "nights": 3, "guest": "Jonas Berg"}),),
        f"{3 * _BY_ID['H212'].price} euros.",
        number(3 * _BY_ID["H212"].price),
    ),
    Row(
        "I1-tool-7",
        "Find trains from Madrid to Lisbon. When is the departure of the first one?",
        ("RailRoute.find_trains", "TrackTime.train_timetable", "RailRoute.station_information"),
        (
            ("RailRoute.find_trains", {"origin": "Madrid", "destination": "Lisbon"}),
            ("TrackTime.train_timetable", {"origin": "Madrid", "destination": "Lisbon"}),
        ),
        f"At {travel.first_departure('Madrid', 'Lisbon')}.",
        contains(travel.first_departure("Madrid", "Lisbon")),
        {"RailRoute": "rate_limited"},
    ),
    Row(
        "I1-tool-8",
        "Which is the main pollutant in the air of Toronto?",
        ("AirDesk.air_quality", "AirDesk.daylight", "SkyCast.current_weather"),
        (("AirDesk.air_quality", {"city": "Toronto"}),),
        None,
        GIVES_UP,
        {"AirDesk": "dead"},
    ),
)

I1_CAT = (
    Row(
        "I1-cat-1",
        "Which song is on top of the music chart of Norway?",
        ("ChartWave.country_chart", "ChartWave.chart_countries", "PlayQueue.show_playlist"),
        (("ChartWave.country_chart", {"country": "Norway"}),),
        f"{music.chart('Norway')[0]} is on top.",
        contains(music.chart("Norway")[0]),
    ),
    Row(
        "I1-cat-2",
        'What is the most played song of the artist "Saltwater Choir"?',
        _SONGS,
        (
            ("TuneBase.search_artist", {"name": "Saltwater Choir"}),
            ("TuneBase.most_played_song", {"artist_id": "AR95"}),
        ),
        f"It is {music.top_track('AR95')}.",
        contains(music.top_track("AR95")),
    ),
    Row(
        "I1-cat-3",
        "How many calories are in 100 grams of oats?",
        ("NutriData.nutrition_facts", "MealFacts.count_calories", "PantryPal.search_recipes"),
        (
            ("NutriData.nutrition_facts", {"food": "oats"}),
            ("MealFacts.count_calories", {"food": "oats", "grams": 100}),
        ),
        f"{food.calories('oats')} calories.",
        number(food.calories("oats")),
        {"NutriData": "not_subscribed"},
    ),
    Row(
        "I1-cat-4",
        "What is the cooking time of the recipe R13, in minutes?",
        ("PantryPal.search_recipes", "PantryPal.recipe_steps", "NutriData.nutrition_facts"),
        (("PantryPal.recipe_steps", {"recipe_id": "R13"}),),
        "45 minutes.",
        number(45),
    ),
    Row(
        "I1-cat-5",
        "Add 4 lemons to my shopping list and tell me how many pieces are on it.",
        _LIST,
        (("BasketList.add_item", {"item": "lemons", "quantity": 4}),),
        "There are 7 pieces on the list.",
        number(7),
    ),
    Row(
        "I1-cat-6",
        "Remove the rice from my shopping list. How many pieces remain?",
        _LIST,
        (("BasketList.remove_item", {"item": "rice"}),),
        "1 piece remains.",
        number(1),
    ),
    Row(
        "I1-cat-7",
        "In which year did Jonas Ekdahl release his second album? Answer with the year alone.",
        (*_SONGS, "PlayQueue.add_song"),
        (
            ("TuneBase.search_artist", {"name": "Jonas Ekdahl"}),
            ("TuneBase.artist_albums", {"artist_id": "AR84"}),
        ),
        "2019",
        exact("2019"),
    ),
    Row(
        "I1-cat-8",
        'Which ingredients go into the recipe "Ginger Salmon"? Look for recipes with salmon.',
        ("PantryPal.search_recipes", "PantryPal.recipe_steps", "BasketList.show_list"),
        (
            ("PantryPal.search_recipes", {"ingredient": "salmon"}),
            ("PantryPal.recipe_steps", {"recipe_id": "R14"}),
        ),
        "Salmon, ginger, soy sauce and rice.",
        names("salmon", "ginger", "soy sauce", "rice"),
    ),
)
