"""Stored reports: versions, the canonical content and the PDF (spec A106; differences are not built yet)."""

import hashlib
import json
from typing import Any

from functions.api.answers import Answer, view
from functions.api.caller import Asking, Caller
from functions.api.fields import EvaluationId, ReportId
from functions.api.routes.evaluations import visible
from functions.api.routing import new_router, route
from shared.domain.errors import Permanent, Refused
from shared.domain.evaluation_rows import Report
from shared.domain.upload_rules import LINK_LIFE

router = new_router()
HIDDEN = ("object_key", "object_version", "pdf_key")
ERRORS = ("REPORT_NOT_FOUND", "DOC_STORAGE_MISSING")


def _visible(caller: Caller, report_id: str) -> Report:
    report = caller.records.reports.get(report_id)
    project_id = caller.records.evaluations.get(report.evaluation_id).project_id
    caller.require("report.read", project_id, missing="REPORT_NOT_FOUND")
    return report


@route(
    router,
    "GET",
    "/evaluations/{evaluation_id}/reports",
    "report.read",
    shows=dict[str, Any],
    errors=("EVALUATION_NOT_FOUND",),
)
def get_reports(caller: Asking, evaluation_id: EvaluationId) -> Answer:
    """All report versions of an evaluation, newest first."""
    visible(caller, evaluation_id)
    versions = [view(report, *HIDDEN) for report in caller.records.reports.of_evaluation(evaluation_id)]
    return Answer(data={"evaluation_id": evaluation_id, "versions": versions})


@route(router, "GET", "/reports/{report_id}", "report.read", shows=dict[str, Any], errors=(*ERRORS, "DATA_CORRUPTED"))
def get_report(caller: Asking, report_id: ReportId) -> Answer:
    """The canonical content of a report, compared with its stored hash before it is shown."""
    report = _visible(caller, report_id)
    content = caller.parts.objects.read(report.object_key)
    if hashlib.sha256(content).hexdigest() != report.sha256:
        raise Permanent("DATA_CORRUPTED", "the stored report has other bytes than were filed")
    return Answer(data=json.loads(content))


@route(router, "GET", "/reports/{report_id}/pdf", "report.read", shows=dict[str, Any], errors=ERRORS)
def get_report_pdf(caller: Asking, report_id: ReportId) -> Answer:
    """A link to the PDF for 15 minutes."""
    report = _visible(caller, report_id)
    if not report.pdf_key:
        raise Refused("REPORT_NOT_FOUND")
    signed = caller.parts.objects.sign_get(
        report.pdf_key,
        filename=f"{report.evaluation_id}-v{report.version}.pdf",
        attachment=False,
        expires_at=caller.parts.clock.now() + LINK_LIFE,
    )
    changes = {"sha256": report.pdf_sha256}
    caller.records.trail.audit("report.link_issued", "report", report_id, changes=changes)
    return Answer(data={"url": signed.url, "expires_at": signed.expires_at, "sha256": report.pdf_sha256})
