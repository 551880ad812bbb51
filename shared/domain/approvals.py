"""Approvals by a second person: who may ask, who may vote, how many votes, and for exactly what (spec S63-S73)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from shared.domain.canonical_json import digest

LIFE = timedelta(hours=72)  # S73; the database sets and judges the moment
MOST_VOTES = 2  # S70


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRule:
    """One action: roles that may ask, roles that may vote, approving votes needed, and the exact parameters."""

    requesters: frozenset[str]
    voters: frozenset[str]
    votes: int
    resource_type: str
    parameters: frozenset[str] = frozenset()


def _rule(ask: str, vote: str, votes: int, resource_type: str, *parameters: str) -> ApprovalRule:
    return ApprovalRule(
        requesters=frozenset(ask.split()),
        voters=frozenset(vote.split()),
        votes=votes,
        resource_type=resource_type,
        parameters=frozenset(parameters),
    )


RULES: Mapping[str, ApprovalRule] = {
    "publish_report": _rule("admin evaluator", "admin evaluator", 1, "report"),  # S63
    "discard_dead_letter": _rule("admin", "admin", 1, "dead_letter", "reason"),  # S64
    "release_hold": _rule("admin", "admin auditor", 1, "hold"),  # S65
    "change_hard_rule": _rule("admin agent", "admin evaluator", 2, "rule_pack_version"),  # S66
    "overturn_red_line": _rule("evaluator admin", "evaluator admin", 2, "evaluation"),  # S67
    "expert_only_score": _rule("evaluator admin", "evaluator admin", 1, "evaluation"),
    "change_strategy": _rule("admin platform", "admin", 2, "strategy"),  # S68
    "promote_hard_knowledge": _rule("admin platform", "admin", 2, "knowledge_release"),
    "erase_tenant": _rule("admin", "admin", 1, "tenant"),  # S69
    "support_access": _rule("platform", "admin", 1, "tenant"),
    "resume_audit_chain": _rule("platform", "admin auditor", 2, "audit_chain"),
}
# Actions that a use case of the product executes today; an approval that nothing can use is not handed out.
EXECUTABLE = frozenset({"discard_dead_letter"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """A row of `approval_votes`; `jti` is the token of the signed-in call it was given in (S70)."""

    approval_id: str
    voter_id: str
    vote: str
    reason: str
    jti: str
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A row of `approvals`; `status` reads `expired` as soon as the database's clock is past `expires_at`."""

    approval_id: str
    action: str
    resource_type: str
    resource_id: str
    subject_hash: str
    requested_by: str
    reason: str
    votes_needed: int
    status: str = "requested"
    project_id: str | None = None
    author_id: str | None = None
    subject: dict[str, Any] = field(default_factory=dict)
    expires_at: datetime | None = None
    executed_at: datetime | None = None
    created_at: datetime | None = None
    row_version: int = 1


def subject_of(
    action: str, resource_type: str, resource_id: str, *, version: str, parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """What an approval is for; `version` is the resource's row version or content hash (S72)."""
    return {
        "action": action,
        "resource": {"type": resource_type, "id": resource_id},
        "version": version,
        "parameters": dict(parameters),
    }


def subject_hash(subject: Mapping[str, Any]) -> str:
    """SHA-256 over the canonical subject (S72)."""
    return digest(dict(subject))


def votes_needed(action: str, settings: Mapping[str, Any]) -> int:
    """Votes of the action's rule; the tenant's `approval_votes` may raise them to 2 and never lower them (S70)."""
    return max(RULES[action].votes, min(int(settings["approval_votes"]), MOST_VOTES))


def is_needed(action: str, settings: Mapping[str, Any]) -> bool:
    """Whether the action needs an approval: always when it has a rule, else when the tenant added it (S70)."""
    return action in RULES or action in settings["extra_approval_actions"]


def may_ask(action: str, roles: Iterable[str]) -> bool:
    """Whether one of the roles may ask for it."""
    return bool(RULES[action].requesters & set(roles))


def may_vote(action: str, roles: Iterable[str]) -> bool:
    """Whether one of the roles may vote on it; `service` is in no rule, so keys never vote (S13, S70)."""
    return bool(RULES[action].voters & set(roles))


def votable(roles: Iterable[str]) -> list[str]:
    """Actions that the roles may vote on."""
    held = set(roles)
    return [action for action, rule in RULES.items() if rule.voters & held]


def outcome(votes: Iterable[str], needed: int) -> str:
    """The status after these votes: the first rejection ends it, the last needed approval approves it (D107)."""
    given = list(votes)
    if "reject" in given:
        return "rejected"
    return "approved" if given.count("approve") >= needed else "requested"
