"""When a person must decide, with the value and the threshold of each trigger (E6, E64-E69)."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from shared.domain.canonical_json import plain_decimal
from shared.domain.criteria import Criterion
from shared.domain.errors import Permanent
from shared.domain.evidence import CITED_OUTCOMES, ReviewReason, Verdict

MIN_CONFIDENCE = Decimal("0.65")
MIN_COVERAGE = Decimal("0.90")
MAX_DEVIATION = Decimal(20)
# Nobody is at work on these and nobody waits; only a failed one can go on by itself, when it is requeued.
ENDED_STATES = ("report_generated", "published", "archived", "rejected", "canceled", "failed")
THREADS_KEPT_DAYS = 30  # after the end, W84
REASON_CODES = (
    *("LOW_CONFIDENCE", "LOW_CITATION_COVERAGE", "SCORE_DEVIATION", "RED_LINE", "MANDATORY_FAIL", "NOT_FOUND"),
    *("NEEDS_HUMAN", "INSUFFICIENT_EVIDENCE", "UNSUPPORTED_CLAIM", "FACT_CONFLICT", "SEARCH_INCOMPLETE"),
    *("MODEL_UNAVAILABLE", "BUDGET_STOPPED", "INJECTION_SUSPECTED", "DEGRADED", "HIGH_RISK", "FORCED"),
    *("AUDIT_SAMPLE", "REQUESTED"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What the run knows beside the verdict: `causes` are reason codes of the rule or model, `coverage` is
    citation_coverage 0..1, `deviation_pct` None for fewer than two estimates."""

    causes: tuple[str, ...] = ()
    coverage: Decimal | None = None
    deviation_pct: Decimal | None = None
    degraded: tuple[str, ...] = ()
    injection_suspected: bool = False
    forced: bool = False
    high_risk: bool = False
    audit_sample: bool = False
    requested: bool = False


def review_reasons(verdict: Verdict, criterion: Criterion, signals: Signals) -> tuple[ReviewReason, ...]:
    """Every reason why a person must decide this criterion; empty when the suggestion may stand.

    Boundaries pass: confidence 0.65, coverage 0.90 and deviation 20 are no triggers. A `pass` of a rule that needs
    neither points nor judgement is held to the same measures. A person's verdict needs no second person here."""
    if verdict.source == "person":
        return ()
    found = [*_measured(verdict, signals), *_by_outcome(verdict, criterion), *_by_signal(signals)]
    if verdict.unsupported_claims:
        found.append(ReviewReason(code="UNSUPPORTED_CLAIM", value=str(len(verdict.unsupported_claims)), threshold="0"))
    known = {reason.code for reason in found}
    found += [_named(code, verdict.outcome) for code in dict.fromkeys(signals.causes) if code not in known]
    if verdict.outcome == "needs_human" and not found:
        found.append(_named("NEEDS_HUMAN", verdict.outcome))
    return tuple({reason.code: reason for reason in reversed(found)}.values())[::-1]


def _measured(verdict: Verdict, signals: Signals) -> list[ReviewReason]:
    """The three measures; confidence and coverage speak of verdicts that cite, others wait for a person anyway."""
    found = []
    if verdict.outcome in CITED_OUTCOMES:
        confidence = Decimal(0) if verdict.confidence is None else verdict.confidence
        coverage = Decimal(0) if signals.coverage is None else signals.coverage
        if confidence < MIN_CONFIDENCE:
            found.append(_below("LOW_CONFIDENCE", confidence, MIN_CONFIDENCE))
        if coverage < MIN_COVERAGE:
            found.append(_below("LOW_CITATION_COVERAGE", coverage, MIN_COVERAGE))
    if signals.deviation_pct is not None and signals.deviation_pct > MAX_DEVIATION:
        found.append(_below("SCORE_DEVIATION", signals.deviation_pct, MAX_DEVIATION))
    return found


def _below(code: str, value: Decimal, threshold: Decimal) -> ReviewReason:
    return ReviewReason(code=code, value=plain_decimal(value), threshold=plain_decimal(threshold))


def _named(code: str, value: str) -> ReviewReason:
    return ReviewReason(code=code, value=value, threshold="")


def _by_outcome(verdict: Verdict, criterion: Criterion) -> list[ReviewReason]:
    """A red line hit, suspected or in conflict; a mandatory fail; an absence (E67, E68)."""
    found = []
    if criterion.kind == "veto" and verdict.outcome in ("fail", "partial", "needs_human"):
        found.append(_named("RED_LINE", verdict.outcome))
    if criterion.mandatory and verdict.outcome == "fail":
        found.append(_named("MANDATORY_FAIL", verdict.outcome))
    if verdict.outcome == "not_found":
        found.append(_named("NOT_FOUND", verdict.outcome))
    return found


def _by_signal(signals: Signals) -> list[ReviewReason]:
    flags = {
        "INJECTION_SUSPECTED": signals.injection_suspected,
        "FORCED": signals.forced,
        "HIGH_RISK": signals.high_risk,
        "AUDIT_SAMPLE": signals.audit_sample,
        "REQUESTED": signals.requested,
    }
    found = [_named(code, "true") for code, is_set in flags.items() if is_set]
    if signals.degraded:
        found.append(ReviewReason(code="DEGRADED", value=", ".join(signals.degraded), threshold=""))
    return found


def check_complete(criteria: Sequence[Criterion], verdicts: Sequence[Verdict]) -> None:
    """Raise Permanent EVALUATION_INCOMPLETE unless every leaf has exactly one current verdict (E6)."""
    planned = sorted(criterion.criterion_id for criterion in criteria if criterion.kind != "group")
    judged = sorted(verdict.criterion_id for verdict in verdicts)
    if planned != judged:
        missing = sorted(set(planned) - set(judged))
        extra = [name for name in judged if judged.count(name) > 1 or name not in planned]
        raise Permanent("EVALUATION_INCOMPLETE", details={"missing": missing, "extra": sorted(set(extra))})
