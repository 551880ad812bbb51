"""CreateSupplier on a real database."""

import pytest

from infra.local.postgres import Databases
from shared.domain.errors import Refused
from shared.usecases.create_supplier import CreateSupplier, create_supplier
from tests.records import ids, make_records


def test_a_supplier_is_stored_with_its_audit_entry(databases: Databases) -> None:
    records = make_records(databases)
    command = CreateSupplier(code="S-1", name="Aqua", risk_flags={"late": True})
    supplier = create_supplier(command, records=records, ids=ids)
    assert records.suppliers.get(supplier.supplier_id) == supplier
    assert supplier.risk_flags == {"late": True, "schema_version": 1}
    assert records.session.rows("select action from audit_log") == [{"action": "supplier.created"}]


def test_a_taken_code_is_refused_and_leaves_nothing(databases: Databases) -> None:
    records = make_records(databases)
    create_supplier(CreateSupplier(code="S-1", name="Aqua"), records=records, ids=ids)
    with pytest.raises(Refused) as refused:
        create_supplier(CreateSupplier(code="S-1", name="Other"), records=records, ids=ids)
    assert refused.value.code == "CODE_TAKEN"
    assert [s.name for s in records.suppliers.list(filters={"code": "S-1"}, before=None, limit=9)] == ["Aqua"]
