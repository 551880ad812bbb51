"""What a report says (spec E86-E88): every number from a stored field, equal inputs give an equal content."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

from shared.domain.canonical_json import plain_decimal
from shared.domain.criteria import Criterion
from shared.domain.evaluation_rows import Decision, Evaluation, Review
from shared.domain.evidence import Claim, Verdict
from shared.domain.project_rows import Project, Supplier
from shared.domain.retrieval import SearchLog

SCHEMA_VERSION = 1
TITLES = {"en": "Bid evaluation report", "zh": "投标评审报告"}
NO_TOTAL = {"en": "not every criterion has a score", "zh": "尚有评审项没有得分"}
ABSENCES = ("not_found", "needs_human")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSources:
    """The stored rows a report is made of. `revisions` holds all verdict revisions of a criterion, oldest first;
    `filenames` by document id; `logs` by search log id; `audit` first and last number of the entries."""

    evaluation: Evaluation
    project: Project
    supplier: Supplier
    pack: Mapping[str, Any]
    criteria: Sequence[Criterion]
    revisions: Mapping[str, Sequence[Verdict]]
    filenames: Mapping[str, str]
    logs: Mapping[str, SearchLog]
    snapshot: Mapping[str, Any]
    audit: tuple[int | None, int | None]
    generated_at: datetime
    version: int
    review: Review | None = None
    decisions: Sequence[Decision] = field(default_factory=tuple)


def report_content(sources: ReportSources) -> dict[str, Any]:
    """The content of one report version as JSON values; amounts are decimal strings, a missing value is None."""
    evaluation = sources.evaluation
    language = "zh" if sources.pack.get("language") == "zh" else "en"
    return {
        "schema_version": SCHEMA_VERSION,
        "title": TITLES[language],
        "evaluation_id": evaluation.evaluation_id,
        "plan_id": evaluation.plan_id,
        "project": {"name": sources.project.name, "code": sources.project.code},
        "supplier": {"name": sources.supplier.name, "code": sources.supplier.code},
        "kind": "reviewed" if sources.review else "suggestion",
        "version": sources.version,
        "language": language,
        "totals": _totals(sources, language),
        "red_lines": _red_lines(sources),
        "criteria": _criteria(sources, language),
        "review": _review(sources.review),
        "review_reasons": evaluation.review_reasons,
        "degradations": _degradations(sources),
        "versions": {
            "rule_pack": sources.snapshot["rule_pack"],
            "documents": sources.snapshot["documents"],
            **sources.snapshot["versions"],
        },
        "audit": {"from_seq": sources.audit[0], "to_seq": sources.audit[1]},
        "generated_at": _time(sources.generated_at),
    }


def _totals(sources: ReportSources, language: str) -> dict[str, Any]:
    evaluation = sources.evaluation
    unscored = [
        criterion.code
        for criterion in sources.criteria
        if criterion.max_score > 0 and sources.revisions[criterion.criterion_id][-1].score is None
    ]
    missing = evaluation.total_score is None
    return {
        "total": _amount(evaluation.total_score),
        "max": _amount(evaluation.max_total),
        "low": _amount(evaluation.score_low),
        "high": _amount(evaluation.score_high),
        "open": unscored,
        "confidence": _amount(evaluation.confidence),
        "citation_coverage": _amount(evaluation.citation_coverage),
        "score_deviation_pct": _amount(evaluation.score_deviation_pct),
        "reason": NO_TOTAL[language] if missing else None,
    }


def _red_lines(sources: ReportSources) -> list[dict[str, Any]]:
    return [
        {"code": criterion.code, "outcome": sources.revisions[criterion.criterion_id][-1].outcome}
        for criterion in sources.criteria
        if criterion.kind == "veto"
    ]


def _criteria(sources: ReportSources, language: str) -> list[dict[str, Any]]:
    """One entry per criterion in the order of the pack; citations are numbered through the whole report."""
    entries, number = [], 1
    for criterion in sources.criteria:
        revisions = sources.revisions[criterion.criterion_id]
        verdict = revisions[-1]
        claims = []
        for claim in verdict.claims:
            claims.append(_claim(claim, sources.filenames, number))
            number += len(claim.citations)
        log = sources.logs.get(verdict.search_log_id or "")
        entries.append(
            {
                "code": criterion.code,
                "title": criterion.title.get(language) or next(iter(criterion.title.values()), criterion.code),
                "requirement": criterion.requirement,
                "kind": criterion.kind,
                "mandatory": criterion.mandatory,
                "outcome": verdict.outcome,
                "score": _amount(verdict.score),
                "score_state": verdict.score_state,
                "max_score": _amount(criterion.max_score),
                "confidence": _amount(verdict.confidence),
                "reason": verdict.reason,
                "decided_by": verdict.source,
                "supported_by_expert_only": verdict.expert_only,
                "claims": claims,
                "unsupported_claims": [{"text": c.text, "stance": c.stance} for c in verdict.unsupported_claims],
                "overrides": _overrides(revisions, sources.decisions),
                "search_log": _search_log(log) if log and verdict.outcome in ABSENCES else None,
                "review_reasons": _reasons(revisions),
                "input_hash": verdict.input_hash,
            }
        )
    return entries


def _claim(claim: Claim, filenames: Mapping[str, str], first: int) -> dict[str, Any]:
    return {
        "text": claim.text,
        "stance": claim.stance,
        "citations": [
            {
                "n": first + place,
                "citation_id": citation.citation_id,
                "document": filenames[citation.document_id],
                "document_id": citation.document_id,
                "page": citation.page,
                "page_kind": "virtual" if citation.locator else "physical",
                "locator": citation.locator,
                "quote": citation.quote,
                "box": [round(float(edge), 2) for edge in citation.box],
                "start": citation.start,
                "end": citation.end,
                "chunk_id": citation.chunk_id,
            }
            for place, citation in enumerate(claim.citations)
        ],
    }


def _overrides(revisions: Sequence[Verdict], decisions: Sequence[Decision]) -> list[dict[str, Any]]:
    """What people changed, before and after (E79); an accepted suggestion is listed as such."""
    by_id = {decision.decision_id: decision for decision in decisions}
    entries = []
    for before, after in pairwise(revisions):
        decision = by_id.get(after.decision_id or "")
        if decision is None:
            continue
        entries.append(
            {
                "action": decision.action,
                "by": decision.reviewer_id,
                "at": _time(decision.created_at),
                "reason": decision.comment,
                "from": {"outcome": before.outcome, "score": _amount(before.score)},
                "to": {"outcome": after.outcome, "score": _amount(after.score)},
                "expert_only": after.expert_only,
            }
        )
    return entries


def _reasons(revisions: Sequence[Verdict]) -> list[dict[str, str]]:
    """Why the machine asked: the reasons of the last revision it wrote itself."""
    own = [verdict for verdict in revisions if verdict.source != "person"]
    return [{"code": r.code, "value": r.value, "threshold": r.threshold} for r in own[-1].review_reasons]


def _search_log(log: SearchLog) -> dict[str, Any]:
    """What was asked and seen where nothing decided the criterion (E50)."""
    return {
        "search_log_id": log.search_log_id,
        "queries": [str(variant.get("text", "")) for variant in log.variants],
        "documents": log.coverage.get("documents"),
        "pages": log.coverage.get("pages"),
        "missing_documents": log.coverage.get("missing_documents"),
        "unreadable_pages": log.coverage.get("unreadable_pages"),
        "branches": log.branches_run,
        "nearest": log.best_rejected,
    }


def _degradations(sources: ReportSources) -> list[dict[str, Any]]:
    found = []
    for criterion in sources.criteria:
        log = sources.logs.get(sources.revisions[criterion.criterion_id][-1].search_log_id or "")
        if log is not None and log.degraded:
            found.append({"code": criterion.code, "reasons": list(log.degrade_reasons)})
    return found


def _review(review: Review | None) -> dict[str, Any] | None:
    if review is None:
        return None
    return {
        "review_id": review.review_id,
        "round": review.round,
        "decision": review.decision,
        "comment": review.comment,
        "by": review.submitted_by,
        "at": _time(review.submitted_at),
    }


def _amount(value: Decimal | None) -> str | None:
    return None if value is None else plain_decimal(value)


def _time(moment: datetime | None) -> str | None:
    """UTC with milliseconds and Z (D9)."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
