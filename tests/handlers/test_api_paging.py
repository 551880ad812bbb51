"""Lists and their cursors (spec A15)."""

import base64
from concurrent.futures import ThreadPoolExecutor

from shared.domain.project_rows import Supplier
from tests.handlers.api_server import Api


def add_suppliers(api: Api, count: int, start: int = 0) -> None:
    records = api.records()
    with records.transaction():
        for n in range(start, start + count):
            new_id = api.server.services.ids.new("sup")
            records.suppliers.add(Supplier(supplier_id=new_id, code=f"S-{n}", name="Aqua"))


def test_250_rows_give_250_distinct_ids_while_others_insert(api: Api) -> None:
    add_suppliers(api, 250)
    before = {row["supplier_id"] for row in everything(api, limit=100)}
    with ThreadPoolExecutor(2) as threads:
        writing = threads.submit(add_suppliers, api, 50, 250)
        read = [row["supplier_id"] for row in everything(api, limit=100)]
        writing.result()
    assert len(before) == 250 and before <= set(read) and len(read) == len(set(read))
    assert read == sorted(read, reverse=True)


def everything(api: Api, **query: object) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = []
    cursor: dict[str, str] = {}
    while True:
        page = api.ok("GET", "/suppliers", **query, **cursor)
        rows += page["items"]
        if not page["has_more"]:
            assert page["next_cursor"] is None
            return rows
        cursor = {"cursor": page["next_cursor"]}


def test_a_page_that_ends_exactly_at_the_last_row_says_so(api: Api) -> None:
    add_suppliers(api, 4)
    first = api.ok("GET", "/suppliers", limit=2)
    last = api.ok("GET", "/suppliers", limit=2, cursor=first["next_cursor"])
    assert first["has_more"] and not last["has_more"] and len(last["items"]) == 2


def test_limits_outside_1_to_100_are_refused(api: Api) -> None:
    for limit in (0, 101, "many"):
        assert api.refused("GET", "/suppliers", limit=limit) == (400, "REQ_VALIDATION_FAILED")


def test_forged_and_foreign_cursors_are_refused(api: Api, other: Api) -> None:
    add_suppliers(api, 3)
    cursor = api.ok("GET", "/suppliers", limit=1, name="Aqua")["next_cursor"]
    raw = bytearray(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    raw[-1] ^= 1
    forged = base64.urlsafe_b64encode(bytes(raw)).decode().rstrip("=")
    invalid = (400, "REQ_CURSOR_INVALID")
    assert api.refused("GET", "/suppliers", limit=1, name="Aqua", cursor=forged) == invalid
    assert api.refused("GET", "/suppliers", limit=1, cursor=cursor) == invalid
    assert api.refused("GET", "/projects", limit=1, cursor=cursor) == invalid
    assert other.refused("GET", "/suppliers", limit=1, name="Aqua", cursor=cursor) == invalid
    for text in ("x", "ümlaut", "A" * 40):
        assert api.refused("GET", "/suppliers", limit=1, name="Aqua", cursor=text) == invalid
    assert len(api.ok("GET", "/suppliers", limit=5, name="Aqua", cursor=cursor)["items"]) == 2
