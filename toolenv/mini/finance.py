"""Finance: currencies from two providers, shares, and crypto coins."""

from __future__ import annotations

from toolenv.episodes import Status
from toolenv.mini.places import drawn
from toolenv.simulators.local import ApiError, LocalTool

__all__ = ["COINS", "COMPANIES", "TOOLS", "converted", "rate", "share_price"]

_PER_EURO = {
    "EUR": 1.0,
    "USD": 1.25,
    "GBP": 0.8,
    "CHF": 0.96,
    "NOK": 11.2,
    "JPY": 160.0,
    "CAD": 1.6,
    "KES": 140.0,
    "CZK": 25.0,
    "PEN": 4.0,
    "KRW": 1500.0,
}
COMPANIES = {
    "Northwind Robotics": "NWRB",
    "Halcyon Foods": "HLCF",
    "Bluepeak Energy": "BPKE",
    "Tidewater Shipping": "TDWS",
    "Larkspur Labs": "LKSL",
    "Copperfield Rail": "CPFR",
}
_SECTORS = ("Industry", "Food", "Energy", "Transport", "Software")
COINS = {"ORB": "Orbit", "FERN": "Ferncoin", "QRTZ": "Quartz", "MOSS": "Mosslet"}

rateboard = LocalTool("Finance", "RateBoard", "Currency exchange rates, updated hourly.")
fxhub = LocalTool("Finance", "FXHub", "Foreign exchange for developers.")
stockpulse = LocalTool("Finance", "StockPulse", "Companies and their share prices.")
coinledger = LocalTool("Finance", "CoinLedger", "Prices of crypto coins.")

TOOLS = (rateboard, fxhub, stockpulse, coinledger)


def rate(base: str, target: str) -> float:
    """How much of ``target`` one unit of ``base`` buys.

    Raises:
        ApiError: A currency is unknown.
    """
    for code in (base, target):
        if code.upper() not in _PER_EURO:
            raise ApiError(Status.NOT_FOUND, f"Unknown currency code '{code}'.")
    return round(_PER_EURO[target.upper()] / _PER_EURO[base.upper()], 4)


def converted(amount: float, base: str, target: str) -> float:
    """An amount of ``base`` in ``target``, to two decimals."""
    return round(amount * rate(base, target), 2)


def share_price(symbol: str) -> float:
    """The last price of a share, in US dollars."""
    return drawn(800, 42000, "share", symbol) / 100


@rateboard.api(example={"base": "EUR", "target": "USD"})
def exchange_rate(base: str, target: str) -> dict[str, object]:
    """Exchange rate between two currencies.

    Args:
        base: Code of the currency to change from, such as EUR.
        target: Code of the currency to change to, such as USD.
    """
    return {"base": base.upper(), "target": target.upper(), "rate": rate(base, target)}


@rateboard.api(example={"amount": 100, "base": "EUR", "target": "JPY"})
def convert(amount: float, base: str, target: str) -> dict[str, object]:
    """Convert an amount of money from one currency to another.

    Args:
        amount: How much to convert.
        base: Code of the currency to change from, such as EUR.
        target: Code of the currency to change to, such as USD.
    """
    result = converted(amount, base, target)
    return {"amount": amount, "base": base.upper(), "target": target.upper(), "result": result}


@fxhub.api(example={"amount": 50, "source_currency": "GBP", "target_currency": "CHF"})
def convert_currency(
    amount: float, source_currency: str, target_currency: str
) -> dict[str, object]:
    """Convert money between currencies at the current rate.

    Args:
        amount: How much to convert.
        source_currency: Code of the currency to change from.
        target_currency: Code of the currency to change to.
    """
    return {
        "converted": converted(amount, source_currency, target_currency),
        "currency": target_currency.upper(),
    }


@fxhub.api()
def supported_currencies() -> dict[str, object]:
    """List the codes of all supported currencies."""
    return {"currencies": sorted(_PER_EURO), "count": len(_PER_EURO)}


@stockpulse.api(example={"name": "Larkspur Labs"})
def search_company(name: str) -> dict[str, object]:
    """Search a company by name. Gives its ticker symbol, which quotes and profiles need.

    Args:
        name: Name of the company, or a part of it.
    """
    wanted = name.strip().casefold()
    found = [(n, s) for n, s in COMPANIES.items() if wanted and wanted in n.casefold()]
    return {"results": [{"name": company, "symbol": symbol} for company, symbol in found]}


@stockpulse.api(example={"symbol": "NWRB"})
def share_quote(symbol: str) -> dict[str, object]:
    """Latest share price quote of a company, in US dollars.

    Args:
        symbol: Ticker symbol of the company, as search_company gives it.
    """
    _company_of(symbol)
    return {
        "symbol": symbol.upper(),
        "price": share_price(symbol.upper()),
        "currency": "USD",
        "change_percent": drawn(-40, 40, "change", symbol.upper()) / 10,
    }


@stockpulse.api(example={"symbol": "HLCF"})
def company_profile(symbol: str) -> dict[str, object]:
    """Profile of a company: sector, founding year, employees.

    Args:
        symbol: Ticker symbol of the company, as search_company gives it.
    """
    return {
        "name": _company_of(symbol),
        "sector": _SECTORS[drawn(0, len(_SECTORS) - 1, "sector", symbol.upper())],
        "founded": drawn(1890, 2015, "founded", symbol.upper()),
        "employees": drawn(40, 90000, "employees", symbol.upper()),
    }


def _company_of(symbol: str) -> str:
    for name, known in COMPANIES.items():
        if known == symbol.strip().upper():
            return name
    raise ApiError(Status.NOT_FOUND, f"Unknown symbol '{symbol}'.")


@coinledger.api(example={"symbol": "ORB"})
def coin_price(symbol: str) -> dict[str, object]:
    """Price of a crypto coin in US dollars.

    Args:
        symbol: Symbol of the coin, in capitals.
    """
    code = symbol.strip().upper()
    if code not in COINS:
        raise ApiError(Status.NOT_FOUND, f"Unknown coin '{symbol}'.")
    return {"coin": COINS[code], "symbol": code, "price_usd": drawn(2, 9000, "coin", code) / 8}


@coinledger.api()
def list_coins() -> dict[str, object]:
    """List all crypto coins on the ledger with their symbols."""
    return {"coins": [{"symbol": code, "name": name} for code, name in COINS.items()]}
