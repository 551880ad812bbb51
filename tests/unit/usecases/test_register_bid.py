"""RegisterBid on a real database, and how an upload submits a bid."""

import pytest

from infra.local.postgres import Databases
from shared.domain.errors import Refused
from shared.usecases.change_project import ChangeProject, change_project
from shared.usecases.create_project import CreateProject, create_project
from shared.usecases.create_supplier import CreateSupplier, create_supplier
from shared.usecases.register_bid import RegisterBid, register_bid
from tests.records import clock, ids, make_records


def test_a_supplier_takes_part_once(databases: Databases) -> None:
    records = make_records(databases)
    project = create_project(CreateProject(code="P", name="A", currency="EUR"), records=records, ids=ids)
    supplier = create_supplier(CreateSupplier(code="S", name="B"), records=records, ids=ids)
    command = RegisterBid(project_id=project.project_id, supplier_id=supplier.supplier_id)
    bid = register_bid(command, records=records, ids=ids, clock=clock)
    assert (bid.status, bid.submitted_at) == ("invited", None)
    with pytest.raises(Refused) as refused:
        register_bid(command, records=records, ids=ids, clock=clock)
    assert refused.value.code == "CODE_TAKEN"
    assert records.bids.by_project(project.project_id) == [bid]


def test_an_upload_makes_an_invited_bid_submitted_and_keeps_its_id(databases: Databases) -> None:
    records = make_records(databases)
    project = create_project(CreateProject(code="P", name="A", currency="EUR"), records=records, ids=ids)
    supplier = create_supplier(CreateSupplier(code="S", name="B"), records=records, ids=ids)
    place = (project.project_id, supplier.supplier_id)
    bid = register_bid(RegisterBid(project_id=place[0], supplier_id=place[1]), records=records, ids=ids, clock=clock)
    first = records.bids.register_if_missing(*place, bid_id=ids.new("bid"))
    assert (first.bid_id, first.status, first.row_version) == (bid.bid_id, "submitted", 2)
    assert records.bids.register_if_missing(*place, bid_id=ids.new("bid")) == first


def test_closed_projects_unknown_ones_and_unknown_suppliers_are_refused(databases: Databases) -> None:
    records = make_records(databases)
    project = create_project(CreateProject(code="P", name="A", currency="EUR"), records=records, ids=ids)
    supplier = create_supplier(CreateSupplier(code="S", name="B"), records=records, ids=ids)

    def refusal(project_id: str, supplier_id: str, status: str = "invited") -> str:
        command = RegisterBid(project_id=project_id, supplier_id=supplier_id, status=status)
        with pytest.raises(Refused) as refused:
            register_bid(command, records=records, ids=ids, clock=clock)
        return refused.value.code

    assert refusal(project.project_id, ids.new("sup")) == "SUPPLIER_NOT_FOUND"
    assert refusal(ids.new("prj"), supplier.supplier_id) == "PROJECT_NOT_FOUND"
    assert refusal(project.project_id, supplier.supplier_id, "withdrawn") == "REQ_VALIDATION_FAILED"
    for action in ("open", "close"):
        change_project(ChangeProject(project_id=project.project_id, action=action), records=records)
    assert refusal(project.project_id, supplier.supplier_id) == "PROJECT_CLOSED"
