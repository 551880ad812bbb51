"""BuildReport: the next immutable version as canonical JSON and PDF (spec W51, E86-E89)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from shared.domain.canonical_json import canonical
from shared.domain.errors import Permanent
from shared.domain.evaluation_rows import Evaluation, Report, Review
from shared.domain.evidence import Verdict
from shared.domain.object_keys import report_key
from shared.domain.plans import leaves
from shared.domain.report_content import ReportSources, report_content
from shared.ports.objects import ObjectStore
from shared.ports.platform import Ids
from shared.ports.records import Records

BUILT = 90  # points of progress before the last step, W128


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildReport:
    """Which evaluation."""

    evaluation_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltReport:
    """The stored version."""

    report_id: str
    version: int
    sha256: str


def build_report(
    command: BuildReport,
    *,
    records: Records,
    objects: ObjectStore,
    ids: Ids,
    report_pages: Callable[[dict[str, Any]], bytes],
) -> BuiltReport:
    """Put both files write-once, then insert the version and move the evaluation to report_generated.

    A repeat after a crash makes the same bytes, because nothing in them depends on the time of the call; other bytes
    under the key raise Permanent REPORT_IMMUTABLE. Raises Permanent EVALUATION_INCOMPLETE for missing verdicts."""
    evaluation = records.evaluations.get(command.evaluation_id)
    stored = records.reports.of_evaluation(evaluation.evaluation_id)
    if evaluation.status == "report_generated" and stored:
        return BuiltReport(report_id=stored[0].report_id, version=stored[0].version, sha256=stored[0].sha256)
    review = _applied(records, evaluation)
    report = _row(records, evaluation, review, stored, ids.new("rpt"))
    sources = _sources(records, evaluation, review, report.version)
    content = report_content(sources)
    report = _put(records, objects, report, content, report_pages(content), sources.generated_at)
    _save(records, evaluation, report)
    return BuiltReport(report_id=report.report_id, version=report.version, sha256=report.sha256)


def _applied(records: Records, evaluation: Evaluation) -> Review | None:
    reviews = records.reviews.list(filters={"evaluation_id": evaluation.evaluation_id}, before=None, limit=1)
    return reviews[0] if reviews and reviews[0].status == "applied" else None


def _sources(records: Records, evaluation: Evaluation, review: Review | None, version: int) -> ReportSources:
    pack = records.rule_packs.version(evaluation.rule_pack_id, evaluation.rule_pack_version)
    criteria = leaves(records.rule_packs.criteria(evaluation.rule_pack_id, evaluation.rule_pack_version))
    revisions = {
        criterion.criterion_id: records.verdicts.revisions(evaluation.evaluation_id, criterion.criterion_id)
        for criterion in criteria
    }
    if not all(revisions.values()):
        raise Permanent("EVALUATION_INCOMPLETE", "a criterion has no verdict")
    snapshot, _ = records.evaluations.snapshot(evaluation.evaluation_id)
    documents = records.documents.by_project(evaluation.project_id, supplier_id=evaluation.supplier_id)
    return ReportSources(
        evaluation=evaluation,
        project=records.projects.get(evaluation.project_id),
        supplier=records.suppliers.get(evaluation.supplier_id),
        pack=pack.payload,
        criteria=criteria,
        revisions=revisions,
        filenames={document.document_id: document.filename for document in documents},
        logs=_logs(records, revisions),
        snapshot=snapshot,
        audit=records.reports.audit_span(evaluation.evaluation_id),
        generated_at=_moment(evaluation, review),
        version=version,
        review=review,
        decisions=records.reviews.decisions(review.review_id) if review else (),
    )


def _logs(records: Records, revisions: Mapping[str, list[Verdict]]) -> dict[str, Any]:
    wanted = {verdicts[-1].search_log_id for verdicts in revisions.values()}
    logs = [records.searches.log(search_log_id) for search_log_id in sorted(filter(None, wanted))]
    return {log.search_log_id: log for log in logs if log is not None}


def _moment(evaluation: Evaluation, review: Review | None) -> datetime:
    """When the content was decided: the row's last change, which the report itself makes later."""
    moment = review.submitted_at if review else evaluation.updated_at
    if moment is None:
        raise Permanent("DATA_CORRUPTED", "the evaluation has no time of its decision")
    return moment


def _put(
    records: Records, objects: ObjectStore, report: Report, content: dict[str, Any], pages: bytes, moment: datetime
) -> Report:
    """Store both files under their keys until the tenant's retention ends (D68)."""
    days = int(records.users.tenant_settings()["retention_days"])
    until = moment + timedelta(days=days)
    body = canonical(content)
    written = objects.put(report.object_key, body, media_type="application/json", locked_until=until)
    objects.put(report.pdf_key, pages, media_type="application/pdf", locked_until=until)
    return replace(
        report,
        object_version=written.version,
        sha256=sha256(body).hexdigest(),
        size_bytes=len(body),
        pdf_sha256=sha256(pages).hexdigest(),
        locked_until=until,
    )


def _row(
    records: Records, evaluation: Evaluation, review: Review | None, stored: Sequence[Report], report_id: str
) -> Report:
    version = stored[0].version + 1 if stored else 1
    tenant_id = records.actor.tenant_id
    return Report(
        report_id=report_id,
        evaluation_id=evaluation.evaluation_id,
        version=version,
        kind="reviewed" if review else "suggestion",
        object_key=report_key(tenant_id, evaluation.evaluation_id, version, "json"),
        pdf_key=report_key(tenant_id, evaluation.evaluation_id, version, "pdf"),
        sha256="",
        size_bytes=0,
        pdf_sha256="",
        approved_by=review.submitted_by if review else None,
        approved_at=review.submitted_at if review else None,
        supersedes=stored[0].report_id if stored else None,
    )


def _save(records: Records, evaluation: Evaluation, report: Report) -> None:
    with records.transaction():
        records.reports.add(report)
        records.moves.evaluation(evaluation, "report_generated", stage="report", report_version=report.version)
        records.jobs.progress(evaluation.job_id or "", done=BUILT, step="BuildReport")
        records.trail.audit("report.generated", "report", report.report_id, changes={"sha256": report.sha256})
