"""Price tables: what users write, and what they get wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolenv.errors import ConfigurationError
from toolenv.prices import Price, read_prices

TABLE = """
currency = "EUR"
[models."small-1.5"]
input = 0.5
output = 2
[models."local:mine"]
input = 0
output = 0
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "prices.toml"
    path.write_text(TABLE)
    return path


@pytest.mark.parametrize(
    ("policy", "price"),
    [
        ("small-1.5", Price(0.5, 2)),
        ("openai:small-1.5", Price(0.5, 2)),
        ("openai:small-1.5?temperature=0&base_url=http://x/v1", Price(0.5, 2)),
        ("local:mine", Price(0, 0)),
        ("openai:small", None),
        ("random", None),
    ],
)
def test_a_policy_is_found_by_its_model(table: Path, policy: str, price: Price | None) -> None:
    prices = read_prices(table)
    assert (prices.currency, prices.price_of(policy)) == ("EUR", price)


def test_prices_are_of_a_million_tokens() -> None:
    assert Price(0.5, 2).of(2_000_000, 500_000) == 2.0


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("models = 3", "models"),
        ("[models.a]\ninput = 1", "output"),
        ("[models.a]\ninput = -1\noutput = 1", "input"),
        ("[models.a]\ninput = nan\noutput = 1", "input"),
        ("[models.a]\ninputs = 1\noutput = 1", "input"),
        ("[models", "cannot be read"),
        ("\xff", "cannot be read"),
    ],
)
def test_what_is_no_table_is_refused_by_its_place(
    tmp_path: Path, written: str, problem: str
) -> None:
    path = tmp_path / "prices.toml"
    path.write_bytes(written.encode("latin-1"))
    with pytest.raises(ConfigurationError, match=problem) as refused:
        read_prices(path)
    assert refused.value.where == str(path)


def test_a_missing_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_prices(tmp_path / "none.toml")
