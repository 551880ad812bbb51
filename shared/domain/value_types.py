"""A value that stands in a text: its span, canonical form and unit, or the admission that it is ambiguous (P63)."""

from dataclasses import dataclass, replace
from decimal import Decimal

from shared.domain.canonical_json import plain_decimal

_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F) if chr(code) not in "，；！？"}
_FOLDS = _FULL_WIDTH | {0x3000: 32, 0xA0: 32, 0x2009: 32, 0x202F: 32, ord("﹪"): ord("%"), ord("−"): ord("-")}
_FOLDS |= {ord("–"): ord("-"), ord("‑"): ord("-"), ord("’"): ord("'"), ord("～"): ord("~"), ord("〜"): ord("~")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """`raw` is text[start:end]. `kind` is number, share, money, date, duration or code.

    A point has low == high; a range both ends; a bound one end and None for infinity. `low_open` and `high_open`
    exclude that end. Durations carry `unit` (calendar_day, working_day, week, month, year, hour, minute), money
    `currency` (ISO 4217) and `tax` (incl, excl or None for unknown), dates `date` (YYYY, YYYY-MM or YYYY-MM-DD) and
    codes `code` with `code_type`. `words` tells an amount written in words. Ambiguous values carry no reading.
    """

    kind: str
    start: int
    end: int
    raw: str
    low: Decimal | None = None
    high: Decimal | None = None
    low_open: bool = False
    high_open: bool = False
    unit: str | None = None
    currency: str | None = None
    tax: str | None = None
    date: str | None = None
    code: str | None = None
    code_type: str | None = None
    words: bool = False
    ambiguous: bool = False

    @property
    def amount(self) -> Decimal | None:
        """The number of a point; None for ranges, bounds, dates, codes and ambiguous values."""
        return self.low if self.low is not None and self.low == self.high else None

    @property
    def canonical(self) -> str:
        """The canonical form of P63: "30 calendar_day", "3000000 CNY incl", "[3,5] year", "2026-02" or "ambiguous"."""
        if self.ambiguous:
            return "ambiguous"
        body = self.date or self.code or self._interval()
        return " ".join(part for part in (body, self.unit, self.currency, self.tax) if part)

    def _interval(self) -> str:
        if self.amount is not None:
            return plain_decimal(self.amount)
        low = "(-inf" if self.low is None else f"{'(' if self.low_open else '['}{plain_decimal(self.low)}"
        high = "+inf)" if self.high is None else f"{plain_decimal(self.high)}{')' if self.high_open else ']'}"
        return f"{low},{high}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conventions:
    """What a document says about its own writing. Without it the values stay ambiguous: `date_order` is DMY, MDY or
    YMD, `dollar` the currency of a bare $; `numeric_cell` reads (1,200) as minus 1200."""

    date_order: str | None = None
    dollar: str | None = None
    numeric_cell: bool = False


def folded(text: str) -> str:
    """Half-width form of the same length, so spans keep their meaning; a wide comma folds only between digits."""
    narrow = text.translate(_FOLDS)
    if "，" not in narrow:
        return narrow
    signs = list(narrow)
    for i in range(1, len(signs) - 1):
        if signs[i] == "，" and "０" <= text[i - 1] <= "９" and "０" <= text[i + 1] <= "９":
            signs[i] = ","
    return "".join(signs)


def unreadable(value: Value) -> Value:
    """The same place with every reading removed and the ambiguous flag set."""
    return replace(value, low=None, high=None, date=None, code=None, ambiguous=True)
