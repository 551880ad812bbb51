"""Change, pause, resume or delete a webhook endpoint (spec A125)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from shared.domain.errors import Refused
from shared.domain.project_rows import check_row_version
from shared.domain.webhooks import EVENT_TYPES, Webhook, check_target
from shared.ports.records import Records

PATCHABLE = frozenset({"url", "event_types", "status"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeWebhook:
    """`patch` is a merge patch of PATCHABLE (status: active or paused); `delete` removes the endpoint instead."""

    endpoint_id: str
    patch: Mapping[str, Any] | None = None
    delete: bool = False
    expected_row_version: int | None = None


def change_webhook(command: ChangeWebhook, *, records: Records) -> Webhook:
    """Save the change with its audit entry; `active` also ends a disabling and counts dead deliveries from 0.

    Raises Refused WEBHOOK_NOT_FOUND, WEBHOOK_URL_FORBIDDEN, REQ_PRECONDITION_FAILED or REQ_VALIDATION_FAILED."""
    patch = dict(command.patch or {})
    _check(patch)
    with records.transaction():
        webhook = records.webhooks.get(command.endpoint_id, lock=True)
        check_row_version(webhook.row_version, command.expected_row_version)
        if command.delete:
            records.webhooks.remove(webhook)
            records.trail.audit("webhook.deleted", "webhook", webhook.endpoint_id)
            return webhook
        if patch.get("status") == "active":
            patch["dead_in_a_row"] = 0
        saved = records.webhooks.save(replace(webhook, **patch))
        records.trail.audit("webhook.changed", "webhook", webhook.endpoint_id, changes=dict(command.patch or {}))
    return saved


def _check(patch: dict[str, Any]) -> None:
    unknown = sorted(patch.keys() - PATCHABLE)
    types = patch.get("event_types", ["job.queued"])
    if unknown or not types or set(types) - EVENT_TYPES or patch.get("status", "active") not in ("active", "paused"):
        raise Refused("REQ_VALIDATION_FAILED", details={"fields": unknown or sorted(patch)})
    if "event_types" in patch:
        patch["event_types"] = sorted(set(types))
    if "url" in patch:
        check_target(patch["url"])
