"""Stored callbacks of running executions (spec D67, W86)."""

from dataclasses import asdict, fields

from shared.adapters.postgres.session import Session
from shared.domain.evaluation_rows import Wait

COLUMNS = ", ".join(f.name for f in fields(Wait))


class Waits:
    """The waits of the Reviews port; every status but open is final (D111)."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def open_wait(self, wait: Wait) -> Wait:
        """Insert the wait, or replace token and due time of the open wait of the same run and state (W46)."""
        saved = self._session.first(
            Wait,
            f"""
            insert into waits (wait_id, kind, subject_id, run_id, state_name, token_ciphertext, key_version, status,
                due_at)
            values (%(wait_id)s, %(wait_kind)s, %(subject_id)s, %(run_id)s, %(state_name)s, %(token_ciphertext)s,
                %(key_version)s, %(status)s, %(due_at)s)
            on conflict (tenant_id, run_id, state_name) do update set token_ciphertext = excluded.token_ciphertext,
                key_version = excluded.key_version, updated_at = clock_timestamp(),
                row_version = waits.row_version + 1
              where waits.wait_id = excluded.wait_id and waits.status = 'open'
            returning {COLUMNS}""",
            **{name: value for name, value in asdict(wait).items() if name != "kind"},
            wait_kind=wait.kind,
        )
        if saved is not None:
            return saved
        found = self.wait_of(wait.subject_id)
        assert found is not None, f"the wait of run {wait.run_id} belongs to another review"
        return found

    def wait_of(self, review_id: str) -> Wait | None:
        """The newest wait of the review."""
        return self._session.first(
            Wait,
            f"select {COLUMNS} from waits where subject_id = %(id)s order by wait_id desc limit 1",
            id=review_id,
        )

    def open_wait_of_job(self, job_id: str) -> Wait | None:
        """The open wait of the job's runs, or None."""
        return self._session.first(
            Wait,
            f"""select {COLUMNS} from waits where status = 'open'
                  and run_id in (select run_id from runs where job_id = %(id)s) order by wait_id desc limit 1""",
            id=job_id,
        )

    def close_wait(self, wait_id: str, status: str) -> bool:
        """Move an open wait to delivered, expired, canceled or orphaned; False when it was closed already."""
        return (
            self._session.execute(
                """update waits set status = %(status)s, updated_at = clock_timestamp(), row_version = row_version + 1,
                     delivered_at = case when %(status)s = 'delivered' then clock_timestamp() end
                   where wait_id = %(wait_id)s and status = 'open'""",
                wait_id=wait_id,
                status=status,
            )
            == 1
        )
