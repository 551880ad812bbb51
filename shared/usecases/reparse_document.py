"""Read a document once more; an indexed one stays as it is until the new run is whole (spec D103, A66, P78)."""

from dataclasses import dataclass
from datetime import datetime

from shared.domain.documents import Document
from shared.domain.errors import Refused
from shared.domain.file_types import ZIP
from shared.domain.jobs import Job, new_job
from shared.domain.transitions import JOB, is_terminal
from shared.ports.platform import Clock, Ids
from shared.ports.records import Records

FAILED = ("parse_failed", "index_failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReparseDocument:
    """Which document, and why."""

    document_id: str
    reason: str
    lane: str = "standard"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReparsedDocument:
    """The document as it stands now and the accepted job."""

    document: Document
    job: Job
    run_id: str


def reparse_document(command: ReparseDocument, *, records: Records, ids: Ids, clock: Clock) -> ReparsedDocument:
    """Accept the job in one transaction; of a failed document it also resolves the dead letter.

    Raises Refused DOC_NOT_FOUND, WF_STATE_TRANSITION_INVALID for a document that is under way, in quarantine or an
    unpacked archive (its files are documents of their own), Retryable TENANT_BACKLOG_FULL."""
    run_id = ids.new("run")
    with records.transaction():
        earlier = _newest_job(records, command.document_id)
        if earlier is not None and earlier.dlq_id is not None:  # locked before the document, as a requeue does
            records.dead_letters.get(earlier.dlq_id, lock=True)
        document = records.documents.get(command.document_id, lock=True)
        earlier = _newest_job(records, command.document_id)
        _check(document, earlier)
        dead = earlier if document.status in FAILED else None
        job = _job(document, dead, command, records, job_id=ids.new("job"), now=clock.now())
        job = records.jobs.accept(job, run_id=run_id)
        if document.status in FAILED:
            document = records.moves.document(document, "parse_queued", error_code=None)
        if dead is not None:
            _resolve(records, dead, job, command.reason)
        changes = {"job_id": job.job_id, "reason": command.reason}
        records.trail.audit("document.parse_requested", "document", document.document_id, changes=changes)
    return ReparsedDocument(document=document, job=job, run_id=run_id)


def _newest_job(records: Records, document_id: str) -> Job | None:
    filters = {"type": "ingest_document", "resource_id": document_id}
    return next(iter(records.jobs.list(filters=filters, before=None, limit=1)), None)


def _check(document: Document, newest: Job | None) -> None:
    is_busy = newest is not None and not is_terminal(JOB, newest.status)
    is_archive = document.status == "indexed" and document.media_type == ZIP
    if is_busy or is_archive or document.status not in ("indexed", *FAILED):
        details = {"status": document.status, "media_type": document.media_type}
        raise Refused(
            "WF_STATE_TRANSITION_INVALID", details=details | ({"job_id": newest.job_id} if newest and is_busy else {})
        )


def _job(
    document: Document, dead: Job | None, command: ReparseDocument, records: Records, *, job_id: str, now: datetime
) -> Job:
    return new_job(
        "ingest_document",
        document.document_id,
        job_id=job_id,
        tenant_id=records.actor.tenant_id,
        now=now,
        project_id=document.project_id,
        lane=command.lane,
        requeue_of=None if dead is None else dead.job_id,
        payload={"replaces": document.parse_run_id} if document.parse_run_id else {},
    )


def _resolve(records: Records, dead: Job, job: Job, reason: str) -> None:
    """The work that the dead letter stands for is accepted again."""
    if dead.dlq_id is None:
        return
    item = records.dead_letters.get(dead.dlq_id, lock=True)
    if item.status == "open":
        records.dead_letters.requeued(item, new_job_id=job.job_id, reason=reason)
