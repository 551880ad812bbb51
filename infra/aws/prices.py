"""The dated price table and the assumptions beside it, read from prices.toml and checked."""

import datetime
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("prices.toml")


class PriceInvalid(ValueError):
    """A row of the table lacks what makes it believable; the message names the row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """USD for one `unit`. `read_in`: the text the figure was read in; an estimate has `reasoning` instead."""

    service: str
    unit: str
    region: str
    usd: float
    date: datetime.date
    source: str
    estimate: bool = False
    read_in: str = ""
    reasoning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumption:
    """A figure that neither the template nor a stored measurement gives."""

    value: float
    unit: str
    why: str


@dataclass(frozen=True, slots=True)
class Prices:
    """`rows` and `assumptions` by name."""

    rows: Mapping[str, Price]
    assumptions: Mapping[str, Assumption]

    def usd(self, name: str) -> float:
        """The price of one unit; raises KeyError for a name without a row."""
        return self.rows[name].usd

    def given(self, name: str) -> float:
        """The value of an assumption."""
        return self.assumptions[name].value


def read_prices(template: Mapping[str, Any] | None = None) -> Prices:
    """The table; raises PriceInvalid for a row without date, source, or a word on where the figure comes from."""
    text = template if template is not None else tomllib.loads(TABLE.read_text(encoding="utf-8"))
    rows = {name: _price(name, row) for name, row in text["price"].items()}
    return Prices(rows, {name: Assumption(**row) for name, row in text["assumption"].items()})


def _price(name: str, row: Mapping[str, Any]) -> Price:
    try:
        price = Price(**row)
    except TypeError as error:
        raise PriceInvalid(f"price {name}: {error}") from error
    if type(price.date) is not datetime.date:
        raise PriceInvalid(f"price {name}: date is no date")
    if not price.source.startswith("https://aws.amazon.com/"):
        raise PriceInvalid(f"price {name}: source is no page of AWS")
    if price.usd <= 0 or not (price.reasoning if price.estimate else price.read_in):
        raise PriceInvalid(f"price {name}: nothing says where {price.usd} USD comes from")
    return price
