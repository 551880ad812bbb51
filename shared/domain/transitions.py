"""One pure table per state machine; anything not listed is refused (spec D100-D111)."""

from collections.abc import Mapping

from shared.domain.errors import Refused

JOB: Mapping[str, frozenset[str]] = {
    "queued": frozenset({"running", "canceled", "dlq_pending"}),
    "running": frozenset({"retrying", "succeeded", "dlq_pending", "canceled"}),
    "retrying": frozenset({"running", "dlq_pending", "canceled"}),
    "dlq_pending": frozenset({"dlq_recorded"}),
    "dlq_recorded": frozenset({"failed"}),
    "succeeded": frozenset(),
    "failed": frozenset(),
    "canceled": frozenset(),
}
DOCUMENT: Mapping[str, frozenset[str]] = {
    "uploaded": frozenset({"parse_queued", "quarantined", "deleted"}),
    "parse_queued": frozenset({"parsing", "parse_failed", "deleted"}),
    "parsing": frozenset({"parsed", "parse_failed", "quarantined", "deleted"}),
    "parsed": frozenset({"indexing", "index_failed", "deleted"}),
    "indexing": frozenset({"indexed", "index_failed", "deleted"}),
    "indexed": frozenset({"deleted"}),
    "parse_failed": frozenset({"parse_queued", "deleted"}),
    "index_failed": frozenset({"parse_queued", "deleted"}),
    "quarantined": frozenset({"deleted"}),
    "deleted": frozenset(),
}
EVALUATION: Mapping[str, frozenset[str]] = {
    "queued": frozenset({"evaluating", "failed", "canceled"}),
    "evaluating": frozenset({"needs_manual_decision", "report_generated", "failed", "canceled"}),
    "needs_manual_decision": frozenset({"approved", "rejected", "parked", "failed", "canceled"}),
    "parked": frozenset({"needs_manual_decision", "canceled"}),
    "approved": frozenset({"report_generated", "failed"}),
    "report_generated": frozenset({"needs_manual_decision", "published"}),
    "published": frozenset({"archived"}),
    "failed": frozenset({"queued"}),
    "rejected": frozenset(),
    "canceled": frozenset(),
    "archived": frozenset(),
}
REVIEW: Mapping[str, frozenset[str]] = {
    "open": frozenset({"claimed", "submitted", "expired", "canceled"}),
    "claimed": frozenset({"open", "submitted", "expired", "canceled"}),
    "submitted": frozenset({"applied"}),
    "applied": frozenset(),
    "expired": frozenset(),
    "canceled": frozenset(),
}
UPLOAD: Mapping[str, frozenset[str]] = {
    "open": frozenset({"completing", "aborted", "expired"}),
    "completing": frozenset({"completed", "open", "failed"}),
    "completed": frozenset(),
    "failed": frozenset(),
    "aborted": frozenset(),
    "expired": frozenset(),
}
WAIT: Mapping[str, frozenset[str]] = {
    "open": frozenset({"delivered", "expired", "canceled", "orphaned"}),
    "delivered": frozenset(),
    "expired": frozenset(),
    "canceled": frozenset(),
    "orphaned": frozenset(),
}
RULE_PACK_VERSION: Mapping[str, frozenset[str]] = {
    "draft": frozenset({"in_review"}),
    "in_review": frozenset({"active", "draft"}),
    "active": frozenset({"retired"}),
    "retired": frozenset(),
}
PROJECT: Mapping[str, frozenset[str]] = {
    "draft": frozenset({"open"}),
    "open": frozenset({"closed"}),
    "closed": frozenset({"archived", "open"}),
    "archived": frozenset(),
}
APPROVAL: Mapping[str, frozenset[str]] = {
    "requested": frozenset({"approved", "rejected", "expired", "withdrawn"}),
    "approved": frozenset({"executed", "expired"}),
    "rejected": frozenset(),
    "expired": frozenset(),
    "withdrawn": frozenset(),
    "executed": frozenset(),
}
DLQ: Mapping[str, frozenset[str]] = {
    "open": frozenset({"requeued", "discarded"}),
    "requeued": frozenset(),
    "discarded": frozenset(),
}
BATCH: Mapping[str, frozenset[str]] = {
    "queued": frozenset({"running", "canceled"}),
    "running": frozenset({"completed", "canceled"}),
    "completed": frozenset(),
    "canceled": frozenset(),
}
RELEASE: Mapping[str, frozenset[str]] = {
    "draft": frozenset({"gating"}),
    "gating": frozenset({"release_ready", "release_blocked"}),
    "release_blocked": frozenset({"gating"}),
    "release_ready": frozenset({"canary"}),
    "canary": frozenset({"baking", "rolling_back"}),
    "baking": frozenset({"closed", "rolling_back"}),
    "closed": frozenset({"rolling_back", "superseded"}),
    "rolling_back": frozenset({"replay_verifying"}),
    "replay_verifying": frozenset({"rolled_back", "rollback_failed"}),
    "rollback_failed": frozenset({"rolling_back"}),
    "rolled_back": frozenset(),
    "superseded": frozenset(),
}
STAGES = ("ingest", "parse", "index", "retrieve", "evaluate", "review", "report", "archive")


def check_move(machine: Mapping[str, frozenset[str]], old: str, new: str) -> None:
    """Raise WF_STATE_TRANSITION_INVALID unless the machine's table lists the move."""
    if new not in machine[old]:
        raise Refused("WF_STATE_TRANSITION_INVALID", f"cannot go from {old} to {new}", details={"from": old, "to": new})


def is_terminal(machine: Mapping[str, frozenset[str]], state: str) -> bool:
    """Tell whether nothing follows the state."""
    return not machine[state]


def is_later_stage(old: str | None, new: str) -> bool:
    """Tell whether `new` comes after `old`; a step that is run once more does not lead a job back."""
    return old is None or STAGES.index(new) > STAGES.index(old)


def check_stage(old: str | None, new: str) -> None:
    """Raise WF_STAGE_INVALID for an unknown stage or one before the current one (spec D112)."""
    if new not in STAGES or (old is not None and STAGES.index(new) < STAGES.index(old)):
        raise Refused("WF_STAGE_INVALID", details={"from": old, "to": new})
