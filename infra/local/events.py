"""What the event bus, the queues and the scheduler of AWS would call here: three small tables."""

from collections.abc import Mapping
from typing import Any

from shared.domain.jobs import TASK_TYPES
from shared.domain.webhooks import EVENT_TYPES

QUEUES = {
    "work-interactive": "start_work",
    "work-standard": "start_work",
    "work-bulk": "start_work",
    "deliver-wait": "deliver_wait",
    "stop-execution": "stop_execution",
    "deliver-webhook": "deliver_webhook",
    "follow-batch": "follow_batch",
    "tasks-interactive": "work_tasks",
    "tasks-standard": "work_tasks",
    "tasks-bulk": "work_tasks",
}
# each queue has its dead-letter queue, all with one consumer (W98, W103)
QUEUES |= {f"{name}-dead": "record_dead_message" for name in tuple(QUEUES)}
# seconds that a function gets where a minute is too short
TIMEOUTS = {"work_tasks": 900.0, "reconcile_index": 900.0, "reindex_tenants": 900.0, "reconcile_objects": 900.0}
# seconds between calls; a nudge on bidproof_outbox calls the relay at once (W96)
SCHEDULES = {"relay_outbox": 1.0, "send_due_webhooks": 1.0}
# the reconcilers of section 12; faster than a minute where somebody waits for what they repair
SCHEDULES |= {"reconcile_runs": 10.0, "reconcile_waits": 10.0, "finish_dead_letters": 10.0}
SCHEDULES |= {"reconcile_executions": 60.0, "reconcile_leases": 60.0, "reconcile_outbox": 60.0, "clear_leftovers": 60.0}
SCHEDULES |= {"reconcile_index": 3600.0, "reconcile_objects": 86_400.0, "watch_sweeps": 60.0}
SCHEDULES |= {"reconcile_batches": 10.0}
SCHEDULES |= {"remind_reviewers": 60.0}  # W88
SCHEDULES |= {"reindex_tenants": 60.0}  # R57
SCHEDULES |= {"compare_replays": 5.0}  # W62: the time of a rollback runs

HEARD = EVENT_TYPES  # what endpoints may ask for
QUEUED = {"job.queued", "job.retry.scheduled"}
ENDED = {"job.succeeded", "job.failed", "job.canceled"}
SLOT_FREE = ENDED | {"evaluation.needs_manual_decision"}
CONSUMERS = {
    "review.submitted": ["deliver-wait"],
    "review.expired": ["deliver-wait"],
    "job.canceled": ["deliver-wait", "stop-execution"],
}


def routes(event: Mapping[str, Any]) -> list[str]:
    """Return the queues that get a copy of the event (spec 06 section 9).

    A queued job wakes its lane (standard without one), a task job the workers of tasks; a job that ended or waits
    frees a slot for the next.
    """
    kind = str(event.get("event_type"))
    payload = event.get("payload", {})
    family = "tasks" if kind in QUEUED and payload.get("job_type") in TASK_TYPES else "work"
    wakes = [f"{family}-{payload.get('lane', 'standard')}"] if kind in QUEUED | SLOT_FREE else []
    follows = ["follow-batch"] if kind in ENDED and payload.get("batch_id") else []
    heard = ["deliver-webhook"] if kind in HEARD else []  # which endpoints want it, only the tenant's rows say
    return wakes + CONSUMERS.get(kind, []) + follows + heard
