"""What nobody came back for: approvals, keys, claims, uploads, exports and threads past their time (W120, W84)."""

from collections.abc import Callable, Mapping
from datetime import datetime

from shared.adapters.postgres.exports import Exports
from shared.adapters.postgres.moves import Moves
from shared.adapters.postgres.reviews import Reviews
from shared.adapters.postgres.session import Session
from shared.adapters.postgres.sweep_queries import ENDED_LONG_AGO
from shared.adapters.postgres.threads import Threads
from shared.adapters.postgres.trail import Trail
from shared.adapters.postgres.uploads import Uploads

_EXPIRE = """update {table} set status = 'expired', updated_at = clock_timestamp(), row_version = row_version + 1
    where {key} = %(id)s and status = any(%(from)s) and expires_at <= clock_timestamp()"""


class Leftovers:
    """The Leftovers port; the caller's transaction."""

    def __init__(
        self,
        session: Session,
        *,
        moves: Moves,
        trail: Trail,
        reviews: Reviews,
        uploads: Uploads,
        exports: Exports,
        threads: Threads,
    ) -> None:
        self._session, self._moves, self._trail, self._threads = session, moves, trail, threads
        self._reviews, self._uploads, self._exports = reviews, uploads, exports

    def clear(self, kind: str, subject_id: str, *, now: datetime) -> bool:
        """Expire or delete one leftover; the condition is checked by the statement that changes the row."""
        if kind == "key":
            gone = "delete from idempotency_keys where key = %(id)s and expires_at <= clock_timestamp()"
            return self._session.execute(gone, id=subject_id) == 1
        clearers: Mapping[str, Callable[[], bool]] = {
            "approval": lambda: self._expire("approvals", "approval_id", subject_id, ["requested", "approved"]),
            "export": lambda: self._forget_file(subject_id),
            "claim": lambda: self._give_back(subject_id, now),
            "upload": lambda: self._end_upload(subject_id, now),
            "threads": lambda: self._end_threads(subject_id),
        }
        return clearers[kind]()

    def _end_threads(self, evaluation_id: str) -> bool:
        """A failed evaluation that is requeued later plans its waiting criteria again; their verdicts stand."""
        with self._session.transaction():
            ended = self._session.row(
                f"select status from evaluations where evaluation_id = %(id)s and {ENDED_LONG_AGO} for update",
                id=evaluation_id,
            )
            if ended is None:
                return False
            runs = self._session.rows(
                "select criterion_id from criterion_runs where evaluation_id = %(id)s", id=evaluation_id
            )
            criteria = [str(run["criterion_id"]) for run in runs]
            self._threads.forget(evaluation_id, criteria, again=ended["status"] == "failed")
            self._trail.audit("evaluation.threads_deleted", "evaluation", evaluation_id)
        return True

    def _expire(self, table: str, key: str, id: str, old: list[str]) -> bool:
        with self._session.transaction():
            done = self._session.execute(_EXPIRE.format(table=table, key=key), **{"id": id, "from": old}) == 1
            if done:
                kind = key.removesuffix("_id")
                self._trail.audit(f"{kind}.expired", kind, id)
        return done

    def _forget_file(self, export_id: str) -> bool:
        with self._session.transaction():
            done = self._exports.forget_file(export_id)
            if done:
                self._trail.audit("export.expired", "export", export_id)
        return done

    def _give_back(self, review_id: str, now: datetime) -> bool:
        with self._session.transaction():
            review = self._reviews.get(review_id, lock=True)
            if review.status != "claimed" or review.claim_expires_at is None or review.claim_expires_at > now:
                return False
            free = {"claimed_by": None, "claim_expires_at": None}
            token = {"resume_token_hash": None, "resume_token_expires_at": None}
            self._moves.review(review, "open", **free, **token)
        return True

    def _end_upload(self, upload_id: str, now: datetime) -> bool:
        with self._session.transaction():
            upload = self._uploads.get(upload_id, lock=True)
            if upload.status != "open" or upload.expires_at > now:
                return False
            self._uploads.end(upload, "expired", at=now)
            self._trail.audit("upload.expired", "upload", upload_id)
        return True
