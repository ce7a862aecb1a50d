"""Music: artists and albums, charts, and a playlist that a session remembers."""

from __future__ import annotations

from toolenv.episodes import Status
from toolenv.mini.places import drawn
from toolenv.mini.state import MiniState
from toolenv.simulators.local import ApiError, LocalTool

__all__ = ["ARTISTS", "TITLES", "TOOLS", "chart", "minutes", "plays", "top_track"]

ARTISTS = {
    "The Copper Finches": "AR51",
    "Mira Solano": "AR62",
    "Velvet Cartography": "AR73",
    "Jonas Ekdahl": "AR84",
    "Saltwater Choir": "AR95",
}
TITLES = (
    "Harbour Lights",
    "Second Winter",
    "Glass Orchard",
    "Northbound",
    "Paper Moons",
    "Slow Comet",
    "Amber Street",
    "Undertow",
    "Ninth Letter",
    "Field Notes",
)
_COUNTRIES = ("Japan", "Kenya", "Norway", "Peru", "Portugal", "Spain")

tunebase = LocalTool("Music", "TuneBase", "Artists, their songs and albums.")
chartwave = LocalTool("Music", "ChartWave", "Music charts by country.")
playqueue = LocalTool("Music", "PlayQueue", "Your personal playlist.")

TOOLS = (tunebase, chartwave, playqueue)


def top_track(artist_id: str) -> str:
    """The most played song of an artist."""
    return TITLES[drawn(0, len(TITLES) - 1, "track", artist_id)]


def plays(artist_id: str) -> int:
    """How often it was played."""
    return drawn(10_000, 9_000_000, "plays", artist_id)


def chart(country: str) -> list[str]:
    """The first three songs of a country's chart.

    Raises:
        ApiError: There is no chart of that country.
    """
    name = country.strip().title()
    if name not in _COUNTRIES:
        raise ApiError(Status.NOT_FOUND, f"No chart for '{country}'.")
    start = drawn(0, len(TITLES) - 1, "chart", name)
    return [TITLES[(start + 3 * place) % len(TITLES)] for place in range(3)]


def _artist(artist_id: str) -> str:
    for name, known in ARTISTS.items():
        if known == artist_id.strip().upper():
            return name
    raise ApiError(Status.NOT_FOUND, f"Unknown artist_id '{artist_id}'.")


@tunebase.api(example={"name": "Mira Solano"})
def search_artist(name: str) -> dict[str, object]:
    """Search an artist or band by name. Gives the artist_id.

    Args:
        name: Name of the artist or band, or a part of it.
    """
    wanted = name.strip().casefold()
    found = [(n, i) for n, i in ARTISTS.items() if wanted and wanted in n.casefold()]
    return {"artists": [{"artist_id": identifier, "name": artist} for artist, identifier in found]}


@tunebase.api(example={"artist_id": "AR62"})
def most_played_song(artist_id: str) -> dict[str, object]:
    """The most played song of an artist, with the number of plays.

    Args:
        artist_id: Identifier of the artist, as search_artist gives it.
    """
    name = _artist(artist_id)
    code = artist_id.strip().upper()
    return {"artist": name, "song": top_track(code), "plays": plays(code)}


@tunebase.api(example={"artist_id": "AR73"})
def artist_albums(artist_id: str) -> dict[str, object]:
    """Albums of an artist with their year of release.

    Args:
        artist_id: Identifier of the artist, as search_artist gives it.
    """
    name = _artist(artist_id)
    code = artist_id.strip().upper()
    first = drawn(1994, 2016, "album", code)
    titles = (f"{name.split()[0]} Sessions", TITLES[drawn(0, 9, "album title", code)])
    return {
        "artist": name,
        "albums": [{"title": title, "year": first + 3 * n} for n, title in enumerate(titles)],
    }


@chartwave.api(example={"country": "Norway"})
def country_chart(country: str) -> dict[str, object]:
    """The three songs on top of a country's music chart.

    Args:
        country: Name of the country, in English.
    """
    songs = chart(country)
    return {"chart": [{"place": place, "song": song} for place, song in enumerate(songs, 1)]}


@chartwave.api()
def chart_countries() -> dict[str, object]:
    """List the countries that have a music chart."""
    return {"countries": list(_COUNTRIES)}


@playqueue.api(changes_state=True, example={"title": "Undertow"})
def add_song(state: MiniState, title: str) -> dict[str, object]:
    """Add a song to your playlist. Gives its length.

    Args:
        state: The episode's state.
        title: Title of the song.
    """
    if title not in TITLES:
        raise ApiError(Status.NOT_FOUND, f"No song called '{title}'.")
    state.playlist.append(title)
    return {"added": title, "songs": len(state.playlist), "minutes": minutes(state.playlist)}


@playqueue.api()
def show_playlist(state: MiniState) -> dict[str, object]:
    """Show the songs on your playlist and its length in minutes."""
    return {"playlist": list(state.playlist), "minutes": minutes(state.playlist)}


def minutes(titles: list[str]) -> int:
    """How long songs take, in minutes."""
    return sum(drawn(2, 7, "minutes", title) for title in titles)
