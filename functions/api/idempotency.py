"""Idempotency keys around an endpoint: the key row is the first insert of its transaction (spec A11-A14)."""

import json
from collections.abc import Callable
from datetime import timedelta

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
            headers = {**known["body"]["headers"], "Idempotency-Replayed": "true"}
            return json_response(known["body"]["body"], status=known["status"], headers=headers)
        made = act()
        body = json.loads(to_json(made.body(caller.meta)))
        records.idempotency.finish(caller.key, status=made.status, body={"headers": made.headers, "body": body})
    return json_response(body, status=made.status, headers=made.headers)
