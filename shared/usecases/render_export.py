"""RenderExport: write the file of an export once and end its job (spec A108, W18)."""

import json
from dataclasses import dataclass
from hashlib import sha256

from shared.domain.errors import Permanent
from shared.domain.evaluation_rows import Report
from shared.domain.exports import MEDIA_TYPES, criteria_csv
from shared.domain.object_keys import export_key
from shared.ports.objects import ObjectStore
from shared.ports.records import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderExport:
    """Which export, and which run of which job makes it."""

    export_id: str
    job_id: str
    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedExport:
    """Hex hash and size in bytes of the file."""

    sha256: str
    size_bytes: int


def render_export(command: RenderExport, *, records: Records, objects: ObjectStore) -> RenderedExport:
    """Put the file under a key of the export, then make it ready and end job and run in one transaction.

    Equal inputs give equal bytes, so a repeat writes nothing new. Raises Permanent DATA_CORRUPTED when the stored
    report has other bytes than were filed, Refused JOB_CANCELED when this run no longer owns the job (F28)."""
    export = records.exports.get(command.export_id)
    body = _body(export.kind, records.reports.get(export.source["id"]), objects)
    key = export_key(records.actor.tenant_id, export.export_id, export.kind)
    written = objects.put(key, body, media_type=MEDIA_TYPES[export.kind])
    with records.transaction():
        job = records.tasks.own(command.job_id, command.run_id)
        records.exports.ready(
            export.export_id,
            object_key=key,
            object_version=written.version,
            sha256=written.sha256,
            size_bytes=len(body),
        )
        records.trail.audit("export.ready", "export", export.export_id, changes={"sha256": written.sha256})
        records.moves.job(job, "succeeded")
        records.moves.close_run(command.run_id, "succeeded")
    return RenderedExport(sha256=written.sha256, size_bytes=len(body))


def _body(kind: str, report: Report, objects: ObjectStore) -> bytes:
    if kind == "pdf":
        return _checked(objects.read(report.pdf_key), report.pdf_sha256)
    content = _checked(objects.read(report.object_key), report.sha256)
    return content if kind == "json" else criteria_csv(json.loads(content))


def _checked(body: bytes, expected: str) -> bytes:
    if sha256(body).hexdigest() != expected:
        raise Permanent("DATA_CORRUPTED", "the stored report has other bytes than were filed")
    return body
