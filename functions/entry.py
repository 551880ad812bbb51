"""The only code that knows a Lambda event: steps, queue consumers and schedules around use cases (spec W7)."""

import inspect
import json
import logging
import random
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, is_dataclass
from functools import cache
from typing import Any

from functions.measured import (
    Canceled,
    Measured,
    add_schedule_facts,
    add_step_facts,
    measured_message,
    measured_step,
)
from shared.domain.context import Actor
from shared.domain.errors import CodedError, Refused, Retryable
from shared.domain.events import is_envelope, is_told_by
from shared.domain.jobs import STAGE_OF_STATE, Job
from shared.domain.metrics import CODE_FACTS
from shared.domain.payloads import bounded_text
from shared.domain.retries import STEP_RETRIES, as_raised, retry_jitter_seconds
from shared.domain.transitions import JOB, is_later_stage, is_terminal
from shared.ports.records import Records
from shared.wiring import Parts, Services, services

Handler = Callable[[Mapping[str, Any], Any], dict[str, Any]]
MESSAGE_RESERVE_MS = 10_000  # with less time left a consumer begins no message (W126)
log = logging.getLogger("bidproof.step")


@cache
def _names(usecase: Callable[..., Any]) -> tuple[str, ...]:
    parameters = inspect.signature(usecase).parameters.values()
    return tuple(p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY)


def call(usecase: Callable[..., Any], command: Any, parts: Parts) -> Any:
    """Run a use case with the parts its keyword-only parameters name."""
    return usecase(command, **{name: getattr(parts, name) for name in _names(usecase)})


def failure(error: CodedError) -> dict[str, Any]:
    """The part of an error that a row keeps (D127)."""
    return {"code": error.code, "class": error.entry.kind, "retryable": isinstance(error, Retryable)}


def step(command: type[Any], usecase: Callable[..., Any], *, fenced: bool = True) -> Handler:
    """A state of a state machine. `fenced` steps run only for the run that claimed the job.

    The attempt is noted with its error; a retryable one outside a Map moves the job to `retrying` (W7, W8). The
    catalogue decides under which name an error leaves (W23), and a result above 200 KiB is Permanent
    WF_PAYLOAD_TOO_LARGE (W6)."""

    def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
        scope = event["scope"]
        actor = Actor(tenant_id=scope["tenant_id"], actor_id="system", kind="system", trace_id=scope["trace"])
        parts = services().bind(actor, time_left=lambda: context.get_remaining_time_in_millis() / 1000)
        with measured_step(parts.telemetry, event, context) as measured:
            result = _run(parts, event, command, usecase, fenced=fenced)
            add_step_facts(measured, scope["state"], result)
        return result

    return handler


def _run(
    parts: Parts, event: Mapping[str, Any], command: type[Any], usecase: Callable[..., Any], *, fenced: bool
) -> dict[str, Any]:
    scope = event["scope"]
    time.sleep(retry_jitter_seconds(int(scope.get("attempt") or 0), random.random()))
    started_at = parts.clock.now()
    if fenced:
        if not _admit(parts, scope):
            return {}
        parts.records.session.fence(scope["job_id"], scope["run_id"])
    try:
        result = _fields(call(usecase, command(**event["command"]), parts))
        bounded_text(result)
    except CodedError as error:
        raised = _failed(parts, scope, started_at, error)
        if raised is error:
            raise
        raise raised from error
    _note(parts, scope, started_at, None)
    return result


def _fields(result: Any) -> dict[str, Any]:
    return asdict(result) if is_dataclass(result) and not isinstance(result, type) else {}


def _admit(parts: Parts, scope: Mapping[str, Any]) -> bool:
    """Whether the step has work to do: not when this very run has succeeded and the machine did not hear of it.

    A try after one that left no word, killed or timed out, notes both moves at its start (W7)."""
    job: Job = parts.records.jobs.get(scope["job_id"])
    if job.status == "succeeded" and job.claim_token == scope["run_id"]:
        return False
    if is_terminal(JOB, job.status) or job.claim_token != scope["run_id"]:
        raise Canceled(f"{job.job_id} is {job.status} and belongs to {job.claim_token}")
    if job.status == "running" and int(scope.get("attempt") or 0) and str(scope.get("item", "")) == "":
        job = parts.records.moves.job(job, "retrying", step=scope["state"], retry_count=job.retry_count + 1)
    if job.status == "retrying":
        job = parts.records.moves.job(job, "running", step=scope["state"])
    stage = STAGE_OF_STATE.get(scope["state"], job.stage)
    if stage is not None and is_later_stage(job.stage, stage):
        parts.records.moves.enter_stage(job, stage)
    if job.step != scope["state"]:  # so that a failure names the step that failed, not the last one that ended (D127)
        parts.records.jobs.progress(job.job_id, done=0, step=scope["state"])
    return True


def _failed(parts: Parts, scope: Mapping[str, Any], started_at: Any, error: CodedError) -> CodedError:
    """The error that the machine shall see; the attempts noted before are the counter of "once" codes (W23)."""
    parts.records.session.fence(None)
    attempt, item = int(scope.get("attempt") or 0), str(scope.get("item", ""))
    earlier = 0
    if attempt:
        earlier = parts.records.traces.tries_with(
            scope["run_id"], scope["state"], item, code=error.code, before=attempt
        )
    raised = as_raised(error, earlier)
    _note(parts, scope, started_at, raised)
    return raised


def _note(parts: Parts, scope: Mapping[str, Any], started_at: Any, error: CodedError | None) -> None:
    """Write the attempt and, for a retryable error outside of a Map, the move to `retrying`; a canceled job gets
    neither: whoever canceled it had the last word (W109)."""
    parts.records.session.fence(scope["job_id"])
    try:
        _write_attempt(parts.records, scope, started_at, error)
    except Refused as refused:
        if refused.code != "JOB_CANCELED":
            raise


def _write_attempt(records: Records, scope: Mapping[str, Any], started_at: Any, error: CodedError | None) -> None:
    item, attempt = str(scope.get("item", "")), int(scope.get("attempt") or 0)
    with records.transaction():
        records.jobs.note_attempt(
            scope["run_id"],
            scope["state"],
            item,
            attempt,
            started_at=started_at,
            error=failure(error) if error else None,
        )
        if isinstance(error, Retryable) and not item and attempt < STEP_RETRIES:
            job = records.jobs.get(scope["job_id"], lock=True)
            if job.status == "running":
                records.moves.job(job, "retrying", step=scope["state"], retry_count=job.retry_count + 1)


def queue(consumer: str, command: type[Any], usecase: Callable[..., Any]) -> Handler:
    """A queue consumer: each message is an event envelope; failures are reported per item (W98).

    The tenant of the envelope is the tenant of the work; a message without one is a failure, one whose attribute or
    outbox row says otherwise is dropped (W101, S57). With less than 10 s left nothing is begun (W126)."""

    def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
        failed = [
            {"itemIdentifier": record["messageId"]}
            for record in event["Records"]
            if context.get_remaining_time_in_millis() < MESSAGE_RESERVE_MS
            or not _take(consumer, command, usecase, record, context)
        ]
        return {"batchItemFailures": failed}

    return handler


def _take(
    consumer: str, command: type[Any], usecase: Callable[..., Any], record: Mapping[str, Any], context: Any
) -> bool:
    try:
        envelope = json.loads(record["body"])
    except ValueError:
        envelope = None
    if not is_envelope(envelope):
        log.error("BP_MESSAGE_UNREADABLE", extra={"consumer": consumer, "message_id": record["messageId"]})
        return False
    actor = Actor(
        tenant_id=envelope["tenant_id"],
        actor_id=f"system:{consumer}",
        kind="system",
        trace_id=envelope["trace_id"],
    )
    parts = services().bind(actor, time_left=lambda: context.get_remaining_time_in_millis() / 1000)
    given: dict[str, Any] = {"event": envelope}
    if "queue" in command.__dataclass_fields__:
        given["queue"] = record["eventSourceARN"].rpartition(":")[2]
    try:
        with measured_message(parts.telemetry, consumer, envelope, context) as measured:
            measured.waited(envelope["occurred_at"], parts.clock.now())
            if _is_forged(record, envelope, parts):
                _drop(consumer, envelope, parts)
            else:
                call(usecase, command(**given), parts)
                # also for those whose effect is outside of the database: a replay is known to have succeeded (D106)
                parts.records.trail.consume(envelope["event_id"], consumer)
    except CodedError:
        return False
    return True


def _is_forged(record: Mapping[str, Any], envelope: Mapping[str, Any], parts: Parts) -> bool:
    """Whether attribute, envelope and the row that the tenant itself published do not agree (W101)."""
    attribute = record.get("messageAttributes", {}).get("tenant_id", {}).get("stringValue")
    if attribute not in (None, envelope["tenant_id"]):
        return True
    return not is_told_by(envelope, parts.records.trail.published(envelope["event_id"]))


def _drop(consumer: str, envelope: Mapping[str, Any], parts: Parts) -> None:
    """Nothing is done and nothing comes again; the tenant's chain, an alert and the security log say so (S57, F34)."""
    about = {"code": "TENANT_SCOPE_VIOLATION", "consumer": consumer, "event_type": envelope["event_type"]}
    parts.telemetry.count(CODE_FACTS[about["code"]])
    log.error("BP_SECURITY_MESSAGE_DROPPED", extra={"error_code": about["code"]})
    with parts.records.transaction():
        parts.records.trail.audit("message.refused", "event", envelope["event_id"], result="denied", changes=about)
        parts.records.trail.alert("tenant_scope_violation", ("event", envelope["event_id"], 1), about)


def schedule(command: Callable[[], Any], usecase: Callable[..., Any]) -> Handler:
    """A scheduled function: it works across tenants through the narrow ports only."""

    def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
        actor = Actor(tenant_id="", actor_id="system", kind="system", trace_id=secrets.token_hex(16))
        parts = services().bind(actor, time_left=lambda: context.get_remaining_time_in_millis() / 1000)
        name = usecase.__name__
        with Measured(parts.telemetry, "schedule", name, trace_id=actor.trace_id, schedule=name) as measured:
            result = _fields(call(usecase, command(), parts))
            add_schedule_facts(measured, result)
        return result

    return handler


__all__ = ["Canceled", "Services", "call", "failure", "queue", "schedule", "step"]
