"""Idempotency keys: the first insert of the business transaction (spec A11-A13)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from psycopg import errors
from psycopg.types.json import Jsonb

from shared.adapters.postgres.session import Session
from shared.domain.errors import Refused, Retryable


class Idempotency:
    """The Idempotency port. A parallel call with the same key waits on the unique index for at most 2 s."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def begin(
        self, key: str, *, actor_id: str, route: str, fingerprint: str, expires_at: datetime
    ) -> dict[str, Any] | None:
        """None: the key is ours, go on. A dict with status and body: replay that answer.

        Raises Refused IDEMPOTENCY_CONFLICT for another fingerprint, Retryable IDEMPOTENCY_IN_PROGRESS after 2 s."""
        for _ in range(2):
            if self._insert(key, actor_id, route, fingerprint, expires_at):
                return None
            known = self._session.row(
                """select fingerprint, response_status as status, response_body as body,
                     expires_at < clock_timestamp() as expired
                   from idempotency_keys where key = %(key)s""",
                key=key,
            )
            if known is None or not known["expired"]:
                break
            self._session.execute("delete from idempotency_keys where key = %(key)s", key=key)
        if known is None or known["status"] is None:
            raise Retryable("IDEMPOTENCY_IN_PROGRESS", details={"retry_after": 1})
        if known["fingerprint"] != fingerprint:
            raise Refused("IDEMPOTENCY_CONFLICT")
        return {"status": known["status"], "body": known["body"]}

    def _insert(self, key: str, actor_id: str, route: str, fingerprint: str, expires_at: datetime) -> bool:
        """True when the key is new; a call that holds it is waited for, and so is every later lock, for at most 2 s."""
        try:
            inserted = self._session.execute(
                """
                with bounded as (select set_config('lock_timeout', '2s', true))
                insert into idempotency_keys (key, actor_id, route, fingerprint, expires_at)
                select %(key)s, %(actor_id)s, %(route)s, %(fingerprint)s, %(expires_at)s from bounded
                on conflict (tenant_id, key) do nothing""",
                key=key,
                actor_id=actor_id,
                route=route,
                fingerprint=fingerprint,
                expires_at=expires_at,
            )
        except errors.LockNotAvailable as error:
            raise Retryable("IDEMPOTENCY_IN_PROGRESS", details={"retry_after": 1}) from error
        return inserted == 1

    def finish(self, key: str, *, status: int, body: Mapping[str, Any]) -> None:
        """Store the answer in the same transaction."""
        self._session.execute(
            "update idempotency_keys set response_status = %(status)s, response_body = %(body)s where key = %(key)s",
            key=key,
            status=status,
            body=Jsonb(dict(body)),
        )
