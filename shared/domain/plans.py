"""The frozen plan of an evaluation: equal inputs give the same id and the same hash (spec D114, E14, E91)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.domain.canonical_json import canonical, digest
from shared.domain.criteria import Criterion
from shared.domain.errors import Permanent, Refused
from shared.domain.evaluation_rows import CriterionRun
from shared.domain.ids import hash_id
from shared.domain.term_version import TERM_VERSION

SNAPSHOT_SCHEMA = 1
MAX_CRITERIA = 400
MAX_GROUPS = 8
CRITERIA_PER_GROUP = 4
GRAPH_VERSIONS = ("bp-graph-1",)  # every one that was ever released, oldest first
GRAPH_VERSION = GRAPH_VERSIONS[-1]
CONTINUED_VERSIONS = 3  # W84
RULES_VERSION = "bp-rules-1"
SETTLED_RUNS = ("completed", "interrupted", "parked", "skipped")  # states of a criterion run that no step takes on
PLANNED_POINTS, CRITERIA_POINTS = 5, 75  # points of progress, W128


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedDocument:
    """A document as the plan froze it; `status` and `current_run` are what they are now, unset in a new plan."""

    document_id: str
    parse_run_id: str
    content_hash: str
    doc_type: str = "bid"
    status: str | None = None
    current_run: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What an evaluation is pinned to (E7): its id, the snapshot and the documents."""

    plan_id: str
    payload: dict[str, Any]
    snapshot_hash: str
    documents: tuple[PinnedDocument, ...]


def freeze(
    *,
    project_id: str,
    supplier_id: str,
    bid_id: str,
    rule_pack: Mapping[str, Any],
    documents: Sequence[PinnedDocument],
    cohort: Sequence[str],
    versions: Mapping[str, Any],
) -> Plan:
    """Freeze the inputs of one bid's evaluation.

    `rule_pack` holds id, version and content_hash; `cohort` names the bids a formula compares, empty while the project
    is open (E22), so that closing the project makes another plan; `versions` pins every moving part by its version."""
    pinned = sorted(documents, key=lambda document: document.document_id)
    payload = {
        "schema_version": SNAPSHOT_SCHEMA,
        "project_id": project_id,
        "supplier_id": supplier_id,
        "bid_id": bid_id,
        "rule_pack": dict(rule_pack),
        "documents": [
            {
                "document_id": document.document_id,
                "parse_run_id": document.parse_run_id,
                "content_hash": document.content_hash,
                "doc_type": document.doc_type,
            }
            for document in pinned
        ],
        "cohort": sorted(cohort),
        "versions": dict(versions),
    }
    plan_id = hash_id("pln", canonical(payload).decode())
    return Plan(plan_id=plan_id, payload=payload, snapshot_hash=digest(payload), documents=tuple(pinned))


def check_snapshot(payload: Mapping[str, Any], snapshot_hash: str) -> None:
    """Raise Permanent DATA_CORRUPTED unless the payload has a known schema and still has its hash (D11)."""
    if payload.get("schema_version") != SNAPSHOT_SCHEMA or digest(payload) != snapshot_hash:
        raise Permanent("DATA_CORRUPTED", "the snapshot of the evaluation does not match its hash")


def leaves(criteria: Sequence[Criterion]) -> list[Criterion]:
    """The criteria that get a verdict: all but groups (E21), in order."""
    return sorted((c for c in criteria if c.kind != "group"), key=lambda c: c.ordinal)


def thread_id(evaluation_id: str, criterion_id: str) -> str:
    """The thread of one criterion of an evaluation (spec 06 section 7)."""
    return f"{evaluation_id}:{criterion_id}"


def is_continued(graph_version: str | None) -> bool:
    """Whether today's graph goes on with a thread of this version; older ones are planned again (W84)."""
    return graph_version in GRAPH_VERSIONS[-CONTINUED_VERSIONS:]


def group_criteria(evaluation_id: str, criteria: Sequence[Criterion]) -> list[CriterionRun]:
    """Deal the leaves into at most 8 groups of about 4 (06 section 5); raises Refused RULE_PACK_INVALID over 400."""
    leaf = leaves(criteria)
    if not leaf or len(leaf) > MAX_CRITERIA:
        raise Refused("RULE_PACK_INVALID", "a pack has 1 to 400 criteria", details={"criteria": len(leaf)})
    groups = min(MAX_GROUPS, -(-len(leaf) // CRITERIA_PER_GROUP))
    return [
        CriterionRun(
            evaluation_id=evaluation_id,
            criterion_id=criterion.criterion_id,
            group_no=place % groups,
            ordinal=place,
            thread_id=thread_id(evaluation_id, criterion.criterion_id),
            status="pending",
        )
        for place, criterion in enumerate(leaf)
    ]


def rules_first(runs: Sequence[CriterionRun], criteria: Sequence[Criterion]) -> list[CriterionRun]:
    """The runs with those of judged criteria last: what rules decide is stored before a model can fail (E3, W43)."""
    judged = {criterion.criterion_id for criterion in criteria if criterion.kind == "judged"}
    return sorted(runs, key=lambda run: (run.criterion_id in judged, run.ordinal))


def criteria_progress(runs: Sequence[CriterionRun]) -> int:
    """Points of progress of an evaluation whose criterion runs stand like this (W128)."""
    settled = sum(1 for run in runs if run.status in SETTLED_RUNS)
    return PLANNED_POINTS + CRITERIA_POINTS * settled // len(runs)


def input_hash(
    *,
    criterion: Criterion,
    facts: Sequence[Mapping[str, Any]],
    evidence: Sequence[str],
    cohort: Any,
    versions: Mapping[str, Any],
) -> str:
    """Hash what a result depends on (E91): criterion, facts used, ordered evidence hashes, cohort values, versions."""
    return digest(
        {
            "criterion": {"code": criterion.code, "kind": criterion.kind, "payload": criterion.payload},
            "facts": list(facts),
            "evidence": list(evidence),
            "cohort": cohort,
            "versions": dict(versions),
        }
    )


def current_versions() -> dict[str, Any]:
    """Versions of everything between evidence and verdict that is code (E7); documents pin their own by parse run."""
    return {"terms": TERM_VERSION, "graph": GRAPH_VERSION, "rules": RULES_VERSION}
