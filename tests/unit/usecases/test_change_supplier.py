"""ChangeSupplier on a real database."""

import pytest

from infra.local.postgres import Databases
from shared.domain.errors import Refused
from shared.usecases.change_supplier import ChangeSupplier, change_supplier
from shared.usecases.create_supplier import CreateSupplier, create_supplier
from tests.records import ids, make_records


def test_a_merge_patch_removes_adds_and_keeps(databases: Databases) -> None:
    records = make_records(databases)
    made = create_supplier(
        CreateSupplier(code="S-1", name="Aqua", qualification={"level": "A", "since": "2019"}), records=records, ids=ids
    )
    patch = {"qualification": {"level": None, "scope": "dams"}}
    saved = change_supplier(ChangeSupplier(supplier_id=made.supplier_id, patch=patch), records=records)
    assert saved.qualification == {"since": "2019", "scope": "dams", "schema_version": 1}
    assert (saved.name, saved.row_version) == ("Aqua", 2)


@pytest.mark.parametrize(
    ("patch", "expected", "code"),
    [({"code": "S-2"}, None, "REQ_VALIDATION_FAILED"), ({"name": "B"}, 9, "REQ_PRECONDITION_FAILED")],
)
def test_fixed_fields_and_stale_versions_are_refused(
    databases: Databases, patch: dict[str, str], expected: int | None, code: str
) -> None:
    records = make_records(databases)
    made = create_supplier(CreateSupplier(code="S-1", name="Aqua"), records=records, ids=ids)
    command = ChangeSupplier(supplier_id=made.supplier_id, patch=patch, expected_row_version=expected)
    with pytest.raises(Refused) as refused:
        change_supplier(command, records=records)
    assert refused.value.code == code
    assert records.suppliers.get(made.supplier_id) == made


def test_an_unknown_supplier_is_refused(databases: Databases) -> None:
    with pytest.raises(Refused) as refused:
        change_supplier(ChangeSupplier(supplier_id=ids.new("sup"), patch={}), records=make_records(databases))
    assert refused.value.code == "SUPPLIER_NOT_FOUND"
