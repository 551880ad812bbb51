"""What the reconcilers write for one tenant, under its row security (spec W111-W120, D84)."""

from collections.abc import Sequence
from dataclasses import fields

from psycopg.types.json import Jsonb

from shared.adapters.postgres.endings import Endings
from shared.adapters.postgres.session import Session
from shared.adapters.postgres.sweep_queries import QUERIES
from shared.domain.jobs import Job, Run, execution_name
from shared.domain.sweeps import Candidate
from shared.ports.platform import Ids

RUN_COLUMNS = ", ".join(f.name for f in fields(Run))


class Findings:
    """The Findings port."""

    def __init__(self, session: Session, *, ids: Ids) -> None:
        self._session, self._ids = session, ids

    def add(self, sweep: str, candidate: Candidate, *, repaired: bool = True) -> None:
        """One row, in the transaction of the repair."""
        self._session.execute(
            """insert into reconcile_findings (finding_id, sweep, subject_type, subject_id, observed, repaired)
               values (%(id)s, %(sweep)s, %(kind)s, %(subject)s, %(observed)s, %(repaired)s)""",
            id=self._ids.new("fnd"),
            sweep=sweep,
            kind=candidate.subject_type,
            subject=candidate.subject_id,
            observed=Jsonb({"schema_version": 1, **candidate.observed}),
            repaired=repaired,
        )

    def is_fresh(self, sweep: str, subject_id: str, *, seconds: int) -> bool:
        """Whether the sweep noted this subject in the last seconds, by the database's clock."""
        found = self._session.row(
            """select 1 from reconcile_findings where sweep = %(sweep)s and subject_id = %(subject)s
                 and created_at > clock_timestamp() - %(seconds)s * interval '1 second' limit 1""",
            sweep=sweep,
            subject=subject_id,
            seconds=seconds,
        )
        return found is not None


class Repairs(Endings):
    """The Repairs port."""

    def is_due(self, sweep: str, subject_id: str) -> bool:
        """Whether the sweep's own query still finds the subject in this tenant."""
        query = f"select 1 from ({QUERIES[sweep]}) c where c.subject_id = %(id)s"
        return self._session.row(query, id=subject_id) is not None

    def not_indexed(self, document_ids: Sequence[str], *, lock: bool = False) -> list[str]:
        """Those without a row that is indexed or on its way there; `lock` holds their rows, which IndexChunks locks,
        too, before it writes."""
        if lock:
            self._session.rows(
                "select 1 from documents where document_id = any (%(ids)s) for update", ids=list(document_ids)
            )
        kept = self._session.rows(
            """select d.document_id from documents d where d.document_id = any (%(ids)s) and d.deleted_at is null
                 and (d.status in ('uploaded', 'parse_queued', 'parsing', 'parsed', 'indexing', 'indexed')
                   or exists (select from jobs j where j.resource_id = d.document_id
                     and j.status not in ('succeeded', 'failed', 'canceled')))""",
            ids=list(document_ids),
        )
        return sorted(set(document_ids) - {row["document_id"] for row in kept})

    def unnamed_objects(self, keys: Sequence[str]) -> list[str]:
        """Those that no row names; a session that was aborted or expired names nothing any more."""
        rows = self._session.rows(
            """select k as key from unnest(%(keys)s::text[]) k except (
                 select object_key from content_blobs where object_key = any (%(keys)s)
                 union all select f.object_key from upload_files f join upload_sessions s using (tenant_id, upload_id)
                   where f.object_key = any (%(keys)s) and s.status not in ('aborted', 'expired')
                 union all select object_key from reports where object_key = any (%(keys)s)
                 union all select pdf_key from reports where pdf_key = any (%(keys)s)
                 union all select object_key from exports where object_key = any (%(keys)s)
                 union all select manifest_key from parse_runs where manifest_key = any (%(keys)s))
               order by key""",
            keys=list(keys),
        )
        return [row["key"] for row in rows]

    def ended_uploads(self, multipart_ids: Sequence[str]) -> list[str]:
        """Those without an open or completing session."""
        rows = self._session.rows(
            """select m as id from unnest(%(ids)s::text[]) m except
               select f.multipart_id from upload_files f join upload_sessions s using (tenant_id, upload_id)
                where f.multipart_id = any (%(ids)s) and s.status in ('open', 'completing')
               order by id""",
            ids=list(multipart_ids),
        )
        return [row["id"] for row in rows]

    def runs(self, job_id: str) -> list[Run]:
        """All runs of the job, the newest first."""
        return self._session.all(
            Run, f"select {RUN_COLUMNS} from runs where job_id = %(id)s order by run_no desc", id=job_id
        )

    def open_run(self, job: Job, *, run_id: str) -> Run:
        """One more run of the job, of the same machine, marked started (W113)."""
        number = self._jobs.newest_run(job.job_id).run_no + 1
        self._session.execute(
            """insert into runs (run_id, job_id, run_no, machine, machine_version, execution_name, status, started_at)
               select %(run_id)s, job_id, %(number)s, machine, machine_version, %(name)s, 'started', clock_timestamp()
               from runs where job_id = %(job_id)s and run_no = %(number)s - 1""",
            run_id=run_id,
            job_id=job.job_id,
            number=number,
            name=execution_name(job.job_id, number),
        )
        return self._jobs.run(run_id)

    def release(self, job: Job) -> None:
        """Take the lease off a task job and make it available at once; the move has taken the claim (W114)."""
        self._session.execute(
            "update jobs set lease_expires_at = null, available_at = clock_timestamp() where job_id = %(id)s",
            id=job.job_id,
        )
