"""Lists: signed cursors bound to tenant, route and filters, and pages that hold what the caller may see (A15)."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, NamedTuple, TypeVar

from fastapi import Query

from functions.api.answers import Answer
from functions.api.caller import Caller
from shared.adapters.system import derive_key
from shared.domain.canonical_json import canonical
from shared.domain.errors import Refused

Row = TypeVar("Row")
Limit = Annotated[int, Query(ge=1, le=100)]
Cursor = Annotated[str | None, Query(max_length=500)]
MAC_BYTES = 16
SWEEPS = 20


def page(
    caller: Caller,
    read: Callable[[str | None, int], Sequence[Row]],
    *,
    filters: Mapping[str, Any],
    key: str,
    limit: int,
    cursor: str | None,
    show: Callable[[Row], Any] = lambda row: row,
    project_of: Callable[[Row], str | None] | None = None,
) -> Answer:
    """One page. `read(before, limit)` gives rows newest first, `key` names their id, and rows of projects out of
    sight are left out. Raises Refused REQ_CURSOR_INVALID."""
    bound = {"tenant": caller.actor.tenant_id, "route": caller.route, "ids": dict(caller.path_ids), "filters": filters}
    secret = derive_key(caller.parts.made.master, "cursor")
    before = _open(cursor, secret, bound) if cursor is not None else None
    seen: list[Row] = []
    for _ in range(SWEEPS):
        rows = read(before, limit + 1)
        visible = [row for row in rows if project_of is None or caller.may("project.read", project_of(row))]
        seen += visible
        before = getattr(rows[-1], key) if rows else before
        if len(seen) > limit or len(rows) <= limit:
            break
    more = len(seen) > limit or (len(rows) > limit and before is not None)
    items = seen[:limit]
    last = getattr(items[-1], key) if len(seen) > limit else before
    next_cursor = _seal(last, secret, bound) if more and last is not None else None
    data = {"items": [show(row) for row in items], "next_cursor": next_cursor, "has_more": more}
    return Answer(data=data)


def given(**filters: Any) -> dict[str, Any]:
    """The filters that were sent."""
    return {name: value for name, value in filters.items() if value is not None}


def _seal(before: str, secret: bytes, bound: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(_mac(before, secret, bound) + before.encode()).decode().rstrip("=")


def _open(cursor: str, secret: bytes, bound: Mapping[str, Any]) -> str:
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        before = raw[MAC_BYTES:].decode("ascii")
    except (binascii.Error, ValueError) as error:
        raise Refused("REQ_CURSOR_INVALID") from error
    if not hmac.compare_digest(raw[:MAC_BYTES], _mac(before, secret, bound)):
        raise Refused("REQ_CURSOR_INVALID")
    return before


def _mac(before: str, secret: bytes, bound: Mapping[str, Any]) -> bytes:
    text = canonical({**bound, "before": before})
    return hmac.new(secret, text, hashlib.sha256).digest()[:MAC_BYTES]


def slice_page(
    caller: Caller, rows: Sequence[Row], *, filters: Mapping[str, Any], limit: int, cursor: str | None
) -> Answer:
    """A page of rows that stand in their natural order and do not change; the cursor counts them."""

    def read(before: str | None, count: int) -> Sequence[_Place]:
        start = int(before or 0)
        return [_Place(str(start + n + 1), row) for n, row in enumerate(rows[start : start + count])]

    return page(caller, read, filters=filters, key="place", limit=limit, cursor=cursor, show=lambda placed: placed.row)


class _Place(NamedTuple):
    place: str
    row: Any
