"""Call the receivers of due deliveries and note what came of it (spec A136, A137)."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

from shared.domain.errors import CodedError
from shared.domain.webhooks import (
    DEAD_TO_DISABLE,
    SECRET_PURPOSE,
    SEND_SECONDS,
    Delivery,
    SendResult,
    result_of,
    signature_header,
)
from shared.ports.platform import Clock, Vault
from shared.ports.records import Records
from shared.ports.webhook_records import WebhookPost, WebhookQueue

PORTION = 8  # calls at once; all of them end within the 10 s of A137
TURN_SECONDS = 2.0  # after a slow portion other schedules have their turn; what is due comes again in a second


@dataclass(frozen=True, slots=True, kw_only=True)
class SendDueWebhooks:
    """Nothing to say: the rows tell what is due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentWebhooks:
    """How many attempts were made."""

    attempts: int


def send_due_webhooks(
    command: SendDueWebhooks,
    *,
    webhook_queue: WebhookQueue,
    records_of: Callable[[str], Records],
    vault: Vault,
    clock: Clock,
    post_webhook: WebhookPost,
    time_left: Callable[[], float],
) -> SentWebhooks:
    """Claim and send portions until nothing is due, one was slow, or the time of one more is not left."""
    attempts, turn_ends = 0, max(time_left() - TURN_SECONDS, 2 * SEND_SECONDS)
    with ThreadPoolExecutor(max_workers=PORTION) as threads:
        while time_left() > turn_ends and (claimed := webhook_queue.claim(limit=PORTION)):
            send = partial(_send, records_of=records_of, vault=vault, clock=clock, post_webhook=post_webhook)
            list(threads.map(send, claimed))
            attempts += len(claimed)
    return SentWebhooks(attempts=attempts)


def _send(
    claimed: tuple[str, str, str],
    *,
    records_of: Callable[[str], Records],
    vault: Vault,
    clock: Clock,
    post_webhook: WebhookPost,
) -> None:
    """One attempt. No transaction is open during the call; a result that comes after the lease changes nothing."""
    tenant_id, endpoint_id, delivery_id = claimed
    records = records_of(tenant_id)
    delivery = records.webhook_deliveries.get(endpoint_id, delivery_id)
    status, code = None, None
    try:
        status = _attempt(delivery, records=records, vault=vault, clock=clock, post_webhook=post_webhook)
    except CodedError as error:
        code = error.code
    result = result_of(delivery.attempt, http_status=status, error_code=code)
    with records.transaction():
        if records.webhook_deliveries.settle(delivery, result):
            _count(records, delivery, result)


def _attempt(delivery: Delivery, *, records: Records, vault: Vault, clock: Clock, post_webhook: WebhookPost) -> int:
    webhook = records.webhooks.get(delivery.endpoint_id)
    event = records.webhook_deliveries.event(delivery.event_id)
    place = {"tenant_id": records.actor.tenant_id, "purpose": SECRET_PURPOSE, "row_id": webhook.endpoint_id}
    secrets = [vault.decrypt(sealed, context=place) for sealed in records.webhooks.secrets(webhook.endpoint_id)]
    body = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Bidproof-Webhooks/1",
        "Bidproof-Event-Id": delivery.event_id,
        "Bidproof-Delivery-Id": delivery.delivery_id,
        "Bidproof-Signature": signature_header(secrets, int(clock.now().timestamp()), body),
    }
    return post_webhook(webhook.url, headers=headers, body=body)


def _count(records: Records, delivery: Delivery, result: SendResult) -> None:
    """A success starts the count again; 50 dead ones in a row disable the endpoint and raise an alert (A137)."""
    if result.status == "retrying":
        return
    dead = result.status == "dead"
    if records.webhooks.count_result(delivery.endpoint_id, dead=dead) < DEAD_TO_DISABLE or not dead:
        return
    webhook = records.webhooks.get(delivery.endpoint_id, lock=True)
    if webhook.status == "disabled":
        return
    saved = records.webhooks.save(replace(webhook, status="disabled"))
    about = {"dead_in_a_row": saved.dead_in_a_row, "error_code": result.error_code}
    records.trail.audit("webhook.disabled", "webhook", saved.endpoint_id, changes=about)
    seen = ("webhook", saved.endpoint_id, saved.row_version)
    records.trail.alert("webhook_disabled", seen, {"endpoint_id": saved.endpoint_id}, severity="warning")
