"""Instructions that need several tools of one category: I2-inst and I2-cat."""

from __future__ import annotations

from toolenv.mini import finance, food, music, travel, weather
from toolenv.mini.rows import GIVES_UP, Row, exact, names, number

__all__ = ["I2_CAT", "I2_INST"]

_MINUTES = {title: music.minutes([title]) for title in music.TITLES}
_PERU = music.chart("Peru")[0]

I2_INST = (
    Row(
        "I2-inst-1",
        "What is the current temperature in Zurich, and what is the air quality index in Zurich?",
        (
            "SkyCast.current_weather",
            "AirDesk.air_quality",
            "SkyCast.daily_forecast",
            "AirDesk.daylight",
        ),
        (
            ("SkyCast.current_weather", {"city": "Zurich"}),
            ("AirDesk.air_quality", {"city": "Zurich"}),
        ),
        f"{weather.temperature('Zurich')} °C, and the index is 123.",
        names(str(weather.temperature("Zurich")), "123"),
    ),
    Row(
        "I2-inst-2",
        "What is the share price of Bluepeak Energy, and how much is it to convert 40 USD to CAD?",
        (
            "StockPulse.search_company",
            "StockPulse.share_quote",
            "RateBoard.convert",
            "FXHub.supported_currencies",
        ),
        (
            ("StockPulse.search_company", {"name": "Bluepeak Energy"}),
            ("StockPulse.share_quote", {"symbol": "BPKE"}),
            ("RateBoard.convert", {"amount": 40, "base": "USD", "target": "CAD"}),
        ),
        f"{finance.share_price('BPKE')} dollars; {finance.converted(40, 'USD', 'CAD')} CAD.",
        names(str(finance.share_price("BPKE")), str(finance.converted(40, "USD", "CAD"))),
    ),
    Row(
        "I2-inst-3",
        "Search the cheapest hotel in Oslo and book it for 2 nights for the guest Ines Falk. "
        "What is the total price?",
        (
            "StayFinder.search_hotels",
            "Bookly.book_room",
            "Bookly.list_bookings",
            "StayFinder.hotel_details",
        ),
        (
            ("StayFinder.search_hotels", {"city": "Oslo"}),
            ("Bookly.book_room", {"hotel_id": "H111", "nights": 2, "guest": "Ines Falk"}),
        ),
        "96 euros.",
        number(96),
    ),
    Row(
        "I2-inst-4",
        "When is the departure of the first train from Prague to Zurich, and from which platform "
        "of the station of Prague?",
        (
            "RailRoute.find_trains",
            "TrackTime.train_timetable",
            "RailRoute.station_information",
            "StayFinder.search_hotels",
        ),
        (
            ("RailRoute.find_trains", {"origin": "Prague", "destination": "Zurich"}),
            ("TrackTime.train_timetable", {"origin": "Prague", "destination": "Zurich"}),
            ("RailRoute.station_information", {"city": "Prague"}),
        ),
        f"At {travel.first_departure('Prague', 'Zurich')}, platform {travel.platform('Prague')}.",
        names(travel.first_departure("Prague", "Zurich"), str(travel.platform("Prague"))),
        {"RailRoute.find_trains": "dead"},
    ),
    Row(
        "I2-inst-5",
        "Is the current temperature higher in Dublin or in Oslo? Answer with the city alone.",
        ("SkyCast.current_weather", "AirDesk.air_quality", "MeteoPoint.find_place"),
        (
            ("SkyCast.current_weather", {"city": "Dublin"}),
            ("SkyCast.current_weather", {"city": "Oslo"}),
        ),
        max("Dublin", "Oslo", key=weather.temperature),
        exact(max("Dublin", "Oslo", key=weather.temperature)),
    ),
    Row(
        "I2-inst-6",
        "Which company has more employees, Tidewater Shipping or Larkspur Labs? Answer with its "
        "name alone.",
        ("StockPulse.search_company", "StockPulse.company_profile", "CoinLedger.list_coins"),
        (
            ("StockPulse.search_company", {"name": "Tidewater Shipping"}),
            ("StockPulse.company_profile", {"symbol": "TDWS"}),
            ("StockPulse.search_company", {"name": "Larkspur Labs"}),
            ("StockPulse.company_profile", {"symbol": "LKSL"}),
        ),
        "Tidewater Shipping",
        exact("Tidewater Shipping"),
    ),
    Row(
        "I2-inst-7",
        "What is the current temperature at the weather station of Vienna?",
        (
            "SkyCast.current_weather",
            "MeteoPoint.find_place",
            "MeteoPoint.station_report",
            "AirDesk.daylight",
        ),
        (
            ("SkyCast.current_weather", {"city": "Vienna"}),
            ("MeteoPoint.find_place", {"query": "Vienna"}),
            ("MeteoPoint.station_report", {"place_id": "AT-371"}),
        ),
        f"It is {weather.temperature('Vienna')} °C.",
        number(weather.temperature("Vienna")),
        {"SkyCast": "broken"},
    ),
    Row(
        "I2-inst-8",
        "Book a flight from Lima to Madrid for tomorrow and give me the flight number.",
        ("StayFinder.search_hotels", "Bookly.list_bookings", "TrackTime.train_timetable"),
        (),
        None,
        GIVES_UP,
    ),
)

I2_CAT = (
    Row(
        "I2-cat-1",
        "Add the first song of the chart of Peru to my playlist and tell me its length in minutes.",
        ("ChartWave.country_chart", "PlayQueue.add_song", "PlayQueue.show_playlist"),
        (
            ("ChartWave.country_chart", {"country": "Peru"}),
            ("PlayQueue.add_song", {"title": _PERU}),
        ),
        f"It is {_MINUTES[_PERU]} minutes long.",
        number(_MINUTES[_PERU]),
    ),
    Row(
        "I2-cat-2",
        'Add the song "Northbound" to my playlist and add the song "Undertow" to my playlist. '
        "How many minutes does it have?",
        ("PlayQueue.add_song", "PlayQueue.show_playlist", "TuneBase.most_played_song"),
        (
            ("PlayQueue.add_song", {"title": "Northbound"}),
            ("PlayQueue.add_song", {"title": "Undertow"}),
            ("PlayQueue.show_playlist", {}),
        ),
        f"{_MINUTES['Northbound'] + _MINUTES['Undertow']} minutes.",
        number(_MINUTES["Northbound"] + _MINUTES["Undertow"]),
    ),
    Row(
        "I2-cat-3",
        "How many calories are in 100 grams of tofu, and what is the cooking time of the recipe "
        "R12?",
        (
            "NutriData.nutrition_facts",
            "MealFacts.count_calories",
            "PantryPal.recipe_steps",
            "BasketList.show_list",
        ),
        (
            ("NutriData.nutrition_facts", {"food": "tofu"}),
            ("MealFacts.count_calories", {"food": "tofu"}),
            ("PantryPal.recipe_steps", {"recipe_id": "R12"}),
        ),
        f"{food.calories('tofu')} calories; 50 minutes.",
        names(str(food.calories("tofu")), "50"),
        {"NutriData": "rate_limited"},
    ),
    Row(
        "I2-cat-4",
        "Find a recipe with pumpkin and put each of its ingredients on my shopping list. How many "
        "pieces are on the list then?",
        (
            "PantryPal.search_recipes",
            "PantryPal.recipe_steps",
            "BasketList.add_item",
            "BasketList.show_list",
        ),
        (
            ("PantryPal.search_recipes", {"ingredient": "pumpkin"}),
            ("PantryPal.recipe_steps", {"recipe_id": "R15"}),
            ("BasketList.add_item", {"item": "pumpkin"}),
            ("BasketList.add_item", {"item": "potato"}),
            ("BasketList.add_item", {"item": "flour"}),
            ("BasketList.add_item", {"item": "sage"}),
        ),
        "There are 7 pieces on the list.",
        number(7),
    ),
    Row(
        "I2-cat-5",
        "How many grams of protein are in 100 grams of almonds?",
        ("NutriData.nutrition_facts", "MealFacts.count_calories", "PantryPal.search_recipes"),
        (("NutriData.nutrition_facts", {"food": "almonds"}),),
        None,
        GIVES_UP,
        {"NutriData": "empty"},
    ),
    Row(
        "I2-cat-6",
        'What is the most played song of the artist "Mira Solano", and which song is on top of the '
        "music chart of Portugal?",
        (
            "TuneBase.search_artist",
            "TuneBase.most_played_song",
            "ChartWave.country_chart",
            "PlayQueue.add_song",
        ),
        (
            ("TuneBase.search_artist", {"name": "Mira Solano"}),
            ("TuneBase.most_played_song", {"artist_id": "AR62"}),
            ("ChartWave.country_chart", {"country": "Portugal"}),
        ),
        f"{music.top_track('AR62')}, and {music.chart('Portugal')[0]}.",
        names(music.top_track("AR62"), music.chart("Portugal")[0]),
    ),
    Row(
        "I2-cat-7",
        "Which of the two foods has more calories, banana or barley? Answer with the food alone.",
        ("NutriData.nutrition_facts", "MealFacts.count_calories", "PantryPal.recipe_steps"),
        (
            ("NutriData.nutrition_facts", {"food": "banana"}),
            ("NutriData.nutrition_facts", {"food": "barley"}),
        ),
        max("banana", "barley", key=food.calories),
        exact(max("banana", "barley", key=food.calories)),
    ),
    Row(
        "I2-cat-8",
        "Show my shopping list: which items are on it? And count the calories in 50 grams of rice.",
        (
            "BasketList.show_list",
            "BasketList.add_item",
            "MealFacts.count_calories",
            "NutriData.nutrition_facts",
        ),
        (
            ("BasketList.show_list", {}),
            ("MealFacts.count_calories", {"food": "rice", "grams": 50}),
        ),
        f"Rice and olive oil; {food.calories('rice') // 2} calories.",
        names("rice", "olive oil", str(food.calories("rice") // 2)),
        {"NutriData": "dead"},
    ),
)
