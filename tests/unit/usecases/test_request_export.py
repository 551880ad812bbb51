"""An export is accepted with its job, or not at all."""

import pytest

from infra.local.postgres import Databases
from shared.domain.errors import Refused
from shared.usecases.request_export import RequestExport, request_export
from tests.exports import a_report, requested
from tests.records import clock, ids, make_records


def test_export_and_job_are_accepted_together(databases: Databases) -> None:
    seed, report_id = a_report(databases)
    made = requested(seed, report_id, "json")
    assert (made.export.status, made.export.source["id"], made.export.job_id) == ("queued", report_id, made.job.job_id)
    run = seed.records.jobs.run(made.run_id)
    assert (made.job.job_type, made.job.status, run.machine, run.status) == ("export", "queued", "tasks", "created")
    assert made.job.project_id == made.export.project_id == seed.project.project_id


def test_another_tenants_report_is_not_there(databases: Databases) -> None:
    _, report_id = a_report(databases)
    with pytest.raises(Refused) as refusal:
        command = RequestExport(kind="csv", report_id=report_id)
        request_export(command, records=make_records(databases), ids=ids, clock=clock)
    assert refusal.value.code == "REPORT_NOT_FOUND"
