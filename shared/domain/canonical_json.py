"""One JSON text per value, so that equal content always has the same bytes and the same hash (RFC 8785)."""

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any


def canonical(value: Any) -> bytes:
    """UTF-8 JSON with keys in UTF-16 order, no blanks and ECMAScript numbers, as RFC 8785 says.

    Beyond the RFC: Decimals become strings without an exponent or trailing zeros (Decimal("10.50") is "10.5", so
    equal amounts are equal bytes), dates ISO 8601 strings, dataclasses objects, tuples arrays, sets sorted arrays.
    Raises ValueError for NaN and infinities and TypeError for anything else JSON cannot say.
    """
    return _text(value).encode("utf-8")


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON, 64 lower-case hex digits."""
    return hashlib.sha256(canonical(value)).hexdigest()


def plain_decimal(value: Decimal) -> str:
    """A decimal as people write it: no exponent, no trailing zeros; raises ValueError for NaN and infinities."""
    if not value.is_finite():
        raise ValueError("only finite numbers have a canonical form")
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return _object(value)
    if isinstance(value, set | frozenset):
        return "[" + ",".join(sorted(_text(item) for item in value)) + "]"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _object({f.name: getattr(value, f.name) for f in dataclasses.fields(value)})
    if isinstance(value, list | tuple):
        return "[" + ",".join(_text(item) for item in value) + "]"
    return _scalar(value)


def _object(value: Mapping[Any, Any]) -> str:
    for key in value:
        if not isinstance(key, str):
            raise TypeError(f"a JSON key is a string, not {type(key).__name__}")
    keys = sorted(value, key=lambda key: key.encode("utf-16-be", "surrogatepass"))
    return "{" + ",".join(f"{_string(key)}:{_text(value[key])}" for key in keys) + "}"


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, Enum):
        return _text(value.value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, Decimal):
        return _string(plain_decimal(value))
    if isinstance(value, date):
        return _string(value.isoformat())
    raise TypeError(f"{type(value).__name__} has no canonical JSON")


def _string(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _number(value: float) -> str:
    """ECMAScript Number::toString: shortest digits, an exponent from 1e21 and below 1e-6."""
    if not math.isfinite(value):
        raise ValueError("only finite numbers have a canonical form")
    if value == 0:
        return "0"
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    text, point = "".join(map(str, digits)), len(digits) + int(exponent)
    if len(text) <= point <= 21:
        body = text + "0" * (point - len(text))
    elif 0 < point <= 21:
        body = f"{text[:point]}.{text[point:]}"
    elif -6 < point <= 0:
        body = f"0.{'0' * -point}{text}"
    else:
        mantissa = text[0] + (f".{text[1:]}" if len(text) > 1 else "")
        body = f"{mantissa}e{'+' if point > 0 else '-'}{abs(point - 1)}"
    return ("-" if sign else "") + body
