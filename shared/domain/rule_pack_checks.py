"""Small checks on the JSON of a rule pack; each raises with the path of what is wrong (E9)."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from shared.domain.errors import Refused


def invalid(path: str, message: str) -> Refused:
    """The refusal of a pack: RULE_PACK_INVALID with `details.path` and `details.message`."""
    return Refused("RULE_PACK_INVALID", f"{path}: {message}", details={"path": path, "message": message})


def an_object(value: Any, path: str, *, known: Sequence[str] = (), required: Sequence[str] = ()) -> dict[str, Any]:
    """The value as an object with only known and all required keys."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise invalid(path, "must be an object")
    for key in required:
        if key not in value:
            raise invalid(f"{path}.{key}", "is required")
    for key in value:
        if known and key not in known:
            raise invalid(f"{path}.{key}", "is not known")
    return dict(value)


def a_list(value: Any, path: str, *, least: int = 0, most: int = 400) -> list[Any]:
    """The value as a list of `least` to `most` items."""
    if not isinstance(value, list) or not least <= len(value) <= most:
        raise invalid(path, f"must be a list of {least} to {most} items")
    return value


def a_text(value: Any, path: str, *, most: int = 4000) -> str:
    """The value as a text that is not blank."""
    if not isinstance(value, str) or not value.strip() or len(value) > most:
        raise invalid(path, f"must be a text of 1 to {most} characters")
    return value


def texts(value: Any, path: str, *, least: int = 1, most: int = 50) -> list[str]:
    """The value as a list of texts of at most 200 characters."""
    return [
        a_text(item, f"{path}[{i}]", most=200) for i, item in enumerate(a_list(value, path, least=least, most=most))
    ]


def one_of(value: Any, path: str, allowed: Sequence[Any]) -> Any:
    """The value if it is allowed."""
    if value not in allowed or isinstance(value, bool):
        raise invalid(path, f"must be one of {', '.join(map(str, allowed))}")
    return value


def a_flag(value: Any, path: str) -> bool:
    """The value as true or false."""
    if not isinstance(value, bool):
        raise invalid(path, "must be true or false")
    return value


def a_number(value: Any, path: str, *, least: Decimal | None = None, most: Decimal | None = None) -> Decimal:
    """The value, a decimal string or a whole number, inside [least, most]; floats are refused (E23)."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise invalid(path, "must be a decimal string")
    if not re.fullmatch(r"-?\d{1,15}(\.\d{1,6})?", str(value)):
        raise invalid(path, "must be a decimal string")
    number = Decimal(value)
    if (least is not None and number < least) or (most is not None and number > most):
        raise invalid(path, f"must lie between {least} and {most}")
    return number


def a_whole(value: Any, path: str, *, least: int, most: int) -> int:
    """The value as a whole number inside [least, most]."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise invalid(path, f"must be a whole number from {least} to {most}")
    return value


def a_date(value: Any, path: str) -> str:
    """The value as an ISO 8601 day."""
    try:
        return date.fromisoformat(a_text(value, path)).isoformat()
    except ValueError as error:
        raise invalid(path, "must be a date such as 2026-12-01") from error
