"""The units and currencies that checks know, and how one is read as another.

A small table, not a library of units: what answers to everyday requests are given in. Currencies
are never converted. SI's factors are exact; the others are the international definitions of 1959,
US gallons, and the thermochemical calorie.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

__all__ = ["Unit", "converted", "currencies_of", "find_unit", "read_as"]


class Unit(NamedTuple):
    """A unit: ``value * factor + offset`` is the value in the base unit of its dimension.

    Args:
        name: Its name, the same for all its spellings.
        dimension: What it measures; only units of one dimension convert.
        factor: How many base units it is.
        offset: Where its zero lies, in base units: for temperatures.
    """

    name: str
    dimension: str
    factor: float = 1.0
    offset: float = 0.0


def converted(value: float, unit: Unit, to: Unit) -> float:
    """A value in another unit of the same dimension.

    Example:
        >>> converted(69.8, find_unit("°F"), find_unit("°C"))
        21.0
    """
    if unit == to:
        return value
    return round((value * unit.factor + unit.offset - to.offset) / to.factor, 10)


_TABLE: Final = """
temperature
  °C       1 273.15 | C, ℃, celsius, degrees celsius, degrees c, ° c, deg c, centigrade
  °F       5/9 459.67*5/9 | F, ℉, fahrenheit, degrees fahrenheit, degrees f, ° f, deg f
  K        1        | kelvin, kelvins
length
  m        1        | metre, metres, meter, meters
  km       1000     | kilometre, kilometres, kilometer, kilometers, kms
  cm       0.01     | centimetre, centimetres, centimeter, centimeters
  mm       0.001    | millimetre, millimetres, millimeter, millimeters
  mi       1609.344 | mile, miles
  ft       0.3048   | foot, feet
  yd       0.9144   | yard, yards
  inch     0.0254   | inches
  nmi      1852     | nautical mile, nautical miles
mass
  kg       1        | kilogram, kilograms, kilogramme, kilogrammes, kgs, kilos
  g        0.001    | gram, grams, gramme, grammes
  mg       0.000001 | milligram, milligrams
  t        1000     | tonne, tonnes, metric tons
  lb       0.45359237 | lbs
  oz       0.028349523125 | ounce, ounces
duration
  s        1        | second, seconds, sec, secs
  ms       0.001    | millisecond, milliseconds
  min      60       | minute, minutes, mins
  h        3600     | hour, hours, hr, hrs
  d        86400    | day, days
  week     604800   | weeks
volume
  l        1        | L, litre, litres, liter, liters
  ml       0.001    | mL, millilitre, millilitres, milliliter, milliliters
  cl       0.01     | cL, centilitre, centilitres
  m3       1000     | cubic metres, cubic meters
  gal      3.785411784 | gallon, gallons
area
  m2       1        | sqm, square metre, square metres, square meter, square meters
  km2      1000000  | square kilometre, square kilometres, square kilometer, square kilometers
  ha       10000    | hectare, hectares
  ft2      0.09290304 | sqft, square foot, square feet
speed
  m/s      1        | metres per second, meters per second
  km/h     1/3.6    | kph, kmh, kilometres per hour, kilometers per hour
  mph      0.44704  | mi/h, miles per hour
  kn       1852/3600 | kt, knot, knots
pressure
  hPa      1        | hectopascal, hectopascals, mbar, millibar, millibars
  Pa       0.01     | pascal, pascals
  kPa      10       | kilopascal, kilopascals
  bar      1000     | bars
energy
  J        1        | joule, joules
  kJ       1000     | kilojoule, kilojoules
  kcal     4184     | kilocalorie, kilocalories, calories, cal
  kWh      3600000  | kilowatt hours
data
  B        1        | byte, bytes
  kB       1000     | KB, kilobyte, kilobytes
  MB       1000000  | megabyte, megabytes
  GB       1000000000 | gigabyte, gigabytes
  TB       1000000000000 | terabyte, terabytes
  KiB      1024
  MiB      1048576
  GiB      1073741824
share
  %        1        | percent, per cent, pct
"""

_CURRENCIES: Final = {
    "EUR": ("€", "euro", "euros"),
    "USD": ("US$", "us dollar", "us dollars", "$"),
    "GBP": ("£", "pound", "pounds", "pounds sterling", "british pounds"),
    "JPY": ("¥", "yen", "japanese yen"),
    "CNY": ("yuan", "renminbi", "rmb", "¥"),
    "CHF": ("Fr.", "swiss franc", "swiss francs"),
    "CAD": ("C$", "CA$", "canadian dollar", "canadian dollars", "$"),
    "AUD": ("A$", "AU$", "australian dollar", "australian dollars", "$"),
    "NZD": ("NZ$", "new zealand dollar", "new zealand dollars", "$"),
    "HKD": ("HK$", "hong kong dollars", "$"),
    "SGD": ("S$", "singapore dollars", "$"),
    "SEK": ("swedish kronor", "swedish krona", "kr"),
    "NOK": ("norwegian kroner", "norwegian krone", "kr"),
    "DKK": ("danish kroner", "danish krone", "kr"),
    "ISK": ("icelandic kronur", "kr"),
    "INR": ("₹", "rupee", "rupees", "indian rupees"),
    "KRW": ("₩", "won"),
    "BRL": ("R$", "reais", "brazilian reais"),
    "MXN": ("MX$", "mexican pesos", "$"),
    "PLN": ("zł", "zloty", "złoty"),
    "CZK": ("Kč", "czech koruna"),
    "HUF": ("Ft", "forint"),
    "TRY": ("₺", "turkish lira"),
    "ILS": ("₪", "shekel", "shekels"),
    "THB": ("฿", "baht"),
    "ZAR": ("rand",),
    "RUB": ("₽", "rouble", "roubles", "ruble", "rubles"),
    "UAH": ("₴", "hryvnia"),
    "PHP": ("₱",),
    "VND": ("₫", "dong"),
    "NGN": ("₦", "naira"),
    "SAR": ("riyal",),
    "AED": ("dirham", "dirhams"),
    "EGP": ("egyptian pounds",),
    "IDR": ("rupiah",),
    "MYR": ("ringgit",),
    "RON": ("leu", "lei"),
    "BGN": (),
    "ARS": (),
    "CLP": (),
    "COP": (),
    "TWD": ("NT$",),
    "BTC": ("₿", "bitcoin", "bitcoins"),
    "ETH": ("ether",),
}


def _read_table() -> tuple[dict[str, Unit], dict[str, Unit]]:
    """Units by their symbols, whose case counts, and by their words, whose case does not."""
    symbols: dict[str, Unit] = {}
    words: dict[str, Unit] = {}
    dimension = ""
    for line in _TABLE.strip().splitlines():
        if not line.startswith(" "):
            dimension = line
            continue
        numbers, _, spellings = line.partition("|")
        name, *figures = numbers.split()
        factor, offset = (*map(_figure, figures), 0.0)[:2]
        unit = Unit(name, dimension, factor, offset)
        symbols[name] = unit
        for spelling in filter(None, map(str.strip, spellings.split(","))):
            (words if len(spelling) > 2 and spelling.islower() else symbols)[spelling] = unit
    words["degrees"] = words["degree"] = symbols["°"] = Unit("°", "degrees")
    shared: dict[str, list[str]] = {}
    for code, spellings_of in _CURRENCIES.items():
        for spelling in (code, code.lower(), *spellings_of):
            shared.setdefault(spelling, []).append(code)
    for spelling, codes in shared.items():
        unit = _money(codes)
        (words if spelling.islower() and len(spelling) > 2 else symbols)[spelling] = unit
    words["dollar"] = words["dollars"] = symbols["$"]
    words["kroner"] = words["kronor"] = words["krone"] = words["krona"] = symbols["kr"]
    words["franc"] = words["francs"] = symbols["CHF"]
    words.pop("try")  # a word of English before it is a currency
    return symbols, words


def _figure(text: str) -> float:
    """A factor as the table writes it: a number, or numbers joined by ``*`` and ``/``."""
    value = 1.0
    for sign, number in re.findall(r"([*/]?)([\d.]+)", text):
        value = value / float(number) if sign == "/" else value * float(number)
    return value


def _money(codes: list[str]) -> Unit:
    return Unit("/".join(codes), "money")


def read_as(unit: Unit, wanted: Unit) -> Unit | None:
    """The unit that was meant, where another one is wanted; None where they measure other things.

    Degrees are of the wanted scale, a currency's sign stands for any of its currencies, and pounds
    are money or a weight.

    Example:
        >>> read_as(find_unit("degrees"), find_unit("°F")) == find_unit("°F")
        True
        >>> read_as(find_unit("pounds"), find_unit("kg")).name
        'lb'
    """
    if unit.dimension == "money" and wanted.dimension == "money":
        return wanted if currencies_of(unit) & currencies_of(wanted) else None
    if unit.dimension == "degrees" and wanted.dimension == "temperature":
        return wanted
    if unit.name == "GBP" and wanted.dimension == "mass":
        return _SYMBOLS["lb"]
    return unit if unit.dimension == wanted.dimension else None


def currencies_of(unit: Unit) -> frozenset[str]:
    """The codes that a currency's sign may stand for; empty for what is no currency.

    Example:
        >>> sorted(currencies_of(find_unit("kr")))
        ['DKK', 'ISK', 'NOK', 'SEK']
    """
    return frozenset(unit.name.split("/")) if unit.dimension == "money" else frozenset()


_SYMBOLS, _WORDS = _read_table()


def find_unit(text: str) -> Unit | None:
    """The unit or currency of that spelling; None where there is none.

    Example:
        >>> find_unit("Kilometres"), find_unit("US$").name, find_unit("parsec")
        (Unit(name='km', dimension='length', factor=1000.0, offset=0.0), 'USD', None)
    """
    return _SYMBOLS.get(text) or _WORDS.get(text.casefold())
