"""A domain event through relay, bus, consumer and schedule to a receiver over real HTTPS (spec A136, W99)."""

import json
import time
from pathlib import Path

from infra.local.postgres import Databases
from shared.adapters.webhook_sender import WebhookSender
from shared.domain.webhooks import Delivery
from shared.usecases.create_webhook import CreateWebhook, create_webhook
from shared.wiring import Services
from tests.https_receiver import HOST, https_receiver
from tests.product import running_product


def test_what_a_tenant_publishes_reaches_its_receiver(own_databases: Databases, tmp_path: Path) -> None:
    with https_receiver(tmp_path) as receiver:
        loopback = WebhookSender(
            resolver=lambda host: ["127.0.0.1"],
            allowed=lambda address: address == "127.0.0.1",
            context=receiver.context,
            port=receiver.port,
        )

        def call_loopback(made: Services) -> None:
            """The sender of the process is one that may call loopback."""
            vars(made)["post_webhook"] = loopback

        with running_product(own_databases, tmp_path / "data", call_loopback) as product:
            made = product.run(
                create_webhook, CreateWebhook(url=f"https://{HOST}/200", event_types=["document.failed"])
            )
            records = product.parts().records
            event_id = records.trail.publish("document.failed", ("document", "doc_x", 1), {"status": "x"})
            end = time.monotonic() + 30
            found: list[Delivery] = []
            while not (found and found[0].status == "delivered") and time.monotonic() < end:
                found = list(
                    records.webhook_deliveries.list(made.webhook.endpoint_id, filters={}, before=None, limit=9)
                )
                time.sleep(0.1)
            assert [(d.event_id, d.status, d.attempt) for d in found] == [(event_id, "delivered", 1)]
            assert [json.loads(body)["event_id"] for _, _, _, body in receiver.seen] == [event_id]
