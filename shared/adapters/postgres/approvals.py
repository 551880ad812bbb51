"""Approvals, their votes and their one use (spec D82, D107, S63-S74)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from shared.adapters.postgres.session import Session
from shared.adapters.postgres.trail import Trail
from shared.domain.approvals import LIFE, Approval, Vote, outcome, subject_hash
from shared.domain.errors import Refused
from shared.domain.transitions import APPROVAL

# The database's clock decides: a row past its time reads as expired before the sweep has touched it.
STATUS = """case when status in ('requested', 'approved') and expires_at <= clock_timestamp() then 'expired'
    else status end"""
COLUMNS = ", ".join(f"{STATUS} as status" if f.name == "status" else f.name for f in fields(Approval))
INSERTED = (
    "approval_id action resource_type resource_id project_id subject subject_hash requested_by author_id reason "
    "votes_needed"
).split()
FILTERS = {
    "status": f"({STATUS}) = %(status)s",
    "action": "action = %(action)s",
    "requested_by": "requested_by = %(requested_by)s",
    "waiting_for": """action = any(%(votable)s) and requested_by <> %(waiting_for)s
        and author_id is distinct from %(waiting_for)s
        and not exists (select from approval_votes v where v.tenant_id = approvals.tenant_id
          and v.approval_id = approvals.approval_id and v.voter_id = %(waiting_for)s)""",
    "seen_by": "(requested_by = %(seen_by)s or action = any(%(votable)s))",
}


class Approvals:
    """The Approvals port; triggers in the database hold the rules a second time (S71)."""

    def __init__(self, session: Session, trail: Trail) -> None:
        self._session, self._trail = session, trail

    def request(self, approval: Approval) -> Approval:
        """Insert, audit and publish; raises Refused APPROVAL_STATE_CONFLICT for a living one of the same subject."""
        values = {name: getattr(approval, name) for name in INSERTED} | {"subject": Jsonb(approval.subject)}
        with self._session.transaction():
            self._session.execute(
                "select pg_advisory_xact_lock(hashtextextended('approval' || %(hash)s, 0))", hash=approval.subject_hash
            )
            living = self._session.row(
                f"""select approval_id from approvals where action = %(action)s and subject_hash = %(hash)s
                    and ({STATUS}) in ('requested', 'approved')""",
                action=approval.action,
                hash=approval.subject_hash,
            )
            if living is not None:
                raise Refused("APPROVAL_STATE_CONFLICT", details={"approval_id": living["approval_id"]})
            saved = self._session.first(
                Approval,
                f"""insert into approvals ({", ".join(INSERTED)}, status, expires_at)
                    values ({", ".join(f"%({name})s" for name in INSERTED)}, 'requested',
                      clock_timestamp() + %(life)s) returning {COLUMNS}""",
                **values,
                life=LIFE,
            )
            assert saved is not None
            self._tell("approval.requested", "requested", saved)
        return saved

    def get(self, approval_id: str, *, lock: bool = False) -> Approval:
        """The approval; raises Refused APPROVAL_NOT_FOUND."""
        found = self._find(approval_id, lock=lock)
        if found is None:
            raise Refused("APPROVAL_NOT_FOUND")
        return found

    def list(self, *, filters: Mapping[str, Any], before: str | None, limit: int) -> Sequence[Approval]:
        """Newest first, ids below `before`; `votable` goes with waiting_for and seen_by."""
        where = "".join(f" and {FILTERS[name]}" for name in filters if name != "votable")
        return self._session.all(
            Approval,
            f"""select {COLUMNS} from approvals where (%(before)s::text is null or approval_id < %(before)s) {where}
                order by approval_id desc limit %(limit)s""",
            before=before,
            limit=limit,
            **filters,
        )

    def votes(self, approval_id: str) -> Sequence[Vote]:
        """Votes in the order given."""
        return self._session.all(
            Vote,
            """select approval_id, voter_id, vote, reason, jti, created_at from approval_votes
               where approval_id = %(id)s order by created_at, voter_id""",
            id=approval_id,
        )

    def vote(self, approval: Approval, vote: Vote) -> Approval:
        """Insert the vote and move the approval when the votes decide it."""
        with self._session.transaction():
            _still_requested(approval)
            given = self.votes(approval.approval_id)
            if any(other.voter_id == vote.voter_id for other in given):
                raise Refused("APPROVAL_DUPLICATE_VOTE")
            try:
                self._session.execute(
                    """insert into approval_votes (approval_id, voter_id, vote, reason, jti)
                       values (%(approval_id)s, %(voter_id)s, %(vote)s, %(reason)s, %(jti)s)""",
                    **{name: value for name, value in asdict(vote).items() if name != "created_at"},
                )
            except UniqueViolation as error:
                raise Refused("APPROVAL_DUPLICATE_VOTE") from error
            self._trail.audit(f"approval.vote.{vote.vote}", "approval", approval.approval_id)
            after = outcome([*(other.vote for other in given), vote.vote], approval.votes_needed)
            if after == "requested":
                return self.get(approval.approval_id)
            return self._move(approval, after, event="approval.decided")

    def withdraw(self, approval: Approval, *, reason: str) -> Approval:
        """Move a requested approval to withdrawn."""
        with self._session.transaction():
            _still_requested(approval)
            self._trail.audit("approval.withdraw", "approval", approval.approval_id, changes={"reason": reason})
            return self._move(approval, "withdrawn", event="approval.decided")

    def consume(
        self, approval_id: str | None, action: str, resource_type: str, resource_id: str, subject: Mapping[str, Any]
    ) -> Approval:
        """Use an approved approval once, for exactly this subject, in the caller's transaction (S72, S73)."""
        with self._session.transaction():
            found = self._find(approval_id or "", lock=True)
            about = (action, resource_type, resource_id)
            if found is None or (found.action, found.resource_type, found.resource_id) != about:
                raise Refused("APPROVAL_REQUIRED", details={"action": action})
            if found.status == "executed":
                raise Refused("APPROVAL_STATE_CONFLICT", details={"status": found.status})
            if found.status == "expired":
                raise Refused("APPROVAL_EXPIRED")
            if found.status != "approved":
                raise Refused("APPROVAL_REQUIRED", details={"action": action, "status": found.status})
            if subject_hash(subject) != found.subject_hash:
                raise Refused("APPROVAL_SUBJECT_CHANGED")
            return self._move(found, "executed", event="approval.executed")

    def _find(self, approval_id: str, *, lock: bool) -> Approval | None:
        return self._session.first(
            Approval,
            f"select {COLUMNS} from approvals where approval_id = %(id)s {'for update' if lock else ''}",
            id=approval_id,
        )

    def _move(self, approval: Approval, to: str, *, event: str) -> Approval:
        if to not in APPROVAL[approval.status]:
            raise Refused("APPROVAL_STATE_CONFLICT", details={"status": approval.status})
        saved = self._session.first(
            Approval,
            f"""update approvals set status = %(to)s, updated_at = clock_timestamp(), row_version = row_version + 1,
                  executed_at = case when %(to)s = 'executed' then clock_timestamp() end
                where approval_id = %(id)s and row_version = %(version)s returning {COLUMNS}""",
            to=to,
            id=approval.approval_id,
            version=approval.row_version,
        )
        if saved is None:
            raise Refused("APPROVAL_STATE_CONFLICT")
        self._tell(event, to, saved)
        return saved

    def _tell(self, event: str, status: str, saved: Approval) -> None:
        changes = {"action": saved.action, "resource_id": saved.resource_id, "subject_hash": saved.subject_hash}
        self._trail.audit(f"approval.{status}", "approval", saved.approval_id, changes=changes)
        payload = {"approval_id": saved.approval_id, "action": saved.action, "status": status}
        about = ("approval", saved.approval_id, saved.row_version)
        self._trail.publish(event, about, payload, project_id=saved.project_id)


def _still_requested(approval: Approval) -> None:
    if approval.status == "expired":
        raise Refused("APPROVAL_EXPIRED")
    if approval.status != "requested":
        raise Refused("APPROVAL_STATE_CONFLICT", details={"status": approval.status})
