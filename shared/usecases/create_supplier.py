"""Create a bidder of the tenant (spec A45, D39)."""

from dataclasses import dataclass
from typing import Any

from shared.domain.project_rows import Supplier, versioned
from shared.ports.platform import Ids
from shared.ports.records import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateSupplier:
    """`code` is unique in the tenant, such as a registration number."""

    code: str
    name: str
    qualification: dict[str, Any] | None = None
    risk_flags: dict[str, Any] | None = None


def create_supplier(command: CreateSupplier, *, records: Records, ids: Ids) -> Supplier:
    """Insert the supplier with its audit entry; raises Refused CODE_TAKEN."""
    with records.transaction():
        supplier = records.suppliers.add(
            Supplier(
                supplier_id=ids.new("sup"),
                code=command.code,
                name=command.name,
                qualification=versioned(command.qualification),
                risk_flags=versioned(command.risk_flags),
            )
        )
        records.trail.audit("supplier.created", "supplier", supplier.supplier_id, changes={"code": supplier.code})
    return supplier
