"""One amount in words and in figures is read both ways; a mismatch is a finding with both spans (P64)."""

import itertools
import re
from dataclasses import dataclass, replace

from shared.domain.value_types import Conventions, Value
from shared.domain.values import read_values

_GAP = re.compile(
    r"[\s(（）)\[\]:：,，;；/|-]*(?:(?:大写|小写|即|计|折合|in\s+words|in\s+figures|words|figures|say|i\.e\.|being|equal\s+to|"
    r"金额|人民币|RMB|CNY|EUR|USD|GBP|¥|￥|整|only)[\s(（）)\[\]:：,，;；.-]*){0,5}",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class AmountPair:
    """The same amount twice: `words` in words, `figures` in digits; `agrees` is None when one is ambiguous."""

    words: Value
    figures: Value
    agrees: bool | None


def amount_pairs(text: str, conventions: Conventions | None = None) -> list[AmountPair]:
    """The neighbouring amounts of a text of which one is in words and one in figures."""
    values = [v for v in read_values(text, conventions) if v.kind in ("money", "number")]
    pairs = []
    for first, second in itertools.pairwise(values):
        if is_pair(text, first, second):
            words, figures = (first, second) if first.words else (second, first)
            pairs.append(AmountPair(words, figures, agreement(words, figures)))
    return pairs


def is_pair(text: str, first: Value, second: Value) -> bool:
    """Two neighbours, one in words and one in figures, with nothing but brackets and 大写 or "in words" between."""
    kinds = {first.kind, second.kind}
    between = text[first.end : second.start]
    return first.words != second.words and "money" in kinds and _GAP.fullmatch(between) is not None


def agreement(words: Value, figures: Value) -> bool | None:
    """Whether both say the same amount of the same currency; None when either is ambiguous."""
    if words.amount is None or figures.amount is None:
        return None
    currencies = {value.currency for value in (words, figures) if value.currency}
    return words.amount == figures.amount and len(currencies) == 1


def with_currency(value: Value, currency: str | None, tax: str | None) -> Value:
    """An amount in words without a currency takes the one of its figures."""
    return replace(value, kind="money", currency=value.currency or currency, tax=value.tax or tax)
