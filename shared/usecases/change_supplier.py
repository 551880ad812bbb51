"""Change a bidder's name, qualification or risk flags (spec A45)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from shared.domain.errors import Refused
from shared.domain.project_rows import Supplier, check_row_version, merged, versioned
from shared.ports.records import Records

PATCHABLE = frozenset({"name", "qualification", "risk_flags"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSupplier:
    """`patch` is a JSON merge patch of PATCHABLE."""

    supplier_id: str
    patch: Mapping[str, Any]
    expected_row_version: int | None = None


def change_supplier(command: ChangeSupplier, *, records: Records) -> Supplier:
    """Save the change with its audit entry.

    Raises Refused SUPPLIER_NOT_FOUND, REQ_PRECONDITION_FAILED or REQ_VALIDATION_FAILED for a field that is fixed."""
    unknown = command.patch.keys() - PATCHABLE
    if unknown:
        raise Refused("REQ_VALIDATION_FAILED", details={"fields": sorted(unknown)})
    with records.transaction():
        supplier = records.suppliers.get(command.supplier_id, lock=True)
        check_row_version(supplier.row_version, command.expected_row_version)
        changes: dict[str, Any] = dict(command.patch)
        for name in ("qualification", "risk_flags"):
            if name in changes:
                changes[name] = versioned(merged(getattr(supplier, name), changes[name] or {}))
        saved = records.suppliers.save(replace(supplier, **changes))
        fields = {"fields": sorted(command.patch)}
        records.trail.audit("supplier.changed", "supplier", supplier.supplier_id, changes=fields)
    return saved
