"""Exports of stored reports (spec A108)."""

from typing import Any, Literal

from functions.api.answers import Answer, accepted, view
from functions.api.caller import Asking
from functions.api.fields import ExportId, Input, ReportId
from functions.api.routing import new_router, route
from shared.domain.errors import Refused
from shared.domain.upload_rules import LINK_LIFE
from shared.usecases.request_export import RequestExport, request_export

router = new_router()
HIDDEN = ("object_key", "object_version")


class ExportSource(Input):
    """What is exported."""

    type: Literal["report"]
    id: ReportId


class NewExport(Input):
    """A file to make: the report's content, the table of its criteria, or its PDF."""

    kind: Literal["json", "csv", "pdf"]
    source: ExportSource


@route(
    router,
    "POST",
    "/exports",
    "export.create",
    shows=dict[str, Any],
    status=202,
    keyed=True,
    errors=("REPORT_NOT_FOUND", "TENANT_BACKLOG_FULL"),
)
def post_export(caller: Asking, body: NewExport) -> Answer:
    """Ask for a file of a report."""
    report = caller.records.reports.get(body.source.id)
    project_id = caller.records.evaluations.get(report.evaluation_id).project_id
    caller.require("export.create", project_id, missing="REPORT_NOT_FOUND")
    made = caller.run(request_export, RequestExport(kind=body.kind, report_id=report.report_id))
    place = f"/api/v1/exports/{made.export.export_id}"
    return accepted(view(made.export, *HIDDEN, run_id=made.run_id), location=place)


@route(
    router,
    "GET",
    "/exports/{export_id}",
    "export.read",
    shows=dict[str, Any],
    errors=("EXPORT_NOT_FOUND", "EXPORT_EXPIRED"),
)
def get_export(caller: Asking, export_id: ExportId) -> Answer:
    """The state of an export; a ready one has a link for 15 minutes, within its 7 days."""
    export = caller.records.exports.get(export_id)
    caller.require("export.read", export.project_id, missing="EXPORT_NOT_FOUND")
    if export.status == "expired":
        raise Refused("EXPORT_EXPIRED", details={"expired_at": str(export.expires_at)})
    url = None
    if export.status == "ready" and export.object_key and export.expires_at:
        signed = caller.parts.objects.sign_get(
            export.object_key,
            filename=f"{export.source['id']}.{export.kind}",
            attachment=True,
            expires_at=min(caller.parts.clock.now() + LINK_LIFE, export.expires_at),
        )
        url = signed.url
        caller.records.trail.audit("export.link_issued", "export", export_id, changes={"sha256": export.sha256})
    return Answer(data=view(export, *HIDDEN, url=url))
