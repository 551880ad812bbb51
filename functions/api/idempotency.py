"""Idempotency keys around an endpoint: the key row is the first insert of its transaction (spec A11-A14)."""

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from fastapi import Response

from functions.api.answers import Answer, json_response, to_json
from functions.api.caller import Caller

LIFE = timedelta(hours=24)


def answer_once(caller: Caller, act: Callable[[], Answer]) -> Response:
    """Run the endpoint, or replay what the same call answered before.

    The outer transaction joins that of the use case, so a refused call leaves no key. Raises Refused
    IDEMPOTENCY_CONFLICT and Retryable IDEMPOTENCY_IN_PROGRESS."""
    if caller.key is None:
        made = act()
        return json_response(made.body(caller.meta), status=made.status, headers=made.headers)
    records = caller.records
    with records.transaction():
        known = records.idempotency.begin(
            caller.key,
            actor_id=caller.actor.actor_id,
            route=f"{caller.method} {caller.route}",
            fingerprint=caller.fingerprint(),
            expires_at=caller.parts.clock.now() + LIFE,
        )
        if known is not None:
            stored = _opened(caller, known["body"])
            headers = {**stored["headers"], "Idempotency-Replayed": "true"}
            return json_response(stored["body"], status=known["status"], headers=headers)
        made = act()
        body = json.loads(to_json(made.body(caller.meta)))
        stored = {"headers": made.headers, "body": body}
        kept = _sealed(caller, stored) if made.secret else stored
        records.idempotency.finish(caller.key, status=made.status, body=kept)
    return json_response(body, status=made.status, headers=made.headers)


def _sealed(caller: Caller, stored: Mapping[str, Any]) -> dict[str, str]:
    """An answer that holds a secret rests encrypted, bound to tenant and key (S97); a replay shows it again."""
    text = to_json(stored).decode()
    return {"sealed": caller.parts.vault.encrypt(text, context=_context(caller)).hex()}


def _opened(caller: Caller, stored: Mapping[str, Any]) -> dict[str, Any]:
    if "sealed" not in stored:
        return dict(stored)
    opened: dict[str, Any] = json.loads(
        caller.parts.vault.decrypt(bytes.fromhex(stored["sealed"]), context=_context(caller))
    )
    return opened


def _context(caller: Caller) -> dict[str, str]:
    return {"tenant_id": caller.actor.tenant_id, "purpose": "idempotent-answer", "row_id": str(caller.key)}
