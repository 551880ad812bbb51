"""A stored report to export, and a worker of task jobs that works in the test's own thread."""

from collections.abc import Callable
from contextlib import nullcontext

from infra.local.postgres import Databases
from shared.domain.exports import Export
from shared.domain.jobs import Job
from shared.ports.objects import ObjectStore
from shared.usecases.render_export import RenderExport, render_export
from shared.usecases.request_export import RequestedExport, RequestExport, request_export
from shared.usecases.work_tasks import WorkedTask, WorkTasks, work_tasks
from tests.evaluation_seed import BID, DELIVERY, Seed, criterion
from tests.records import clock, ids, make_records


def a_report(
    databases: Databases, tenant: str | None = None, *, objects: ObjectStore | None = None
) -> tuple[Seed, str]:
    """A seed whose one evaluation has a report; its id."""
    one = [criterion("T-1", "numeric_limit", points="100", test=DELIVERY, requirement="=1+1 within 60 days")]
    seed = Seed(make_records(databases, tenant), one, url=databases.app_url)
    if objects is not None:
        seed.objects = objects  # type: ignore[assignment]
    started, _ = seed.suggest(seed.bid("S-1", *BID))
    return seed, seed.report(started.evaluation.evaluation_id).report_id


def requested(seed: Seed, report_id: str, kind: str = "csv") -> RequestedExport:
    """An accepted export."""
    return request_export(RequestExport(kind=kind, report_id=report_id), records=seed.records, ids=ids, clock=clock)


def render(seed: Seed, job: Job, run_id: str) -> None:
    """The work of an export job."""
    command = RenderExport(export_id=job.resource_id, job_id=job.job_id, run_id=run_id)
    render_export(command, records=seed.records, objects=seed.objects)


def work(seed: Seed, job: Job, act: Callable[[Job, str], None], **more: object) -> WorkedTask:
    """One message to work_tasks, without a thread for the lease."""
    return work_tasks(
        WorkTasks(event={"job_id": job.job_id}),
        records=seed.records,
        clock=more.get("clock", clock),  # type: ignore[arg-type]
        ids=ids,
        task_work=act,
        keep_lease=lambda *_: nullcontext(),
    )


def make_due(seed: Seed, job: Job, *, lease: bool = False) -> None:
    """Let the retry's delay, or the lease, be over."""
    column = "lease_expires_at" if lease else "available_at"
    seed.records.session.execute(
        f"update jobs set {column} = clock_timestamp() - interval '1 s' where job_id = %(id)s", id=job.job_id
    )


def export_of(seed: Seed, made: RequestedExport) -> Export:
    """The row as it is now."""
    return seed.records.exports.get(made.export.export_id)
