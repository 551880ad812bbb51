"""OpenReview: ask people and keep the execution's callback until they answer (spec W46, W86, W88)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.domain.evaluation_rows import CriterionRun, Evaluation, Review, ReviewItem, Wait
from shared.domain.evidence import Verdict
from shared.domain.jobs import Job
from shared.ports.platform import Clock, Ids, Vault
from shared.ports.records import Records

STATE = "OpenReview"
KEY_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenReview:
    """The evaluation that waits, the run that waits for it and the secret that wakes it."""

    evaluation_id: str
    run_id: str
    task_token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedReview:
    """The review; the state machine goes on by the token, not by this result."""

    review_id: str


def open_review(command: OpenReview, *, records: Records, ids: Ids, clock: Clock, vault: Vault) -> OpenedReview:
    """Insert review, items and wait and move the evaluation; a repeat replaces the token of the same wait."""
    with records.transaction():
        evaluation = records.evaluations.get(command.evaluation_id, lock=True)
        review = records.reviews.live(evaluation.evaluation_id)
        if review is None:
            job = records.jobs.get(evaluation.job_id or "")
            length = int(job.payload.get("wait_seconds") or records.users.tenant_settings()["review_wait_seconds"])
            review = _ask(records, evaluation, job, ids, clock.now() + timedelta(seconds=length))
            _tell(records, evaluation, review, command.run_id)
        wait_id = _wait_id(records, review, command.run_id, ids)
        context = {"tenant_id": records.actor.tenant_id, "wait_id": wait_id}
        records.reviews.open_wait(
            Wait(
                wait_id=wait_id,
                subject_id=review.review_id,
                run_id=command.run_id,
                state_name=STATE,
                token_ciphertext=vault.encrypt(command.task_token, context=context),
                key_version=KEY_VERSION,
                status="open",
                due_at=review.due_at,
            )
        )
    return OpenedReview(review_id=review.review_id)


def _wait_id(records: Records, review: Review, run_id: str, ids: Ids) -> str:
    """The wait of the same run once more, or a new one; that of a lost run is nobody's any longer (W113)."""
    known = records.reviews.wait_of(review.review_id)
    if known is not None and known.run_id == run_id:
        return known.wait_id
    if known is not None:
        records.reviews.close_wait(known.wait_id, "orphaned")
    return ids.new("wai")


def _ask(records: Records, evaluation: Evaluation, job: Job, ids: Ids, due_at: datetime) -> Review:
    earlier = records.reviews.list(filters={"evaluation_id": evaluation.evaluation_id}, before=None, limit=1)
    review = Review(
        review_id=ids.new("rev"),
        evaluation_id=evaluation.evaluation_id,
        project_id=evaluation.project_id,
        round=earlier[0].round + 1 if earlier else 1,
        mode="single",
        status="open",
        reasons=[*evaluation.review_reasons, *_requested(job)],
        due_at=due_at,
    )
    verdicts = {verdict.criterion_id: verdict for verdict in records.verdicts.current(evaluation.evaluation_id)}
    runs = records.evaluations.criterion_runs(evaluation.evaluation_id)
    wanted = set(job.payload.get("criteria", ()))
    items = [
        _item(review, run, verdicts[run.criterion_id], ids)
        for run in runs
        if run.status == "interrupted" or run.criterion_id in wanted
    ]
    return records.reviews.add(review, [*items, *_whole(review, review.reasons, ids)])


def _requested(job: Job) -> list[dict[str, Any]]:
    """Why a person asked for this review of a finished suggestion (A95), or nothing."""
    reason = job.payload.get("requested")
    return [{"code": "REQUESTED", "value": reason, "threshold": ""}] if reason else []


def _item(review: Review, run: CriterionRun, verdict: Verdict, ids: Ids) -> ReviewItem:
    reasons = [{"code": r.code, "value": r.value, "threshold": r.threshold} for r in verdict.review_reasons]
    reasons = reasons or [{"code": "REQUESTED", "value": "true", "threshold": ""}]
    return ReviewItem(
        item_id=ids.new("rvi"),
        review_id=review.review_id,
        criterion_id=run.criterion_id,
        verdict_id=verdict.verdict_id,
        thread_id=run.thread_id,
        interrupt_id=run.interrupt_id,
        reason_code=reasons[0]["code"],
        reasons=reasons,
    )


def _whole(review: Review, reasons: Sequence[dict[str, str]], ids: Ids) -> list[ReviewItem]:
    """One item for the evaluation as a whole when it has reasons of its own."""
    own = [dict(reason) for reason in reasons if not reason.get("criterion_id")]
    if not own:
        return []
    return [
        ReviewItem(
            item_id=ids.new("rvi"),
            review_id=review.review_id,
            criterion_id=None,
            verdict_id=None,
            thread_id=None,
            interrupt_id=None,
            reason_code=own[0]["code"],
            reasons=own,
        )
    ]


def _tell(records: Records, evaluation: Evaluation, review: Review, run_id: str) -> None:
    if evaluation.status != "needs_manual_decision":
        stage = {} if evaluation.stage == "report" else {"stage": "review"}  # a stage never goes back (D112)
        records.moves.evaluation(evaluation, "needs_manual_decision", needs_human_review=True, **stage)
    records.jobs.set_waiting(evaluation.job_id or "", "review")
    payload = {
        "review_id": review.review_id,
        "evaluation_id": review.evaluation_id,
        "due_at": review.due_at.isoformat(),
        "reasons": sorted({reason["code"] for reason in review.reasons}),
    }
    records.trail.audit("review.opened", "review", review.review_id)
    records.trail.publish(
        "review.opened",
        ("review", review.review_id, review.row_version),
        payload,
        project_id=review.project_id,
        run_id=run_id,
        job_id=evaluation.job_id,
    )
    records.trail.run_event(run_id, "review.opened", stage="review", payload=payload)
