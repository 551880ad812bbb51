"""ChangeBid on a real database."""

import pytest

from infra.local.postgres import Databases
from shared.adapters.postgres.records import PostgresRecords
from shared.domain.errors import Refused
from shared.domain.project_rows import Bid
from shared.usecases.change_bid import ChangeBid, change_bid
from shared.usecases.change_project import ChangeProject, change_project
from shared.usecases.create_project import CreateProject, create_project
from shared.usecases.create_supplier import CreateSupplier, create_supplier
from shared.usecases.register_bid import RegisterBid, register_bid
from tests.records import clock, ids, make_records


def a_bid(records: PostgresRecords) -> Bid:
    project = create_project(CreateProject(code="P", name="A", currency="EUR"), records=records, ids=ids)
    supplier = create_supplier(CreateSupplier(code="S", name="B"), records=records, ids=ids)
    command = RegisterBid(project_id=project.project_id, supplier_id=supplier.supplier_id)
    return register_bid(command, records=records, ids=ids, clock=clock)


def test_submitting_sets_the_time_and_withdrawing_keeps_it(databases: Databases) -> None:
    records = make_records(databases)
    bid = a_bid(records)
    submitted = change_bid(ChangeBid(bid_id=bid.bid_id, status="submitted"), records=records, clock=clock)
    assert submitted.submitted_at is not None
    gone = change_bid(ChangeBid(bid_id=bid.bid_id, status="withdrawn", reason="asked"), records=records, clock=clock)
    assert (gone.status, gone.submitted_at, gone.row_version) == ("withdrawn", submitted.submitted_at, 3)


def test_the_same_status_again_changes_nothing(databases: Databases) -> None:
    records = make_records(databases)
    bid = a_bid(records)
    assert change_bid(ChangeBid(bid_id=bid.bid_id, status="invited"), records=records, clock=clock) == bid


@pytest.mark.parametrize(
    ("status", "expected", "code"),
    [("lost", None, "REQ_VALIDATION_FAILED"), ("submitted", 5, "REQ_PRECONDITION_FAILED")],
)
def test_unknown_statuses_and_stale_versions_are_refused(
    databases: Databases, status: str, expected: int | None, code: str
) -> None:
    records = make_records(databases)
    bid = a_bid(records)
    with pytest.raises(Refused) as refused:
        change_bid(
            ChangeBid(bid_id=bid.bid_id, status=status, expected_row_version=expected), records=records, clock=clock
        )
    assert refused.value.code == code


def test_nobody_is_uninvited_and_an_archived_project_keeps_its_bids(databases: Databases) -> None:
    records = make_records(databases)
    bid = a_bid(records)
    change_bid(ChangeBid(bid_id=bid.bid_id, status="submitted"), records=records, clock=clock)
    with pytest.raises(Refused) as back:
        change_bid(ChangeBid(bid_id=bid.bid_id, status="invited"), records=records, clock=clock)
    assert back.value.code == "WF_STATE_TRANSITION_INVALID"
    for action in ("open", "close", "archive"):
        change_project(ChangeProject(project_id=bid.project_id, action=action), records=records)
    with pytest.raises(Refused) as closed:
        change_bid(ChangeBid(bid_id=bid.bid_id, status="withdrawn"), records=records, clock=clock)
    assert closed.value.code == "PROJECT_CLOSED"
