"""A receiver that notes what it gets, and the steps of a webhook on a real database, for tests."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.local.postgres import Databases
from shared.adapters.postgres.records import PostgresRecords
from shared.adapters.postgres.webhooks import PostgresWebhookQueue
from shared.adapters.system import AesVault
from shared.domain.errors import CodedError
from shared.domain.webhooks import Delivery
from shared.usecases.create_webhook import CreatedWebhook, CreateWebhook, create_webhook
from shared.usecases.deliver_webhook import DeliverWebhook, deliver_webhook
from shared.usecases.send_due_webhooks import SendDueWebhooks, send_due_webhooks
from tests.records import clock, ids, make_records, pool

vault = AesVault(b"v" * 32)


@dataclass
class Receiver:
    """Answers with the status given, or raises the error given; `got` holds (headers, body)."""

    url: str
    answer: int | CodedError = 200
    got: list[tuple[Mapping[str, str], bytes]] = field(default_factory=list)

    def __call__(self, url: str, *, headers: Mapping[str, str], body: bytes) -> int:
        if url != self.url:
            return 200  # another test's row of this worker's database
        self.got.append((headers, body))
        if isinstance(self.answer, CodedError):
            raise self.answer
        return self.answer


def new_webhook(records: PostgresRecords, *types: str) -> tuple[CreatedWebhook, Receiver]:
    """An endpoint for the types and its receiver, whose address is its own."""
    url = f"https://receiver.example/{ids.new('req')}"
    command = CreateWebhook(url=url, event_types=types or ("job.queued",))
    return create_webhook(command, records=records, ids=ids, vault=vault), Receiver(url)


def tell(records: PostgresRecords, kind: str = "job.queued", *, times: int = 1) -> str:
    """Publish an event, let the consumer have it so many times, and return its id."""
    event_id = records.trail.publish(kind, ("job", "job_x", 1), {"status": "queued"})
    event = records.webhook_deliveries.event(event_id)
    for _ in range(times):
        deliver_webhook(DeliverWebhook(event=event), records=records, ids=ids)
    return event_id


def send(databases: Databases, receiver: Receiver, time_left: Callable[[], float] = lambda: 60.0) -> int:
    """Send what is due, as the schedule does; return the attempts."""
    return send_due_webhooks(
        SendDueWebhooks(),
        webhook_queue=PostgresWebhookQueue(pool(databases.sweep_url)),
        records_of=lambda tenant: make_records(databases, tenant),
        vault=vault,
        clock=clock,
        post_webhook=receiver,
        time_left=time_left,
    ).attempts


def deliveries(records: PostgresRecords, made: CreatedWebhook, **filters: Any) -> list[Delivery]:
    """Newest first."""
    return list(records.webhook_deliveries.list(made.webhook.endpoint_id, filters=filters, before=None, limit=100))


def make_due(records: PostgresRecords) -> None:
    """Move time: what waits is due now."""
    records.session.execute("update webhook_deliveries set next_at = clock_timestamp() where next_at is not null")
