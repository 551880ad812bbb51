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
        self._session.execute(
            "delete from idempotency_keys where key = %(key)s and expires_at < clock_timestamp()", key=key
        )
        try:
            inserted = self._session.row(
                """
                with bounded as (select set_config('lock_timeout', '2s', true))
                insert into idempotency_keys (key, actor_id, route, fingerprint, expires_at)
                select %(key)s, %(actor_id)s, %(route)s, %(fingerprint)s, %(expires_at)s from bounded
                on conflict (tenant_id, key) do nothing returning key""",
                key=key,
                actor_id=actor_id,
                route=route,
                fingerprint=fingerprint,
                expires_at=expires_at,
            )
        except errors.LockNotAvailable as error:
            raise Retryable("IDEMPOTENCY_IN_PROGRESS", details={"retry_after": 1}) from error
        if inserted is not None:
            self._session.execute("select set_config('lock_timeout', '0', true)")
            return None
        known = self._session.row(
            "select fingerprint, response_status, response_body from idempotency_keys where key = %(key)s", key=key
        )
        if known is None or known["response_status"] is None:
            raise Retryable("IDEMPOTENCY_IN_PROGRESS", details={"retry_after": 1})
        if known["fingerprint"] != fingerprint:
            raise Refused("IDEMPOTENCY_CONFLICT")
        return {"status": known["response_status"], "body": known["response_body"]}

    def finish(self, key: str, *, status: int, body: Mapping[str, Any]) -> None:
        """Store the answer in the same transaction."""
        self._session.execute(
            "update idempotency_keys set response_status = %(status)s, response_body = %(body)s where key = %(key)s",
            key=key,
            status=status,
            body=Jsonb(dict(body)),
        )
