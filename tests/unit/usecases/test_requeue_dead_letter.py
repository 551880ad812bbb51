"""A requeued job is a new job on the same rows: what was finished is not done again (W104)."""

from pathlib import Path

import pytest

from infra.local.postgres import Databases
from shared.adapters.postgres.records import PostgresRecords
from shared.domain.dead_letters import Health
from shared.domain.errors import Permanent, Refused
from shared.domain.jobs import Job
from shared.usecases.claim_job import ClaimJob, claim_job
from shared.usecases.parse_range import ParseRange, parse_range
from shared.usecases.plan_evaluation import PlanEvaluation, plan_evaluation
from shared.usecases.requeue_dead_letter import RequeuedDeadLetter, RequeueDeadLetter, requeue_dead_letter
from tests.dead_letters import a_message, failed, newest_job
from tests.evaluation_seed import BID, Seed, criterion
from tests.exports import a_report, export_of, render, requested, work
from tests.ingest import Stand, make_stand
from tests.records import clock, ids, make_records
from tests.rows import a_document, an_ingest_job
from tests.unit.usecases.test_evaluate_criteria import Threads, run

LONG = "\n\n".join(f"Paragraph {n} of a long tender, with words enough to fill a line." for n in range(3000))


def requeue(records: PostgresRecords, dlq_id: str) -> RequeuedDeadLetter:
    return requeue_dead_letter(RequeueDeadLetter(dlq_id=dlq_id, reason="x"), records=records, ids=ids, clock=clock)


def code_of(records: PostgresRecords, dlq_id: str) -> str:
    with pytest.raises(Refused) as refusal:
        requeue(records, dlq_id)
    return refusal.value.code


@pytest.fixture
def stand(databases: Databases, tmp_path: Path) -> Stand:
    return make_stand(databases, tmp_path)


def test_a_requeued_ingestion_parses_only_the_ranges_that_were_not_finished(stand: Stand) -> None:
    document = stand.uploaded(LONG)
    plan = stand.routed(document)
    assert len(plan.ranges) >= 2

    def parse(range_no: int) -> None:
        command = ParseRange(document_id=document.document_id, parse_run_id=plan.parse_run_id, range_no=range_no)
        parse_range(
            command,
            records=stand.records,
            objects=stand.objects,
            parser_for=lambda media_type: stand.parser,
            clock=clock,
        )

    parse(plan.ranges[0])
    done = list(stand.parser.calls)
    made = requeue(stand.records, failed(stand.records, newest_job(stand.records, document)))
    assert made.job.requeue_of == made.item.job_id and made.item.new_job_id == made.job.job_id
    assert newest_job(stand.records, document).job_id == made.job.job_id
    claim_job(ClaimJob(job_id=made.job.job_id, run_id=made.run_id), records=stand.records)
    assert stand.records.documents.get(document.document_id).status == "parsing"
    assert stand.routed(document) == plan and stand.parser.surveys == 1
    for range_no in plan.ranges:
        parse(range_no)
    again = stand.parser.calls[len(done) :]
    assert again and not set(again) & set(done)
    assert stand.records.parse_runs.get(plan.parse_run_id).pages_done == plan.pages


def test_a_requeued_evaluation_runs_only_the_criteria_that_were_not_finished(databases: Databases) -> None:
    criteria = [criterion(f"T-{n}", "judged", points="10") for n in range(3)]
    made = Seed(make_records(databases), criteria, url=databases.app_url)
    started = made.start(made.bid("S-1", *BID))
    evaluation_id = started.evaluation.evaluation_id
    plan_evaluation(PlanEvaluation(evaluation_id=evaluation_id), records=made.records)
    first, second = Threads(), Threads()
    run(made, evaluation_id, first, left=[900.0, 90.0, 89.9])
    again = requeue(made.records, failed(made.records, started.job))
    evaluation = made.records.evaluations.get(evaluation_id)
    assert (evaluation.status, evaluation.job_id, evaluation.error_code) == ("queued", again.job.job_id, None)
    claim_job(ClaimJob(job_id=again.job.job_id, run_id=again.run_id), records=made.records)
    plan_evaluation(PlanEvaluation(evaluation_id=evaluation_id), records=made.records)
    run(made, evaluation_id, second)
    assert len(first.ran) == 2 and len(second.ran) == 1 and not set(first.ran) & set(second.ran)


def test_a_message_a_resolved_item_and_a_document_that_is_gone_are_conflicts(databases: Databases) -> None:
    records = make_records(databases)
    assert code_of(records, a_message(records)) == "DLQ_REQUEUE_CONFLICT"
    dlq_id = failed(records, an_ingest_job(records, document := a_document(records)))
    requeue(records, dlq_id)
    assert code_of(records, dlq_id) == "DLQ_REQUEUE_CONFLICT"
    deleted = failed(records, newest_job(records, document))
    records.moves.document(records.documents.get(document.document_id), "deleted")
    assert code_of(records, deleted) == "DLQ_REQUEUE_CONFLICT"
    assert records.dead_letters.get(deleted).status == "open"


def test_a_dead_letter_whose_job_is_not_failed_yet_waits_for_its_third_commit(databases: Databases) -> None:
    records = make_records(databases)
    job = an_ingest_job(records, a_document(records))
    pending = records.moves.job(job, "dlq_pending", error_code="INTERNAL_ERROR")
    error = {"code": "INTERNAL_ERROR", "class": "permanent"}
    dlq_id = records.jobs.dead_letter(pending, dlq_id=ids.new("dlq"), step=None, error=error)
    records.moves.job(pending, "dlq_recorded", dlq_id=dlq_id)
    assert code_of(records, dlq_id) == "DLQ_REQUEUE_CONFLICT"


def broken(job: Job, run_id: str) -> None:
    raise Permanent("DATA_CORRUPTED")


def test_a_requeued_export_is_made_by_its_new_job(databases: Databases) -> None:
    seed, report_id = a_report(databases)
    made = requested(seed, report_id)
    work(seed, made.job, broken)
    dlq_id = seed.records.jobs.get(made.job.job_id).dlq_id
    assert dlq_id is not None
    again = requeue(seed.records, dlq_id)
    export = export_of(seed, made)
    assert (export.status, export.error_code, export.job_id) == ("queued", None, again.job.job_id)
    assert (again.job.requeue_of, again.item.status) == (made.job.job_id, "requeued")
    work(seed, again.job, lambda job, run_id: render(seed, job, run_id))
    assert export_of(seed, made).status == "ready"
    assert seed.records.jobs.get(again.job.job_id).status == "succeeded"


def test_an_export_that_is_not_failed_is_a_conflict(databases: Databases) -> None:
    seed, report_id = a_report(databases)
    made = requested(seed, report_id)
    work(seed, made.job, broken)
    dlq_id = seed.records.jobs.get(made.job.job_id).dlq_id
    assert dlq_id is not None
    seed.records.session.execute("update exports set status = 'expired'")
    assert code_of(seed.records, dlq_id) == "DLQ_REQUEUE_CONFLICT"
    assert seed.records.dead_letters.get(dlq_id).status == "open"


def test_dead_letters_are_counted_for_the_release_gate(databases: Databases) -> None:
    records = make_records(databases)
    assert records.dead_letters.health() == Health(open_items=0, jobs_of_day=0, dead_of_day=0)
    an_ingest_job(records, a_document(records))
    requeue(records, failed(records, an_ingest_job(records, a_document(records))))
    a_message(records)
    assert records.dead_letters.health() == Health(open_items=1, jobs_of_day=3, dead_of_day=1)


@pytest.mark.parametrize(
    ("open_items", "jobs", "dead", "freezes"),
    [(19, 1000, 10, False), (20, 0, 0, True), (0, 1000, 11, True), (0, 0, 0, False), (1, 1, 1, True)],
)
def test_twenty_open_items_or_more_than_one_percent_freeze_releases(
    open_items: int, jobs: int, dead: int, freezes: bool
) -> None:
    assert Health(open_items=open_items, jobs_of_day=jobs, dead_of_day=dead).freezes == freezes
