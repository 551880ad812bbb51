"""ScoreBid: completeness, total or interval, and why a person must decide; after a review, its outcome (W44, W50)."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from shared.domain.claims import citation_coverage
from shared.domain.confidence import overall_confidence
from shared.domain.criteria import Criterion
from shared.domain.errors import Permanent
from shared.domain.evaluation_rows import Evaluation
from shared.domain.evaluations import check_complete
from shared.domain.evidence import Verdict
from shared.domain.plans import leaves
from shared.domain.suggestions import HIGH, LOW
from shared.domain.totals import totals
from shared.ports.records import Records

SCORED, REVIEWED = 85, 90  # points of progress, W128
MARGIN = 60  # seconds that the machine waits beyond the review's own deadline, W88
SETTLED = {"approve": "approved", "edit_scores": "approved", "reject": "rejected"}
Reasons = list[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreBid:
    """Which evaluation; with `review_id` after that review's decisions were applied."""

    evaluation_id: str
    review_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredBid:
    """Whether people must decide, how long the machine waits for them, and where the evaluation stands."""

    needs_human_review: bool
    wait_seconds: int
    status: str


def score_bid(command: ScoreBid, *, records: Records) -> ScoredBid:
    """Store totals, confidence, coverage and reasons; with a review, move it to applied and settle the evaluation.

    Raises Permanent EVALUATION_INCOMPLETE unless every criterion has exactly one current verdict (E6)."""
    with records.transaction():
        evaluation = records.evaluations.get(command.evaluation_id, lock=True)
        criteria = leaves(records.rule_packs.criteria(evaluation.rule_pack_id, evaluation.rule_pack_version))
        verdicts = records.verdicts.current(evaluation.evaluation_id)
        check_complete(criteria, verdicts)
        if command.review_id is None:
            evaluation = _suggest(records, evaluation, criteria, verdicts)
        elif evaluation.status == "needs_manual_decision":
            evaluation = _settle(records, evaluation, command.review_id, criteria, verdicts)
    job = records.jobs.get(evaluation.job_id or "")  # it may ask for a wait of its own: a reissue, a requeue (W104)
    wait = int(job.payload.get("wait_seconds") or records.users.tenant_settings()["review_wait_seconds"])
    return ScoredBid(
        needs_human_review=evaluation.needs_human_review, wait_seconds=wait + MARGIN, status=evaluation.status
    )


def _suggest(
    records: Records, evaluation: Evaluation, criteria: Sequence[Criterion], verdicts: Sequence[Verdict]
) -> Evaluation:
    if evaluation.status != "evaluating":
        return evaluation
    project = records.projects.get(evaluation.project_id)
    reasons = _reasons(criteria, verdicts)
    if evaluation.forced_review:
        reasons.append({"code": "FORCED", "value": "true", "threshold": ""})
    if project.high_risk:
        reasons.append({"code": "HIGH_RISK", "value": "true", "threshold": ""})
    scores = _scores(records, evaluation, criteria, verdicts)
    records.jobs.progress(evaluation.job_id or "", done=SCORED, step="ScoreBid")
    return records.evaluations.change(
        evaluation,
        **scores,
        review_reasons=reasons,
        needs_human_review=bool(reasons),
        risk_level=_risk(reasons),
    )


def _settle(
    records: Records,
    evaluation: Evaluation,
    review_id: str,
    criteria: Sequence[Criterion],
    verdicts: Sequence[Verdict],
) -> Evaluation:
    """The submitted review decides; nothing else can approve (D104)."""
    review = records.reviews.get(review_id, lock=True)
    wrong = review.evaluation_id != evaluation.evaluation_id or review.status != "submitted"
    if wrong or review.decision not in SETTLED:
        raise Permanent("WF_STATE_TRANSITION_INVALID", f"review {review_id} is {review.status}")
    records.moves.review(review, "applied")
    records.jobs.progress(evaluation.job_id or "", done=REVIEWED, step="ScoreBidReviewed")
    to = SETTLED[review.decision]
    scores = _scores(records, evaluation, criteria, verdicts) if to == "approved" else {}
    return records.moves.evaluation(evaluation, to, **scores, needs_human_review=False)


def _scores(
    records: Records, evaluation: Evaluation, criteria: Sequence[Criterion], verdicts: Sequence[Verdict]
) -> dict[str, Any]:
    """Totals (E81), confidence weighted by points (E60) and coverage over all claims (E49)."""
    pack = records.rule_packs.version(evaluation.rule_pack_id, evaluation.rule_pack_version).payload
    added = totals(
        criteria,
        verdicts,
        declared_total=Decimal(str(pack.get("declared_total", "100"))),
        intervals=_intervals(verdicts),
    )
    measured = [(v.confidence, v.max_score) for v in verdicts if v.confidence is not None]
    confidence = overall_confidence(measured)
    supported = sum(len(verdict.claims) for verdict in verdicts)
    produced = supported + sum(len(verdict.unsupported_claims) for verdict in verdicts)
    return {
        "total_score": added.total,
        "max_total": added.maximum,
        "score_low": added.low,
        "score_high": added.high,
        "score_deviation_pct": added.deviation_pct,
        "confidence": confidence[0] if confidence else None,
        "citation_coverage": citation_coverage(supported, produced),
    }


def _intervals(verdicts: Sequence[Verdict]) -> dict[str, tuple[Decimal, Decimal]]:
    """What is still possible per criterion, as its suggestion measured it; a person's edit has no interval."""
    return {
        verdict.criterion_id: (Decimal(verdict.confidence_parts[LOW]), Decimal(verdict.confidence_parts[HIGH]))
        for verdict in verdicts
        if LOW in verdict.confidence_parts and HIGH in verdict.confidence_parts
    }


def _reasons(criteria: Sequence[Criterion], verdicts: Sequence[Verdict]) -> Reasons:
    """Every trigger with its criterion, value and threshold, in the order of the pack."""
    current = {verdict.criterion_id: verdict for verdict in verdicts}
    return [
        {
            "code": reason.code,
            "value": reason.value,
            "threshold": reason.threshold,
            "criterion_id": criterion.criterion_id,
            "criterion": criterion.code,
        }
        for criterion in criteria
        for reason in current[criterion.criterion_id].review_reasons
    ]


def _risk(reasons: Reasons) -> str:
    """high for a red line or a failed mandatory item, medium for any other reason, else low."""
    codes = {reason["code"] for reason in reasons}
    return "high" if codes & {"RED_LINE", "MANDATORY_FAIL"} else "medium" if codes else "low"
