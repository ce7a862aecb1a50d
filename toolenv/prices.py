"""What models cost: a table that the user writes, since prices change."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from toolenv.errors import ConfigurationError

__all__ = ["Price", "PriceTable", "read_prices"]


class Price(NamedTuple):
    """What a model costs, in the table's currency.

    Args:
        input: Price of a million input tokens.
        output: Price of a million output tokens.
    """

    input: float = 0.0
    output: float = 0.0

    def of(self, input_tokens: int, output_tokens: int) -> float:
        """What so many tokens cost.

        Example:
            >>> Price(input=2.0, output=10.0).of(500_000, 100_000)
            2.0
        """
        return (self.input * input_tokens + self.output * output_tokens) / 1e6


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    input: float = Field(ge=0, allow_inf_nan=False)
    output: float = Field(ge=0, allow_inf_nan=False)


class PriceTable(BaseModel):
    """Prices by model.

    Args:
        currency: What prices are in.
        models: Prices of a million input and output tokens, by the model's name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    currency: str = "USD"
    models: Mapping[str, _Entry]

    def price_of(self, policy: str) -> Price | None:
        """The price of a policy's model; None where the table does not name it.

        Args:
            policy: A policy's specification or a model's name.

        Example:
            >>> table = PriceTable.model_validate({"models": {"small": {"input": 1, "output": 2}}})
            >>> table.price_of("openai:small?temperature=0")
            Price(input=1.0, output=2.0)
        """
        model = policy.partition("?")[0]
        entry = self.models.get(model) or self.models.get(model.partition(":")[2])
        return Price(entry.input, entry.output) if entry is not None else None


def read_prices(path: str | PathLike[str]) -> PriceTable:
    """Read a price table, a TOML file.

    Such as::

        currency = "USD"
        [models."my-model"]
        input = 0.15     # a million input tokens
        output = 0.60    # a million output tokens

    Raises:
        ConfigurationError: The file cannot be read, or is no price table.
    """
    try:
        return PriceTable.model_validate(tomllib.loads(Path(path).read_text("utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"The prices cannot be read: {error}.", where=str(path)) from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ConfigurationError(
            f"{place}: {first['msg']}.",
            where=str(path),
            fix="Write [models.NAME] with input and output, the prices of a million tokens.",
        ) from None
