"""Accept the export of a stored report (spec A108, D69)."""

from dataclasses import dataclass

from shared.domain.exports import Export
from shared.domain.jobs import Job, new_job
from shared.ports.platform import Clock, Ids
from shared.ports.records import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestExport:
    """`kind` is json, csv or pdf."""

    kind: str
    report_id: str
    lane: str = "standard"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedExport:
    """The accepted rows; nothing of the file exists yet (A22)."""

    export: Export
    job: Job
    run_id: str


def request_export(command: RequestExport, *, records: Records, ids: Ids, clock: Clock) -> RequestedExport:
    """Insert export and job in one transaction; raises Refused REPORT_NOT_FOUND or TENANT_BACKLOG_FULL."""
    with records.transaction():
        report = records.reports.get(command.report_id)
        project_id = records.evaluations.get(report.evaluation_id).project_id
        export_id, run_id = ids.new("exp"), ids.new("run")
        job = new_job(
            "export",
            export_id,
            job_id=ids.new("job"),
            tenant_id=records.actor.tenant_id,
            now=clock.now(),
            project_id=project_id,
            lane=command.lane,
        )
        job = records.jobs.accept(job, run_id=run_id)
        source = {"type": "report", "id": report.report_id}
        export = records.exports.add(
            Export(export_id=export_id, kind=command.kind, source=source, project_id=project_id, job_id=job.job_id)
        )
        changes = {"kind": command.kind, "report_id": report.report_id}
        records.trail.audit("export.queued", "export", export_id, changes=changes)
    return RequestedExport(export=export, job=job, run_id=run_id)
