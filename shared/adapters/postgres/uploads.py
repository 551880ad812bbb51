"""Upload sessions, their files and the stored bytes (spec D44-D46)."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from itertools import pairwise
from typing import Any

from psycopg.types.json import Jsonb

from shared.adapters.postgres.session import Session
from shared.domain.documents import UploadFile, UploadSession
from shared.domain.errors import Permanent, Refused
from shared.domain.transitions import UPLOAD, check_move
from shared.ports.document_records import Blob, UploadedDocument

COLUMNS = ", ".join(f.name for f in fields(UploadSession))
FILE_COLUMNS = ", ".join(f.name for f in fields(UploadFile))
BLOB = "sha256, object_key, size_bytes, media_type, object_version, verified_at is not null as verified"
CHANGES = frozenset({"object_key", "multipart_id", "parts", "document_id"})


class Uploads:
    """The Uploads port."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def lock_project(self, project_id: str, *, now: datetime) -> int:
        """Number of open sessions; the lock ends with the transaction, so 64 stays 64 under a race (A55)."""
        found = self._session.row(
            """with locked as materialized (select pg_advisory_xact_lock(hashtext('uploads ' || %(project_id)s)))
               select count(*) as open from locked, upload_sessions
                where project_id = %(project_id)s and status = 'open' and expires_at > %(now)s""",
            project_id=project_id,
            now=now,
        )
        assert found is not None
        return int(found["open"])

    def add(self, upload: UploadSession, files: Sequence[UploadFile]) -> None:
        """Insert the session and its files."""
        with self._session.transaction():
            self._session.execute(
                """insert into upload_sessions (upload_id, project_id, supplier_id, status, file_count, bundle_hash,
                       expires_at)
                   values (%(upload_id)s, %(project_id)s, %(supplier_id)s, %(status)s, %(file_count)s,
                       %(bundle_hash)s, %(expires_at)s)""",
                upload_id=upload.upload_id,
                project_id=upload.project_id,
                supplier_id=upload.supplier_id,
                status=upload.status,
                file_count=upload.file_count,
                bundle_hash=upload.bundle_hash,
                expires_at=upload.expires_at,
            )
            names = [f.name for f in fields(UploadFile) if f.name not in ("parts", "document_id")]
            self._session.many(
                f"insert into upload_files ({', '.join(names)}) values ({', '.join(f'%({n})s' for n in names)})",
                [{name: getattr(file, name) for name in names} for file in files],
            )

    def get(self, upload_id: str, *, lock: bool = False) -> UploadSession:
        """The session; raises Refused UPLOAD_SESSION_NOT_FOUND."""
        found = self._session.first(
            UploadSession,
            f"select {COLUMNS} from upload_sessions where upload_id = %(id)s {'for update' if lock else ''}",
            id=upload_id,
        )
        if found is None:
            raise Refused("UPLOAD_SESSION_NOT_FOUND")
        return found

    def files(self, upload_id: str) -> list[UploadFile]:
        """The files in the order announced."""
        return self._session.all(
            UploadFile,
            f"select {FILE_COLUMNS} from upload_files where upload_id = %(id)s order by ordinal",
            id=upload_id,
        )

    def documents(self, upload_id: str) -> list[UploadedDocument]:
        """The files that became documents, with the first job of each."""
        return self._session.all(
            UploadedDocument,
            """select f.file_id, f.document_id, j.job_id, r.run_id
                 from upload_files f
                 join lateral (select job_id from jobs where resource_id = f.document_id
                                order by job_id limit 1) j on true
                 join runs r on r.job_id = j.job_id and r.run_no = 1
                where f.upload_id = %(id)s and f.document_id is not null order by f.ordinal""",
            id=upload_id,
        )

    def end(self, upload: UploadSession, to: str, *, at: datetime) -> UploadSession:
        """Move the session; completing is passed through in one transaction and therefore never seen."""
        steps = [upload.status, "completing", to] if to == "completed" else [upload.status, to]
        for old, new in pairwise(steps):
            check_move(UPLOAD, old, new)
        saved = self._session.first(
            UploadSession,
            f"""update upload_sessions set status = %(to)s, updated_at = clock_timestamp(),
                  completed_at = case when %(to)s = 'completed' then %(at)s end, row_version = row_version + 1
                where upload_id = %(id)s and row_version = %(version)s returning {COLUMNS}""",
            id=upload.upload_id,
            to=to,
            at=at,
            version=upload.row_version,
        )
        if saved is None:
            raise Refused("VERSION_CONFLICT")
        return saved

    def change_file(self, file_id: str, **changes: Any) -> None:
        """Set columns of a file; raises ValueError for one that is fixed when the session opens."""
        if not changes or changes.keys() - CHANGES:
            raise ValueError(f"of a file only {sorted(CHANGES)} change")
        assignments = "".join(f", {name} = %({name})s" for name in changes)
        values = {name: Jsonb(value) if name == "parts" else value for name, value in changes.items()}
        self._session.execute(
            f"""update upload_files set updated_at = clock_timestamp(), row_version = row_version + 1{assignments}
                where file_id = %(id)s""",
            id=file_id,
            **values,
        )

    def keep_blob(self, blob: Blob) -> Blob:
        """Insert the bytes once per tenant; the first object key stays the one that counts (D15)."""
        self._session.execute(
            """insert into content_blobs (sha256, object_key, object_version, size_bytes, media_type)
               values (%(sha256)s, %(object_key)s, %(object_version)s, %(size_bytes)s, %(media_type)s)
               on conflict do nothing""",
            sha256=blob.sha256,
            object_key=blob.object_key,
            object_version=blob.object_version,
            size_bytes=blob.size_bytes,
            media_type=blob.media_type,
        )
        return self.blob(blob.sha256)

    def blob(self, sha256: str) -> Blob:
        """The stored bytes; raises Permanent DOC_STORAGE_MISSING."""
        found = self._session.first(Blob, f"select {BLOB} from content_blobs where sha256 = %(sha256)s", sha256=sha256)
        if found is None:
            raise Permanent("DOC_STORAGE_MISSING")
        return found

    def verify_blob(self, sha256: str, *, media_type: str, at: datetime) -> None:
        """Note that the stored bytes were read and have this hash and type."""
        self._session.execute(
            """update content_blobs set verified_at = coalesce(verified_at, %(at)s), media_type = %(media_type)s
                where sha256 = %(sha256)s""",
            sha256=sha256,
            media_type=media_type,
            at=at,
        )
