"""Starting an evaluation: refused before a job exists, or frozen and queued."""

from dataclasses import replace
from typing import Any

import pytest

from infra.local.postgres import Databases
from shared.domain.errors import Refused
from shared.domain.plans import check_snapshot
from shared.usecases.start_evaluation import start_evaluation
from tests.evaluation_seed import Seed, criterion
from tests.records import clock, ids, make_records


def seed(databases: Databases, **more: Any) -> Seed:
    return Seed(make_records(databases), [criterion("T-1", "judged", points="100")], **more)


def refused(made: Seed, supplier_id: str, **more: Any) -> Refused:
    before = len(made.records.jobs.list(filters={}, before=None, limit=10))
    with pytest.raises(Refused) as raised:
        start_evaluation(made.command(supplier_id, **more), records=made.records, ids=ids, clock=clock)
    assert len(made.records.jobs.list(filters={}, before=None, limit=10)) == before
    return raised.value


def test_it_freezes_documents_and_queues_a_job(databases: Databases) -> None:
    made = seed(databases)
    supplier = made.bid("S-1", "We deliver.")
    made.document(["The tender."])
    started = start_evaluation(made.command(supplier), records=made.records, ids=ids, clock=clock)
    assert started.evaluation.status == started.job.status == "queued"
    assert started.job.resource_id == started.evaluation.evaluation_id
    pinned = made.records.evaluations.documents(started.evaluation.evaluation_id)
    assert sorted(document.doc_type for document in pinned) == ["bid", "tender"]
    payload, stored_hash = made.records.evaluations.snapshot(started.evaluation.evaluation_id)
    check_snapshot(payload, stored_hash)


def test_the_same_plan_is_refused_unless_a_rerun_is_asked_for(databases: Databases) -> None:
    made = seed(databases)
    supplier = made.bid("S-1", "We deliver.")
    first = made.start(supplier).evaluation
    error = refused(made, supplier)
    assert (error.code, error.details) == ("EVALUATION_DUPLICATE", {"evaluation_id": first.evaluation_id})
    again = made.start(supplier, rerun_of=first.evaluation_id).evaluation
    assert (again.plan_id, again.rerun_no) == (first.plan_id, 1)


def test_closing_the_project_makes_another_plan(databases: Databases) -> None:
    made = seed(databases)
    supplier = made.bid("S-1", "We deliver.")
    first = made.start(supplier).evaluation
    made.records.projects.save(replace(made.records.projects.get(made.project.project_id), status="closed"))
    assert made.start(supplier).evaluation.plan_id != first.plan_id


@pytest.mark.parametrize(
    ("status", "code"), [("parse_failed", "BID_INCOMPLETE"), ("parsing", "DOC_NOT_INDEXED"), (None, "BID_INCOMPLETE")]
)
def test_documents_that_are_not_ready_are_named(databases: Databases, status: str | None, code: str) -> None:
    made = seed(databases)
    supplier = made.bid("S-1", "We deliver.", status=status) if status else made.bid("S-1")
    error = refused(made, supplier)
    named = [*error.details.get("failed", []), *error.details.get("documents", [])]
    assert error.code == code
    assert [document["status"] for document in named] == ([status] if status else [])


def test_unknown_and_inactive_things_are_refused(databases: Databases) -> None:
    made = seed(databases)
    supplier = made.bid("S-1", "We deliver.")
    assert refused(made, ids.new("sup")).code == "SUPPLIER_NOT_FOUND"
    assert refused(made, supplier, expected_plan_id="pln_other").code == "EVALUATION_PLAN_CONFLICT"
    assert refused(made, supplier, rerun_of=ids.new("evl")).code == "EVALUATION_NOT_FOUND"
    made.records.rule_packs.save_version(replace(made.pack, status="retired"))
    assert refused(made, supplier).code == "RULE_PACK_NOT_ACTIVE"
