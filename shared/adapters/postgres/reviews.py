"""Reviews, what they ask and what people decided (spec D64-D66)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from psycopg.types.json import Jsonb

from shared.adapters.postgres.sweep_queries import REMINDER_REACHED
from shared.adapters.postgres.waits import Waits
from shared.domain.errors import Refused
from shared.domain.evaluation_rows import Decision, Review, ReviewItem

COLUMNS = ", ".join(f.name for f in fields(Review))
ITEM_COLUMNS = ", ".join(f.name for f in fields(ReviewItem))
DECISION_COLUMNS = ", ".join(f.name for f in fields(Decision))
FILTERS = {
    "evaluation_id": "evaluation_id = %(evaluation_id)s",
    "project_id": "project_id = %(project_id)s",
    "status": "status = %(status)s",
    "assigned_to": "claimed_by = %(assigned_to)s",
    "due_before": "due_at < %(due_before)s",
    "reason": "reasons @> jsonb_build_array(jsonb_build_object('code', %(reason)s::text))",
}


class Reviews(Waits):
    """The Reviews port."""

    def add(self, review: Review, items: Sequence[ReviewItem]) -> Review:
        """Insert an open review and what it asks."""
        with self._session.transaction():
            saved = self._session.first(
                Review,
                f"""
                insert into reviews (review_id, evaluation_id, project_id, round, mode, status, reasons, due_at)
                values (%(review_id)s, %(evaluation_id)s, %(project_id)s, %(round)s, %(mode)s, %(status)s,
                    %(reasons)s, %(due_at)s) returning {COLUMNS}""",
                review_id=review.review_id,
                evaluation_id=review.evaluation_id,
                project_id=review.project_id,
                round=review.round,
                mode=review.mode,
                status=review.status,
                reasons=Jsonb(review.reasons),
                due_at=review.due_at,
            )
            assert saved is not None
            self._session.many(
                f"""insert into review_items ({ITEM_COLUMNS})
                    values ({", ".join(f"%({f.name})s" for f in fields(ReviewItem))})""",
                [{**asdict(item), "reasons": Jsonb(item.reasons)} for item in items],
            )
        return saved

    def get(self, review_id: str, *, lock: bool = False) -> Review:
        """The review; raises Refused REVIEW_NOT_FOUND."""
        found = self._session.first(
            Review,
            f"select {COLUMNS} from reviews where review_id = %(id)s {'for update' if lock else ''}",
            id=review_id,
        )
        if found is None:
            raise Refused("REVIEW_NOT_FOUND")
        return found

    def live(self, evaluation_id: str) -> Review | None:
        """The review that is open, claimed or submitted; there is at most one."""
        return self._session.first(
            Review,
            f"""select {COLUMNS} from reviews
                where evaluation_id = %(id)s and status in ('open', 'claimed', 'submitted')""",
            id=evaluation_id,
        )

    def renew(self, review: Review, **changes: Any) -> Review:
        """Save lease or token of a claimed review without a move; raises Refused VERSION_CONFLICT."""
        allowed = ("claim_expires_at", "resume_token_hash", "resume_token_expires_at")
        saved = self._session.first(
            Review,
            f"""update reviews set updated_at = clock_timestamp(), row_version = row_version + 1
                  {"".join(f", {name} = %({name})s" for name in allowed if name in changes)}
                where review_id = %(review_id)s and row_version = %(old_version)s and status = 'claimed'
                returning {COLUMNS}""",
            review_id=review.review_id,
            old_version=review.row_version,
            **changes,
        )
        if saved is None:
            raise Refused("VERSION_CONFLICT", "the review changed since it was read")
        return saved

    def remind(self, review_id: str) -> int | None:
        """Note the last reminder whose part of the wait is over, by the database's clock: its per cent, or None.

        The row version stays: a reminder is no reason to refuse an answer that is on its way (W89)."""
        found = self._session.row(
            f"""update reviews set reminded_pct = {REMINDER_REACHED}, updated_at = clock_timestamp()
                where review_id = %(id)s and status in ('open', 'claimed') and due_at > clock_timestamp()
                  and reminded_pct < {REMINDER_REACHED} returning reminded_pct""",
            id=review_id,
        )
        return None if found is None else int(found["reminded_pct"])

    def items(self, review_id: str) -> list[ReviewItem]:
        """In the order they were added."""
        return self._session.all(
            ReviewItem,
            f"select {ITEM_COLUMNS} from review_items where review_id = %(id)s order by created_at, item_id",
            id=review_id,
        )

    def append_decisions(self, decisions: Sequence[Decision]) -> None:
        """Insert what a person decided."""
        self._session.many(
            """
            insert into review_decisions (decision_id, review_id, item_id, criterion_id, reviewer_id, action, score,
                outcome, comment, citations)
            values (%(decision_id)s, %(review_id)s, %(item_id)s, %(criterion_id)s, %(reviewer_id)s, %(action)s,
                %(score)s, %(outcome)s, %(comment)s, %(citations)s)""",
            [{**asdict(decision), "citations": Jsonb(decision.citations)} for decision in decisions],
        )

    def decision(self, decision_id: str) -> Decision | None:
        """One decision, or None."""
        return self._session.first(
            Decision, f"select {DECISION_COLUMNS} from review_decisions where decision_id = %(id)s", id=decision_id
        )

    def decisions(self, review_id: str) -> list[Decision]:
        """In the order they were added."""
        return self._session.all(
            Decision,
            f"""select {DECISION_COLUMNS} from review_decisions where review_id = %(id)s
                order by created_at, decision_id""",
            id=review_id,
        )

    def list(self, *, filters: Mapping[str, Any], before: str | None, limit: int) -> list[Review]:
        """Newest first, ids below `before`; filters as FILTERS names them."""
        where = "".join(f" and {FILTERS[name]}" for name in filters)
        return self._session.all(
            Review,
            f"""select {COLUMNS} from reviews where (%(before)s::text is null or review_id < %(before)s) {where}
                order by review_id desc limit %(limit)s""",
            before=before,
            limit=limit,
            **filters,
        )
