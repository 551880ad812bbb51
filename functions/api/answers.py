"""The envelope of every answer and how values are written as JSON (spec A4-A6, A17)."""

import dataclasses
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Generic, Literal, TypeVar

from fastapi import Response
from pydantic import BaseModel

from shared.domain.canonical_json import plain_decimal

T = TypeVar("T")


class Meta(BaseModel):
    """Which call this was."""

    trace_id: str
    request_id: str


class Envelope(BaseModel, Generic[T]):
    """A5."""

    success: Literal[True]
    data: T
    message: str
    meta: Meta


class Listing(BaseModel, Generic[T]):
    """A page of a list, newest first (A15)."""

    items: list[T]
    next_cursor: str | None
    has_more: bool


class ErrorBody(BaseModel):
    """What went wrong, by a code of /errors."""

    code: str
    message: str
    retryable: bool
    details: dict[str, Any]


class Problem(BaseModel):
    """A6; `error` also has `class`."""

    success: Literal[False]
    error: ErrorBody
    meta: Meta


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an endpoint gives back; `etag` is the row version of the one resource shown."""

    data: Any
    status: int = 200
    etag: int | None = None
    location: str | None = None
    message: str = "ok"
    secret: bool = False

    def sealed(self) -> "Answer":
        """The same answer, which holds a secret: for a replay it is kept encrypted only (S97)."""
        return dataclasses.replace(self, secret=True)

    @property
    def headers(self) -> dict[str, str]:
        """ETag and Location, when they apply."""
        named = {"ETag": self.etag if self.etag is None else f'"{self.etag}"', "Location": self.location}
        return {name: value for name, value in named.items() if value is not None}

    def body(self, meta: Mapping[str, str]) -> dict[str, Any]:
        """The envelope, still as Python values."""
        return {"success": True, "data": self.data, "message": self.message, "meta": dict(meta)}


def created(data: Any, *, location: str, etag: int | None = None) -> Answer:
    """201 with the place of the new resource."""
    return Answer(data=data, status=201, etag=etag, location=location, message="created")


def accepted(data: Any, *, location: str) -> Answer:
    """202: work has started; the place is the job's (A22)."""
    return Answer(data=data, status=202, location=location, message="accepted")


def time_text(moment: datetime) -> str:
    """UTC with milliseconds, such as 2026-01-31T08:00:00.000Z (D9)."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def view(row: Any, *hidden: str, **more: Any) -> dict[str, Any]:
    """The columns of a dataclass row without the hidden ones (A25), and what else belongs to the resource."""
    names = [field.name for field in dataclasses.fields(row) if field.name not in hidden]
    return {**{name: getattr(row, name) for name in names}, **more}


def to_json(value: Any) -> bytes:
    """UTF-8 JSON; raises TypeError for a value that has no form on the wire."""
    return json.dumps(value, default=_plain, ensure_ascii=False, separators=(",", ":")).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return plain_decimal(value)
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, date):
        return value.isoformat()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return view(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def json_response(body: Any, *, status: int, headers: Mapping[str, str]) -> Response:
    """The bytes as application/json."""
    return Response(to_json(body), status_code=status, headers=dict(headers), media_type="application/json")
