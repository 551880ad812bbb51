"""Suppliers and bids."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from psycopg.types.json import Jsonb

from shared.adapters.postgres.session import Session
from shared.domain.errors import Refused
from shared.domain.project_rows import Bid, Supplier

SUPPLIER = "supplier_id, code, name, qualification, risk_flags, created_at, updated_at, row_version"
BID = "bid_id, project_id, supplier_id, status, submitted_at, created_at, updated_at, row_version"


class Suppliers:
    """The Suppliers port."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, supplier: Supplier) -> Supplier:
        """Insert; raises Refused CODE_TAKEN."""
        saved = self._session.first(
            Supplier,
            f"""
            insert into suppliers (supplier_id, code, name, qualification, risk_flags)
            values (%(supplier_id)s, %(code)s, %(name)s, %(qualification)s, %(risk_flags)s)
            on conflict (tenant_id, code) do nothing returning {SUPPLIER}""",
            **_columns(supplier),
        )
        if saved is None:
            raise Refused("CODE_TAKEN", details={"code": supplier.code})
        return saved

    def get(self, supplier_id: str, *, lock: bool = False) -> Supplier:
        """The supplier; raises Refused SUPPLIER_NOT_FOUND."""
        found = self._session.first(
            Supplier,
            f"""select {SUPPLIER} from suppliers where supplier_id = %(supplier_id)s and deleted_at is null
                {"for update" if lock else ""}""",
            supplier_id=supplier_id,
        )
        if found is None:
            raise Refused("SUPPLIER_NOT_FOUND")
        return found

    def list(self, *, filters: Mapping[str, Any], before: str | None, limit: int) -> list[Supplier]:
        """Newest first, ids below `before`; filters by code and name."""
        return self._session.all(
            Supplier,
            f"""
            select {SUPPLIER} from suppliers
             where deleted_at is null and (%(before)s::text is null or supplier_id < %(before)s)
               and (%(code)s::text is null or code = %(code)s) and (%(name)s::text is null or name = %(name)s)
             order by supplier_id desc limit %(limit)s""",
            before=before,
            limit=limit,
            code=filters.get("code"),
            name=filters.get("name"),
        )

    def save(self, supplier: Supplier) -> Supplier:
        """Store the changed row and return it; raises Refused VERSION_CONFLICT."""
        saved = self._session.first(
            Supplier,
            f"""
            update suppliers set name = %(name)s, qualification = %(qualification)s, risk_flags = %(risk_flags)s,
                updated_at = clock_timestamp(), row_version = row_version + 1,
                updated_by = coalesce(nullif(current_setting('app.actor_id', true), ''), 'system')
             where supplier_id = %(supplier_id)s and row_version = %(row_version)s returning {SUPPLIER}""",
            **_columns(supplier),
        )
        if saved is None:
            raise Refused("VERSION_CONFLICT")
        return saved


def _columns(supplier: Supplier) -> dict[str, Any]:
    return {
        **asdict(supplier),
        "qualification": Jsonb(supplier.qualification),
        "risk_flags": Jsonb(supplier.risk_flags),
    }


class Bids:
    """The Bids port."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, bid: Bid) -> Bid:
        """Insert; raises Refused CODE_TAKEN when the supplier takes part already."""
        saved = self._session.first(
            Bid,
            f"""
            insert into bids (bid_id, project_id, supplier_id, status, submitted_at)
            values (%(bid_id)s, %(project_id)s, %(supplier_id)s, %(status)s, %(submitted_at)s)
            on conflict (tenant_id, project_id, supplier_id) do nothing returning {BID}""",
            **asdict(bid),
        )
        if saved is None:
            raise Refused("CODE_TAKEN", details={"supplier_id": bid.supplier_id})
        return saved

    def register_if_missing(self, project_id: str, supplier_id: str, *, bid_id: str) -> Bid:
        """The supplier's bid, inserted as `submitted` when missing; an `invited` one becomes `submitted`."""
        saved = self._session.first(
            Bid,
            f"""
            insert into bids as b (bid_id, project_id, supplier_id, status, submitted_at)
            values (%(bid_id)s, %(project_id)s, %(supplier_id)s, 'submitted', clock_timestamp())
            on conflict (tenant_id, project_id, supplier_id) do update
                set status = 'submitted', submitted_at = clock_timestamp(), updated_at = clock_timestamp(),
                    row_version = b.row_version + 1,
                    updated_by = coalesce(nullif(current_setting('app.actor_id', true), ''), 'system')
              where b.status = 'invited'
            returning {BID}""",
            bid_id=bid_id,
            project_id=project_id,
            supplier_id=supplier_id,
        )
        found = saved or self.find(project_id, supplier_id)
        assert found is not None, "the conflicting row is there and nobody may delete it"
        return found

    def get(self, bid_id: str, *, lock: bool = False) -> Bid:
        """The bid; raises Refused BID_NOT_FOUND."""
        found = self._session.first(
            Bid, f"select {BID} from bids where bid_id = %(bid_id)s {'for update' if lock else ''}", bid_id=bid_id
        )
        if found is None:
            raise Refused("BID_NOT_FOUND")
        return found

    def find(self, project_id: str, supplier_id: str) -> Bid | None:
        """The supplier's bid in the project, if any."""
        return self._session.first(
            Bid,
            f"select {BID} from bids where project_id = %(project_id)s and supplier_id = %(supplier_id)s",
            project_id=project_id,
            supplier_id=supplier_id,
        )

    def by_project(self, project_id: str) -> list[Bid]:
        """All bids of the project, oldest first."""
        return self._session.all(
            Bid, f"select {BID} from bids where project_id = %(project_id)s order by bid_id", project_id=project_id
        )

    def list(self, *, filters: Mapping[str, Any], before: str | None, limit: int) -> list[Bid]:
        """Newest first, ids below `before`; filters by project_id and status."""
        return self._session.all(
            Bid,
            f"""
            select {BID} from bids
             where (%(before)s::text is null or bid_id < %(before)s)
               and (%(project_id)s::text is null or project_id = %(project_id)s)
               and (%(status)s::text is null or status = %(status)s)
             order by bid_id desc limit %(limit)s""",
            before=before,
            limit=limit,
            project_id=filters.get("project_id"),
            status=filters.get("status"),
        )

    def save(self, bid: Bid) -> Bid:
        """Store the changed row and return it; raises Refused VERSION_CONFLICT."""
        saved = self._session.first(
            Bid,
            f"""
            update bids set status = %(status)s, submitted_at = %(submitted_at)s, updated_at = clock_timestamp(),
                row_version = row_version + 1,
                updated_by = coalesce(nullif(current_setting('app.actor_id', true), ''), 'system')
             where bid_id = %(bid_id)s and row_version = %(row_version)s returning {BID}""",
            **asdict(bid),
        )
        if saved is None:
            raise Refused("VERSION_CONFLICT")
        return saved
