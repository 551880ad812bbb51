"""Batches and their items (spec D74, A113, A118); a job and its item are tied by unique keys of both tables."""

from collections.abc import Sequence
from dataclasses import fields

from psycopg.types.json import Jsonb

from shared.adapters.postgres.jobs import Jobs
from shared.adapters.postgres.moves import Moves
from shared.adapters.postgres.session import Session
from shared.domain.batches import WAITING_ON, Batch, BatchCounts, BatchItem, end_of_pending, is_live
from shared.domain.errors import Refused
from shared.domain.jobs import Job

COLUMNS = ", ".join(f.name for f in fields(Batch))
ITEM_COLUMNS = ", ".join(f.name for f in fields(BatchItem))
CHANGED = "updated_at = clock_timestamp(), row_version = row_version + 1"
STATES = ("pending", "started", "succeeded", "failed", "canceled")
COUNTED = ", ".join(f"count(*) filter (where status = '{state}') as {state}" for state in STATES)


class Batches:
    """The Batches port."""

    def __init__(self, session: Session, *, jobs: Jobs, moves: Moves) -> None:
        self._session, self._jobs, self._moves = session, jobs, moves

    def add(self, batch: Batch, items: Sequence[BatchItem]) -> Batch:
        """Insert a queued batch and its items."""
        with self._session.transaction():
            self._session.execute(
                """insert into batches (batch_id, kind, job_id, status)
                   values (%(id)s, %(kind)s, %(job_id)s, 'queued')""",
                id=batch.batch_id,
                kind=batch.kind,
                job_id=batch.job_id,
            )
            rows = [[i.item_no, {"schema_version": 1, **i.payload}, i.status, i.error_code] for i in items]
            self._session.execute(
                """insert into batch_items (batch_id, item_no, payload, status, error_code)
                   select %(id)s, (r.row ->> 0)::int, r.row -> 1, r.row ->> 2, r.row ->> 3
                   from jsonb_array_elements(%(rows)s) as r (row)""",
                id=batch.batch_id,
                rows=Jsonb(rows),
            )
            return self.get(batch.batch_id)

    def get(self, batch_id: str, *, lock: bool = False) -> Batch:
        """The batch; raises Refused BATCH_NOT_FOUND."""
        query = f"select {COLUMNS} from batches where batch_id = %(id)s {'for update' if lock else ''}"
        found = self._session.first(Batch, query, id=batch_id)
        if found is None:
            raise Refused("BATCH_NOT_FOUND")
        return found

    def counts(self, batch_id: str) -> BatchCounts:
        """Its items by state, counted now."""
        query = f"select count(*) as total, {COUNTED} from batch_items where batch_id = %(id)s"
        found = self._session.first(BatchCounts, query, id=batch_id)
        assert found is not None
        return found

    def items(self, batch_id: str, *, after: int, limit: int, status: str | None = None) -> Sequence[BatchItem]:
        """Items with a number above `after`, in order."""
        return self._session.all(
            BatchItem,
            f"""select {ITEM_COLUMNS} from batch_items where batch_id = %(id)s and item_no > %(after)s
                  and (%(status)s::text is null or status = %(status)s) order by item_no limit %(limit)s""",
            id=batch_id,
            after=after,
            status=status,
            limit=limit,
        )

    def next_item(self, batch_id: str) -> BatchItem | None:
        """Lock and return a pending item, those under suspicion last; None without one that is free."""
        return self._session.first(
            BatchItem,
            f"""select {ITEM_COLUMNS} from batch_items where batch_id = %(id)s and status = 'pending'
                order by tries, item_no limit 1 for update skip locked""",
            id=batch_id,
        )

    def suspect(self, batch_id: str) -> None:
        """Put the item that would be next behind all others."""
        self._session.execute(
            f"""update batch_items set tries = tries + 1, {CHANGED} where batch_id = %(id)s and item_no =
                  (select item_no from batch_items where batch_id = %(id)s and status = 'pending'
                   order by tries, item_no limit 1)""",
            id=batch_id,
        )

    def begin(self, item: BatchItem, job_id: str) -> None:
        """pending -> started with its job, in the caller's transaction."""
        with self._session.transaction():
            self._session.execute(
                "update jobs set batch_id = %(batch)s, batch_item_no = %(no)s where job_id = %(job_id)s",
                batch=item.batch_id,
                no=item.item_no,
                job_id=job_id,
            )
            self._session.execute(
                f"""update batch_items set status = 'started', job_id = %(job_id)s, {CHANGED}
                    where batch_id = %(batch)s and item_no = %(no)s and status = 'pending'""",
                batch=item.batch_id,
                no=item.item_no,
                job_id=job_id,
            )

    def end_pending(self, batch_id: str, status: str, code: str, *, item_no: int | None = None) -> int:
        """End one pending item, or all of them, and return how many."""
        return self._session.execute(
            f"""update batch_items set status = %(status)s, error_code = %(code)s, {CHANGED}
                where batch_id = %(id)s and status = 'pending' and (%(no)s::int is null or item_no = %(no)s)""",
            id=batch_id,
            status=status,
            code=code,
            no=item_no,
        )

    def open_jobs(self, batch_id: str) -> Sequence[str]:
        """Jobs of the started items, in order."""
        query = "select job_id from batch_items where batch_id = %(id)s and status = 'started' order by item_no"
        return [row["job_id"] for row in self._session.rows(query, id=batch_id)]

    def follow(self, batch_id: str) -> int:
        """Let items follow the end of their jobs and the batch that of its items; how many rows changed."""
        with self._session.transaction():
            batch = self.get(batch_id, lock=True)
            changed = self._session.execute(
                """update batch_items i set status = j.status, error_code = j.error_code,
                      updated_at = clock_timestamp(), row_version = i.row_version + 1
                    from jobs j where i.batch_id = %(id)s and i.status = 'started' and j.tenant_id = i.tenant_id
                      and j.job_id = i.job_id and j.status in ('succeeded', 'failed', 'canceled')""",
                id=batch_id,
            )
            job = self._jobs.get(batch.job_id, lock=True)
            end = end_of_pending(job.status, job.error_code, overdue=self._is_overdue(job))
            if end is not None:
                changed += self.end_pending(batch_id, *end)
            if job.status == "canceled" and is_live(batch.status):
                batch = self._moves.batch(batch, "canceled", cancel_reason=job.cancel_reason)
                changed += 1
            return changed + self._complete(batch, job)

    def _complete(self, batch: Batch, job: Job) -> int:
        """No open item: the batch is completed, and its waiting job with it."""
        counts, changed = self.counts(batch.batch_id), 0
        self._jobs.progress(job.job_id, done=job.progress_total * counts.processed // counts.total)
        if not counts.open and is_live(batch.status):
            if batch.status == "queued":
                batch = self._moves.batch(batch, "running")
            self._moves.batch(batch, "completed")
            changed += 1
        if not counts.open and job.status == "running" and job.waiting_on == WAITING_ON:
            self._moves.job(job, "succeeded")
            self._moves.close_run(self._jobs.newest_run(job.job_id).run_id, "succeeded")
            changed += 1
        return changed

    def _is_overdue(self, job: Job) -> bool:
        query = "select 1 from jobs where job_id = %(id)s and deadline_at < clock_timestamp()"
        return self._session.row(query, id=job.job_id) is not None
