"""Checkpoints of an evaluation's criteria as rows, read and deleted without the library that wrote them (W77, W84)."""

from collections.abc import Sequence

from shared.adapters.postgres.session import Session
from shared.domain.evaluation_rows import KeptThread


class Threads:
    """The Threads port."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def kept(self, evaluation_id: str) -> list[KeptThread]:
        """From the newest checkpoint of each thread; the interrupt is a write that belongs to it (checkpoints.py)."""
        return self._session.all(
            KeptThread,
            """select r.criterion_id, c.checkpoint #>> '{channel_values,graph_version}' as graph_version,
                 (select convert_from(w.blob, 'UTF8')::jsonb #>> '{0,$interrupt,id}' from checkpoint_writes w
                   where w.thread_id = c.thread_id and w.checkpoint_ns = '' and w.checkpoint_id = c.checkpoint_id
                     and w.channel = '__interrupt__' order by w.idx limit 1) as interrupt_id
               from criterion_runs r join lateral (
                 select thread_id, checkpoint_id, checkpoint from checkpoints k where k.thread_id = r.thread_id
                    and k.checkpoint_ns = '' order by checkpoint_id desc limit 1) c on true
               where r.evaluation_id = %(id)s order by r.ordinal""",
            id=evaluation_id,
        )

    def forget(self, evaluation_id: str, criterion_ids: Sequence[str], *, again: bool) -> None:
        """Delete the checkpoints of these criteria; with `again` the interrupted ones are pending once more."""
        named = {"id": evaluation_id, "criteria": list(criterion_ids)}
        with self._session.transaction():
            for table in ("checkpoint_writes", "checkpoint_blobs", "checkpoints"):
                self._session.execute(
                    f"""delete from {table} where thread_id in (select thread_id from criterion_runs
                          where evaluation_id = %(id)s and criterion_id = any(%(criteria)s))""",
                    **named,
                )
            if again:
                self._session.execute(
                    """update criterion_runs set status = 'pending', interrupt_id = null,
                         updated_at = clock_timestamp(), row_version = row_version + 1
                       where evaluation_id = %(id)s and criterion_id = any(%(criteria)s) and status = 'interrupted'""",
                    **named,
                )
