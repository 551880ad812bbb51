"""Webhook endpoints and their deliveries (spec A125, A126)."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from functions.api.answers import Answer, accepted, created, view
from functions.api.caller import Asking
from functions.api.fields import DeliveryId, Input, Time, WebhookId
from functions.api.paging import Cursor, Limit, given, page
from functions.api.routing import new_router, route
from shared.domain.webhooks import Delivery, Webhook
from shared.usecases.change_webhook import ChangeWebhook, change_webhook
from shared.usecases.create_webhook import CreateWebhook, create_webhook
from shared.usecases.replay_webhook import ReplayedWebhook, ReplayWebhook, replay_webhook
from shared.usecases.rotate_webhook_secret import RotateWebhookSecret, rotate_webhook_secret

router = new_router()
Url = Annotated[str, StringConstraints(min_length=9, max_length=2000)]
EventTypes = Annotated[
    list[Annotated[str, StringConstraints(pattern=r"^[a-z_]+(\.[a-z_]+)+$", max_length=60)]],
    Field(min_length=1, max_length=64),
]
FOUND = ("WEBHOOK_NOT_FOUND",)
AGAIN = (*FOUND, "WF_STATE_TRANSITION_INVALID")
Status = Literal["pending", "delivered", "retrying", "dead"]


class NewWebhook(Input):
    """A receiver to register."""

    url: Url
    event_types: EventTypes


class WebhookPatch(Input):
    """A merge patch: what is not sent stays; `active` ends a pause or a disabling."""

    url: Url = "https://"
    event_types: EventTypes = Field(default_factory=list)
    status: Literal["active", "paused"] = "active"


class Span(Input):
    """What to send again: types the endpoint subscribed to, from `from` to `to` (at most 7 days within 30)."""

    event_types: EventTypes
    since: Time = Field(alias="from")
    until: Time = Field(alias="to")


def _with_secret(webhook: Webhook, secret: str) -> dict[str, Any]:
    return view(webhook, secret=secret)


@route(
    router,
    "POST",
    "/webhooks",
    "webhook.write",
    shows=dict[str, Any],
    status=201,
    keyed=True,
    errors=("WEBHOOK_URL_FORBIDDEN",),
)
def post_webhook(caller: Asking, body: NewWebhook) -> Answer:
    """Register a receiver; the answer is the only one that shows its secret."""
    made = caller.run(create_webhook, CreateWebhook(**body.filled()))
    place = f"/api/v1/webhooks/{made.webhook.endpoint_id}"
    return created(_with_secret(made.webhook, made.secret), location=place, etag=made.webhook.row_version).sealed()


@route(router, "GET", "/webhooks", "webhook.read", lists=Webhook, errors=("REQ_CURSOR_INVALID",))
def get_webhooks(
    caller: Asking,
    status: Literal["active", "paused", "disabled"] | None = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Answer:
    """Endpoints, newest first, without their secrets."""
    filters = given(status=status)
    return page(
        caller,
        lambda before, count: caller.records.webhooks.list(filters=filters, before=before, limit=count),
        filters=filters,
        key="endpoint_id",
        limit=limit,
        cursor=cursor,
    )


@route(
    router,
    "PATCH",
    "/webhooks/{webhook_id}",
    "webhook.write",
    shows=Webhook,
    match=True,
    errors=(*FOUND, "WEBHOOK_URL_FORBIDDEN"),
)
def patch_webhook(caller: Asking, webhook_id: WebhookId, body: WebhookPatch) -> Answer:
    """Change target, event types or status."""
    command = ChangeWebhook(endpoint_id=webhook_id, patch=body.sent(), expected_row_version=caller.if_match)
    webhook = caller.run(change_webhook, command)
    return Answer(data=webhook, etag=webhook.row_version)


@route(router, "DELETE", "/webhooks/{webhook_id}", "webhook.write", shows=Webhook, match=True, errors=FOUND)
def delete_webhook(caller: Asking, webhook_id: WebhookId) -> Answer:
    """Delete the endpoint; what was not sent yet is dead."""
    command = ChangeWebhook(endpoint_id=webhook_id, delete=True, expected_row_version=caller.if_match)
    return Answer(data=caller.run(change_webhook, command), message="deleted")


@route(
    router,
    "POST",
    "/webhooks/{webhook_id}/rotate-secret",
    "webhook.write",
    shows=dict[str, Any],
    keyed=True,
    errors=FOUND,
)
def post_webhook_rotation(caller: Asking, webhook_id: WebhookId) -> Answer:
    """A new secret, shown this once; both sign until `previous_until`."""
    made = caller.run(rotate_webhook_secret, RotateWebhookSecret(endpoint_id=webhook_id))
    return Answer(data=_with_secret(made.webhook, made.secret), etag=made.webhook.row_version).sealed()


def _again(caller: Asking, command: ReplayWebhook) -> Answer:
    noted = caller.run(replay_webhook, command)
    return accepted(noted, location=f"/api/v1/webhooks/{command.endpoint_id}/deliveries")


@route(
    router,
    "POST",
    "/webhooks/{webhook_id}/test",
    "webhook.write",
    shows=ReplayedWebhook,
    status=202,
    keyed=True,
    errors=AGAIN,
)
def post_webhook_test(caller: Asking, webhook_id: WebhookId) -> Answer:
    """Send a `webhook.tested` event to this endpoint."""
    return _again(caller, ReplayWebhook(endpoint_id=webhook_id))


@route(
    router,
    "GET",
    "/webhooks/{webhook_id}/deliveries",
    "webhook.deliveries",
    lists=Delivery,
    errors=(*FOUND, "REQ_CURSOR_INVALID"),
)
def get_webhook_deliveries(
    caller: Asking, webhook_id: WebhookId, status: Status | None = None, limit: Limit = 20, cursor: Cursor = None
) -> Answer:
    """Deliveries, newest first."""
    caller.records.webhooks.get(webhook_id)
    filters = given(status=status)
    return page(
        caller,
        lambda before, count: caller.records.webhook_deliveries.list(
            webhook_id, filters=filters, before=before, limit=count
        ),
        filters=filters,
        key="delivery_id",
        limit=limit,
        cursor=cursor,
    )


@route(
    router,
    "POST",
    "/webhooks/{webhook_id}/deliveries/{delivery_id}/replay",
    "webhook.write",
    shows=ReplayedWebhook,
    status=202,
    keyed=True,
    errors=AGAIN,
)
def post_webhook_delivery_replay(caller: Asking, webhook_id: WebhookId, delivery_id: DeliveryId) -> Answer:
    """Send one event again: same event id, new delivery id."""
    return _again(caller, ReplayWebhook(endpoint_id=webhook_id, delivery_id=delivery_id))


@route(
    router,
    "POST",
    "/webhooks/{webhook_id}/replay",
    "webhook.write",
    shows=ReplayedWebhook,
    status=202,
    keyed=True,
    errors=AGAIN,
)
def post_webhook_replay(caller: Asking, webhook_id: WebhookId, body: Span) -> Answer:
    """Send again what happened in a time span."""
    return _again(caller, ReplayWebhook(endpoint_id=webhook_id, **body.filled()))
