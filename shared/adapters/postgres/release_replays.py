"""Replays after a rollback and their cases (spec W62)."""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg.types.json import Jsonb

from shared.adapters.postgres.session import Session
from shared.domain.replays import Replay, ReplayCase

COLUMNS = """release_id, rollback_no, run_id, token_ciphertext, status,
  (status = 'open' and due_at < clock_timestamp()) as is_late"""


class ReleaseReplays:
    """The ReleaseReplays port."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def open(self, replay: Replay, *, seconds: int) -> Replay:
        """Insert it, or replace run and token of the open one of the same rollback."""
        self._session.execute(
            """insert into release_replays as r (release_id, rollback_no, run_id, token_ciphertext, due_at, status)
               values (%(id)s, %(no)s, %(run_id)s, %(token)s, clock_timestamp() + %(s)s * interval '1 second', 'open')
               on conflict (release_id, rollback_no) do update set run_id = excluded.run_id,
                 token_ciphertext = excluded.token_ciphertext, due_at = excluded.due_at,
                 updated_at = clock_timestamp(), row_version = r.row_version + 1
               where r.status = 'open'""",
            id=replay.release_id,
            no=replay.rollback_no,
            run_id=replay.run_id,
            token=replay.token_ciphertext,
            s=seconds,
        )
        found = self.get(replay.release_id, replay.rollback_no)
        assert found is not None
        return found

    def open_ones(self) -> Sequence[Replay]:
        """Those that nobody compared yet; `is_late` by the database's clock."""
        return self._session.all(Replay, f"select {COLUMNS} from release_replays where status = 'open'")

    def get(self, release_id: str, rollback_no: int) -> Replay | None:
        """One of them."""
        query = f"select {COLUMNS} from release_replays where release_id = %(id)s and rollback_no = %(no)s"
        return self._session.first(Replay, query, id=release_id, no=rollback_no)

    def add_case(self, replay: Replay, case: ReplayCase) -> None:
        """Insert a case."""
        self._session.execute(
            """insert into replay_cases (release_id, rollback_no, baseline_id, evaluation_id)
               values (%(id)s, %(no)s, %(baseline)s, %(evaluation)s)""",
            id=replay.release_id,
            no=replay.rollback_no,
            baseline=case.baseline_id,
            evaluation=case.evaluation_id,
        )

    def cases(self, replay: Replay) -> Sequence[ReplayCase]:
        """Its cases."""
        return self._session.all(
            ReplayCase,
            """select baseline_id, evaluation_id from replay_cases
               where release_id = %(id)s and rollback_no = %(no)s order by baseline_id""",
            id=replay.release_id,
            no=replay.rollback_no,
        )

    def close(self, replay: Replay, status: str, differences: Sequence[Mapping[str, Any]]) -> bool:
        """open -> passed or failed; False when it was closed before."""
        closed = self._session.execute(
            """update release_replays set status = %(status)s, differences = %(differences)s,
                 updated_at = clock_timestamp(), row_version = row_version + 1
               where release_id = %(id)s and rollback_no = %(no)s and status = 'open'""",
            id=replay.release_id,
            no=replay.rollback_no,
            status=status,
            differences=Jsonb([dict(each) for each in differences]),
        )
        return closed == 1
