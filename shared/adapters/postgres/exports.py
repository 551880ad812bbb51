"""Exports (spec D69, A108)."""

from dataclasses import fields

from psycopg.types.json import Jsonb

from shared.adapters.postgres.session import Session
from shared.domain.errors import Refused
from shared.domain.exports import EXPORT_LIFE, Export

NAMES = tuple(f.name for f in fields(Export))
EXPIRED = "case when status = 'ready' and expires_at <= clock_timestamp() then 'expired' else status end as status"
COLUMNS = ", ".join(EXPIRED if name == "status" else name for name in NAMES)


class Exports:
    """The Exports port."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, export: Export) -> Export:
        """Insert a queued export."""
        self._session.execute(
            """insert into exports (export_id, project_id, job_id, kind, source, status)
               values (%(export_id)s, %(project_id)s, %(job_id)s, %(kind)s, %(source)s, 'queued')""",
            export_id=export.export_id,
            project_id=export.project_id,
            job_id=export.job_id,
            kind=export.kind,
            source=Jsonb({"schema_version": 1, **export.source}),
        )
        return self.get(export.export_id)

    def get(self, export_id: str) -> Export:
        """The export; raises Refused EXPORT_NOT_FOUND."""
        found = self._session.first(Export, f"select {COLUMNS} from exports where export_id = %(id)s", id=export_id)
        if found is None:
            raise Refused("EXPORT_NOT_FOUND")
        return found

    def ready(self, export_id: str, *, object_key: str, object_version: str, sha256: str, size_bytes: int) -> None:
        """queued -> ready for 7 days from now."""
        self._session.execute(
            """update exports set status = 'ready', object_key = %(key)s, object_version = %(version)s,
                 sha256 = %(sha256)s, size_bytes = %(size)s, expires_at = clock_timestamp() + %(life)s,
                 updated_at = clock_timestamp(), row_version = row_version + 1
               where export_id = %(id)s and status = 'queued'""",
            id=export_id,
            key=object_key,
            version=object_version,
            sha256=sha256,
            size=size_bytes,
            life=EXPORT_LIFE,
        )

    def queue_again(self, export_id: str, *, job_id: str) -> None:
        """failed -> queued for another job; raises Refused WF_STATE_TRANSITION_INVALID from any other state."""
        queued = self._session.execute(
            """update exports set status = 'queued', error_code = null, job_id = %(job_id)s,
                 updated_at = clock_timestamp(), row_version = row_version + 1
               where export_id = %(id)s and status = 'failed'""",
            id=export_id,
            job_id=job_id,
        )
        if not queued:
            raise Refused("WF_STATE_TRANSITION_INVALID", details={"to": "queued"})

    def forget_file(self, export_id: str) -> bool:
        """ready and past its time -> expired, without a file; False when it is not, or has none any more."""
        forgotten = self._session.execute(
            """update exports set status = 'expired', object_key = null, object_version = null,
                 updated_at = clock_timestamp(), row_version = row_version + 1
               where export_id = %(id)s and object_key is not null
                 and status in ('ready', 'expired') and expires_at <= clock_timestamp()""",
            id=export_id,
        )
        return forgotten == 1

    def fail(self, export_id: str, *, code: str) -> None:
        """queued -> failed with the code of its job."""
        self._session.execute(
            """update exports set status = 'failed', error_code = %(code)s, updated_at = clock_timestamp(),
                 row_version = row_version + 1 where export_id = %(id)s and status = 'queued'""",
            id=export_id,
            code=code,
        )
