"""Jobs whose steps do next to nothing, so that only queue, relay, runner and worker are at work."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from functions.entry import Handler
from infra.local.state_machine import resolve_function
from shared.adapters.postgres.records import PostgresRecords
from shared.domain.context import Actor
from shared.domain.jobs import DEADLINES, Job
from shared.wiring import Services, services
from tests.records import clock, ids

STEPS: dict[str, dict[str, Any]] = {
    "plan_evaluation": {"groups": [], "criteria": 0},
    "score_bid": {"needs_human_review": False, "wait_seconds": 60, "status": "evaluating"},
    "build_report": {},
}


def accept(records: PostgresRecords, count: int) -> list[str]:
    """Queue jobs in one transaction; their ids."""
    made = []
    with records.transaction():
        for _ in range(count):
            job = Job(
                job_id=ids.new("job"),
                tenant_id=records.actor.tenant_id,
                job_type="evaluate_bid",
                resource_type="evaluation",
                resource_id=ids.new("evl"),
                deadline_at=clock.now() + DEADLINES["evaluate_bid"],
            )
            made.append(records.jobs.accept(job, run_id=ids.new("run")).job_id)
    return made


def resolve(name: str) -> Handler:
    """The real function, or a step that does nothing but end the job."""
    if name == "finish_evaluation":
        return finish
    if name in STEPS:
        return lambda event, context: STEPS[name]
    return resolve_function(name)


def finish(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """What FinishEvaluation does to job and run."""
    scope = event["scope"]
    records = services().bind(Actor(tenant_id=scope["tenant_id"], actor_id="system", kind="system")).records
    with records.transaction():
        records.moves.job(records.jobs.get(scope["job_id"], lock=True), "succeeded")
        records.moves.close_run(scope["run_id"], "succeeded")
    return {}


def with_slots(made: Services, slots: int) -> None:
    """As many executions at once and no more."""
    made.settings = replace(made.settings, max_running=slots)
