"""Webhook endpoints, their deliveries and the claim of what is due (spec D79, A136, A137)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool

from shared.adapters.postgres.outbox import envelope
from shared.adapters.postgres.session import Session, translate
from shared.domain.errors import Refused
from shared.domain.webhooks import ROTATION_TIME, Delivery, SendResult, Webhook

LEASE_SECONDS = 60  # six times the longest call; a sender that died frees its rows after that
REPLAY_LIMIT = 10_000
COLUMNS = """endpoint_id, url, event_types, status, dead_in_a_row, previous_until, created_at, updated_at, created_by,
    row_version"""
DELIVERY = """delivery_id, endpoint_id, event_id, event_type, status, replay_of, attempt, http_status, error_code,
    next_at, delivered_at, created_at"""
EVENT = """tenant_id, event_id, event_type, contract_version, aggregate_type, aggregate_id, aggregate_version, producer,
    project_id, run_id, job_id, correlation_id, causation_id, payload, created_at, trace_id"""
CLAIM = """
update webhook_deliveries d set attempt = d.attempt + 1, next_at = clock_timestamp() + %s * interval '1 second'
  from (select w.tenant_id, w.delivery_id from webhook_deliveries w
          join webhook_endpoints e on e.tenant_id = w.tenant_id and e.endpoint_id = w.endpoint_id
         where w.status in ('pending','retrying') and w.next_at <= clock_timestamp()
           and e.status = 'active' and e.deleted_at is null
         order by w.next_at limit %s for update of w skip locked) due
 where d.tenant_id = due.tenant_id and d.delivery_id = due.delivery_id
returning d.tenant_id, d.endpoint_id, d.delivery_id"""


class Webhooks:
    """The Webhooks port."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, webhook: Webhook, *, secret: bytes) -> Webhook:
        """Insert with the sealed secret."""
        saved = self._session.first(
            Webhook,
            f"""insert into webhook_endpoints (endpoint_id, url, event_types, status, secret_ciphertext)
            values (%(endpoint_id)s, %(url)s, %(event_types)s, %(status)s, %(secret)s) returning {COLUMNS}""",
            **asdict(webhook),
            secret=secret,
        )
        assert saved is not None
        return saved

    def get(self, endpoint_id: str, *, lock: bool = False) -> Webhook:
        """The endpoint; raises Refused WEBHOOK_NOT_FOUND."""
        found = self._session.first(
            Webhook,
            f"""select {COLUMNS} from webhook_endpoints where endpoint_id = %(id)s and deleted_at is null
                {"for update" if lock else ""}""",
            id=endpoint_id,
        )
        if found is None:
            raise Refused("WEBHOOK_NOT_FOUND")
        return found

    def list(self, *, filters: Mapping[str, Any], before: str | None, limit: int) -> list[Webhook]:
        """Newest first, ids below `before`; filters by status."""
        return self._session.all(
            Webhook,
            f"""select {COLUMNS} from webhook_endpoints
             where deleted_at is null and (%(before)s::text is null or endpoint_id < %(before)s)
               and (%(status)s::text is null or status = %(status)s)
             order by endpoint_id desc limit %(limit)s""",
            before=before,
            limit=limit,
            status=filters.get("status"),
        )

    def save(self, webhook: Webhook) -> Webhook:
        """Store url, event_types, status and dead_in_a_row; raises Refused VERSION_CONFLICT."""
        saved = self._session.first(
            Webhook,
            f"""update webhook_endpoints set url = %(url)s, event_types = %(event_types)s, status = %(status)s,
                dead_in_a_row = %(dead_in_a_row)s, updated_at = clock_timestamp(), row_version = row_version + 1,
                updated_by = coalesce(nullif(current_setting('app.actor_id', true), ''), 'system')
             where endpoint_id = %(endpoint_id)s and row_version = %(row_version)s returning {COLUMNS}""",
            **asdict(webhook),
        )
        if saved is None:
            raise Refused("VERSION_CONFLICT")
        return saved

    def remove(self, webhook: Webhook) -> None:
        """Mark deleted; its unsent deliveries become dead."""
        self._session.execute(
            """update webhook_endpoints set deleted_at = clock_timestamp(), updated_at = clock_timestamp(),
                row_version = row_version + 1 where endpoint_id = %(id)s""",
            id=webhook.endpoint_id,
        )
        self._session.execute(
            """update webhook_deliveries set status = 'dead', error_code = 'WEBHOOK_NOT_FOUND', next_at = null,
                updated_at = clock_timestamp(), row_version = row_version + 1
             where endpoint_id = %(id)s and status in ('pending','retrying')""",
            id=webhook.endpoint_id,
        )

    def rotate(self, webhook: Webhook, *, secret: bytes) -> Webhook:
        """Set a new sealed secret; the one before signs too for 24 h of database time (A136)."""
        saved = self._session.first(
            Webhook,
            f"""update webhook_endpoints set previous_secret_ciphertext = secret_ciphertext,
                previous_until = clock_timestamp() + %(overlap)s, secret_ciphertext = %(secret)s,
                updated_at = clock_timestamp(), row_version = row_version + 1
             where endpoint_id = %(id)s returning {COLUMNS}""",
            id=webhook.endpoint_id,
            secret=secret,
            overlap=ROTATION_TIME,
        )
        assert saved is not None
        return saved

    def secrets(self, endpoint_id: str) -> Sequence[bytes]:
        """The sealed secrets that sign now, newest first: one, or two during a rotation."""
        row = self._session.row(
            """select secret_ciphertext as new, case when previous_until > clock_timestamp()
                then previous_secret_ciphertext end as old from webhook_endpoints where endpoint_id = %(id)s""",
            id=endpoint_id,
        )
        return [] if row is None else [sealed for sealed in (row["new"], row["old"]) if sealed is not None]

    def matching(self, event_type: str) -> Sequence[str]:
        """Ids of the active endpoints that subscribed to the type."""
        rows = self._session.rows(
            """select endpoint_id from webhook_endpoints
             where deleted_at is null and status = 'active' and %(type)s = any(event_types) order by endpoint_id""",
            type=event_type,
        )
        return [row["endpoint_id"] for row in rows]

    def count_result(self, endpoint_id: str, *, dead: bool) -> int:
        """Count a dead delivery, or start again from 0 after a success; the row version stays, nobody edited it."""
        row = self._session.row(
            """update webhook_endpoints set dead_in_a_row = case when %(dead)s then dead_in_a_row + 1 else 0 end
             where endpoint_id = %(id)s returning dead_in_a_row""",
            id=endpoint_id,
            dead=dead,
        )
        return int(row["dead_in_a_row"]) if row else 0


class WebhookDeliveries:
    """The WebhookDeliveries port."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, delivery: Delivery) -> bool:
        """Insert, due at once; False when this endpoint has the event already (not for replays)."""
        return (
            self._session.execute(
                """insert into webhook_deliveries (delivery_id, endpoint_id, event_id, event_type, status, replay_of,
                    next_at)
                values (%(delivery_id)s, %(endpoint_id)s, %(event_id)s, %(event_type)s, 'pending', %(replay_of)s,
                    clock_timestamp())
                on conflict (tenant_id, endpoint_id, event_id) where replay_of is null do nothing""",
                delivery_id=delivery.delivery_id,
                endpoint_id=delivery.endpoint_id,
                event_id=delivery.event_id,
                event_type=delivery.event_type,
                replay_of=delivery.replay_of,
            )
            == 1
        )

    def get(self, endpoint_id: str, delivery_id: str, *, lock: bool = False) -> Delivery:
        """The delivery of this endpoint; raises Refused WEBHOOK_NOT_FOUND."""
        found = self._session.first(
            Delivery,
            f"""select {DELIVERY} from webhook_deliveries where endpoint_id = %(endpoint)s and delivery_id = %(id)s
                {"for update" if lock else ""}""",
            endpoint=endpoint_id,
            id=delivery_id,
        )
        if found is None:
            raise Refused("WEBHOOK_NOT_FOUND")
        return found

    def list(
        self, endpoint_id: str, *, filters: Mapping[str, Any], before: str | None, limit: int
    ) -> Sequence[Delivery]:
        """Newest first, ids below `before`; filters by status and event_type."""
        return self._session.all(
            Delivery,
            f"""select {DELIVERY} from webhook_deliveries
             where endpoint_id = %(id)s and (%(before)s::text is null or delivery_id < %(before)s)
               and (%(status)s::text is null or status = %(status)s)
               and (%(type)s::text is null or event_type = %(type)s)
             order by delivery_id desc limit %(limit)s""",
            id=endpoint_id,
            before=before,
            limit=limit,
            status=filters.get("status"),
            type=filters.get("event_type"),
        )

    def event(self, event_id: str) -> dict[str, Any]:
        """The envelope (A135) as the bus had it; raises Refused WEBHOOK_NOT_FOUND when it is kept no longer."""
        row = self._session.row(f"select {EVENT} from outbox_events where event_id = %(id)s", id=event_id)
        if row is None:
            raise Refused("WEBHOOK_NOT_FOUND", "the event is not kept any more")
        return envelope(row)

    def events(self, types: Sequence[str], *, since: datetime, until: datetime) -> Sequence[tuple[str, str]]:
        """(event id, type) of what happened in the span, oldest first, at most 10,000."""
        rows = self._session.rows(
            """select event_id, event_type from outbox_events
             where event_type = any(%(types)s) and created_at >= %(since)s and created_at < %(until)s
             order by event_id limit %(limit)s""",
            types=list(types),
            since=since,
            until=until,
            limit=REPLAY_LIMIT,
        )
        return [(row["event_id"], row["event_type"]) for row in rows]

    def settle(self, delivery: Delivery, result: SendResult) -> bool:
        """Store what this attempt came to; False when a later attempt owns the row."""
        return (
            self._session.execute(
                """update webhook_deliveries set status = %(status)s, http_status = %(http)s, error_code = %(code)s,
                    next_at = case when %(status)s = 'retrying'
                        then clock_timestamp() + %(delay)s * interval '1 second' end,
                    delivered_at = case when %(status)s = 'delivered' then clock_timestamp() end,
                    updated_at = clock_timestamp(), row_version = row_version + 1
                 where delivery_id = %(id)s and attempt = %(attempt)s and status in ('pending','retrying')""",
                id=delivery.delivery_id,
                attempt=delivery.attempt,
                status=result.status,
                http=result.http_status,
                code=result.error_code,
                delay=result.delay_seconds,
            )
            == 1
        )


class PostgresWebhookQueue:
    """The WebhookQueue port, as the role bidproof_sweep."""

    def __init__(self, pool: ConnectionPool[psycopg.Connection[Any]]) -> None:
        self._pool = pool

    def claim(self, *, limit: int) -> Sequence[tuple[str, str, str]]:
        """Raise the attempt of due deliveries, lease them for 60 s and return (tenant, endpoint, delivery) ids."""
        try:
            with self._pool.connection() as connection:
                found = connection.execute(CLAIM, (LEASE_SECONDS, limit)).fetchall()
        except psycopg.Error as error:
            raise translate(error) from error
        return [(row[0], row[1], row[2]) for row in found]
