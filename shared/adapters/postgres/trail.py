"""Audit chain, outbox and run events, written in the transaction of the change (spec D4, S84)."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

import psycopg
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from psycopg.pq import ExecStatus
from psycopg.types.json import Jsonb

from shared.adapters.postgres.session import COMMIT, Session
from shared.domain.canonical_json import canonical, digest
from shared.domain.errors import Retryable
from shared.domain.events import check_run_event, producer_of
from shared.ports.platform import Clock, Ids

KEY_VERSION = 1


def tenant_audit_key(master: bytes, tenant_id: str) -> bytes:
    """K of spec 07 section 7: HKDF-SHA256 of the audit master key with the tenant id as info."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"audit|{tenant_id}".encode()).derive(master)


def chain_hash(key: bytes, previous: str, entry: Mapping[str, Any]) -> str:
    """HMAC-SHA256(K, previous hash || canonical entry), in hex."""
    return hmac.new(key, previous.encode() + canonical(entry), hashlib.sha256).hexdigest()


def _is_done(cursor: psycopg.Cursor[Any]) -> bool:
    """Whether the server has run the statement; one behind a refused one is skipped."""
    return cursor.pgresult is not None and cursor.pgresult.status == ExecStatus.TUPLES_OK


class Trail:
    """The Trail port; audit entries are appended when the transaction is about to commit."""

    def __init__(self, session: Session, *, clock: Clock, ids: Ids, audit_key: bytes) -> None:
        self._session = session
        self._clock, self._ids = clock, ids
        self._key = tenant_audit_key(audit_key, session.actor.tenant_id)

    def audit(
        self,
        action: str,
        resource_type: str,
        resource_id: str,
        *,
        result: str = "done",
        changes: Mapping[str, Any] | None = None,
    ) -> None:
        """One entry of the tenant's chain; opens a transaction of its own when none is open (denied actions)."""
        actor = self._session.actor
        entry = {
            "audit_id": self._ids.new("aud"),
            "occurred_at": self._clock.now().isoformat(),
            "actor_id": actor.actor_id,
            "actor_kind": actor.kind,
            "actor_role": ",".join(sorted(actor.roles)),
            "action": action,
            "resource_type": resource_type,
            "resource_id": resource_id,
            "result": result,
            "request_id": actor.request_id,
            "trace_id": actor.trace_id,
            "changes": dict(changes or {}),
            "changes_hash": digest(dict(changes or {})),
            "key_version": KEY_VERSION,
        }
        with self._session.transaction():
            if not self._session.audit_entries:
                self._session.commit_by(self._append)
            self._session.audit_entries.append(entry)

    def _append(self) -> None:
        """Append all entries and commit. Raises Retryable AUDIT_APPEND_FAILED when the log refuses, so that the change
        is rolled back (S84, F27); a database that is out, what our own functions raise and what only the commit found
        keep their names."""
        appends: list[psycopg.Cursor[Any]] = []
        try:
            self._append_entries(appends)
        except psycopg.Error as error:
            appended = len(appends) == len(self._session.audit_entries) and all(map(_is_done, appends))
            ours = (error.sqlstate or "").startswith("BP")
            if appended or ours or isinstance(error, psycopg.OperationalError):
                raise
            raise Retryable("AUDIT_APPEND_FAILED", "the audit log did not accept the entry") from error

    def _append_entries(self, appends: list[psycopg.Cursor[Any]]) -> None:
        """Lock the head once and send all entries with the commit in one go: every other transaction of the tenant
        waits for the head, so nothing is asked while it is held. A refused entry leaves the commit unsaid."""
        head = self._session.row("select seq, hash from audit_lock_head()")
        assert head is not None
        with self._session.connection() as connection, connection.pipeline():
            for entry in self._session.audit_entries:
                numbered = {**entry, "seq": head["seq"] + 1}
                link = chain_hash(self._key, head["hash"], numbered)
                values = (numbered["seq"], Jsonb(numbered), head["hash"], link)
                appends.append(connection.execute("select audit_append(%s, %s, %s, %s)", values))
                head = {"seq": numbered["seq"], "hash": link}
            connection.execute(COMMIT)

    def publish(
        self,
        event_type: str,
        aggregate: tuple[str, str, int],
        payload: Mapping[str, Any],
        *,
        project_id: str | None = None,
        run_id: str | None = None,
        job_id: str | None = None,
    ) -> str:
        """Append an outbox event for (type, id, version) and return its id; ValueError for an unregistered type."""
        producer, event_id = producer_of(event_type), self._ids.new("evt")
        self._session.published = True
        self._session.execute(
            """
            insert into outbox_events (event_id, event_type, aggregate_type, aggregate_id, aggregate_version, producer,
                project_id, run_id, job_id, correlation_id, payload)
            values (%(event_id)s, %(event_type)s, %(kind)s, %(id)s, %(version)s, %(producer)s, %(project_id)s,
                %(run_id)s, %(job_id)s, %(correlation)s, %(payload)s)""",
            event_id=event_id,
            event_type=event_type,
            kind=aggregate[0],
            id=aggregate[1],
            version=aggregate[2],
            producer=producer,
            project_id=project_id,
            run_id=run_id,
            job_id=job_id,
            correlation=job_id or aggregate[1],
            payload=Jsonb(dict(payload)),
        )
        return event_id

    def run_event(self, run_id: str, event_type: str, *, stage: str | None, payload: Mapping[str, Any]) -> int:
        """Append to the run's gapless stream; the row lock on the run keeps the numbers in commit order.

        ValueError for an unregistered type."""
        check_run_event(event_type)
        found = self._session.row(
            """
            with numbered as (update runs set last_seq = last_seq + 1 where run_id = %(run_id)s returning last_seq)
            insert into run_events (run_id, seq, event_type, stage, payload, occurred_at)
            select %(run_id)s, last_seq, %(event_type)s, %(stage)s, %(payload)s, %(now)s from numbered returning seq""",
            run_id=run_id,
            event_type=event_type,
            stage=stage,
            payload=Jsonb(dict(payload)),
            now=self._clock.now(),
        )
        assert found is not None, f"run {run_id} is gone"
        return int(found["seq"])

    def consume(self, event_id: str, consumer: str) -> bool:
        """Note the event as consumed; False when this consumer had it already (W99).

        First statement of the transaction of the effect: a second delivery waits here for the end of the first one."""
        return (
            self._session.execute(
                """insert into consumed_events (event_id, consumer, result) values (%(event_id)s, %(consumer)s, '{}')
                on conflict do nothing""",
                event_id=event_id,
                consumer=consumer,
            )
            == 1
        )

    def alert(
        self,
        kind: str,
        aggregate: tuple[str, str, int],
        about: Mapping[str, Any],
        *,
        severity: str = "critical",
        project_id: str | None = None,
    ) -> None:
        """Publish alert.raised: something that people must look at; `severity` is warning or critical."""
        payload = {"kind": kind, "severity": severity, **about}
        self.publish("alert.raised", aggregate, payload, project_id=project_id)

    def published(self, event_id: str) -> Mapping[str, Any] | None:
        """What the tenant published under the id: type, aggregate, job and payload; None for another's (W101)."""
        return self._session.row(
            """select event_type, aggregate_type, aggregate_id, job_id, payload from outbox_events
               where event_id = %(event_id)s""",
            event_id=event_id,
        )
