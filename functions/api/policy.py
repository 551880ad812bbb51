"""Who may do what: one row per action, read by every route and every test (spec S17-S19, S22-S38)."""

from collections.abc import Iterable
from dataclasses import dataclass

from shared.domain.project_rows import Grant

ROLES = {"A": "admin", "G": "agent", "E": "evaluator", "V": "viewer", "U": "auditor", "S": "service"}
ROLES |= {"P": "platform_admin"}
READERS = "A G E V U"


@dataclass(frozen=True, slots=True)
class Action:
    """Roles that may do it. `scope` says what decides: the tenant-wide roles only, or those inside the project."""

    roles: frozenset[str]
    scope: str


def _row(letters: str, scope: str = "project") -> Action:
    return Action(frozenset(ROLES[letter] for letter in letters.split()), scope)


POLICY: dict[str, Action] = {
    "me.read": _row(READERS),
    "catalogue.read": _row(READERS),
    "project.create": _row("A G", "tenant"),  # S23
    "project.write": _row("A G"),
    "project.read": _row(READERS),
    "supplier.write": _row("A G", "tenant"),
    "supplier.read": _row(READERS, "tenant"),
    "bid.write": _row("A G"),
    "bid.read": _row(READERS),
    "rule_pack.draft": _row("A G", "tenant"),  # S24
    "rule_pack.activate": _row("A", "tenant"),
    "rule_pack.retire": _row("A", "tenant"),
    "rule_pack.read": _row(READERS, "tenant"),
    "document.upload": _row("A G"),  # S25
    "document.parse": _row("A G"),  # S25, A66
    "document.read": _row(READERS),  # S26
    "fact.read": _row(READERS),
    "evaluation.start": _row("A G E"),  # S28
    "evaluation.read": _row(READERS),  # S29
    "evaluation.reissue": _row("A G"),  # A96
    "review.request": _row("A E"),  # A95
    "evaluation.audit": _row("A U"),  # A94
    "matrix.read": _row("A G E"),  # A98
    "review.read": _row("A E U"),  # A100
    "review.decide": _row("A E"),  # S30
    "report.read": _row(READERS),  # S33
    "export.create": _row(READERS),  # A108: any by source
    "export.read": _row(READERS),
    "batch.write": _row("A G", "tenant"),  # A113; each item is asked for by its own action
    "batch.read": _row("A G", "tenant"),
    "job.read": _row(READERS),  # S35
    "job.cancel": _row("A G E"),  # an evaluator only what it started
    "run.read": _row("A G E V U"),  # events; the run itself: A112
    "dead_letter.read": _row("A G E U"),  # S36
    "dead_letter.requeue": _row("A G"),
    "dead_letter.replay": _row("A"),
    "dead_letter.discard": _row("A"),  # with an approval of S64
    "approval.request": _row("A G E", "tenant"),  # who may ask for which action: S63-S69, domain/approvals.py
    "approval.vote": _row("A E U", "tenant"),
    "approval.read": _row("A G E U", "tenant"),  # S37: own and votable ones
    "approval.read_all": _row("A U", "tenant"),
    "run.inspect": _row("A G E U"),
    "webhook.read": _row("A U", "tenant"),  # S22, A125
    "webhook.write": _row("A", "tenant"),
    "webhook.deliveries": _row("A", "tenant"),  # A126
    "release.read": _row("P", "tenant"),  # S44, S20: people of the platform's own tenant
    "release.write": _row("P", "tenant"),
    "release.start": _row("P", "tenant"),
    "release.roll_back": _row("P", "tenant"),
}


def roles_in(grants: Iterable[Grant], project_id: str | None) -> frozenset[str]:
    """The roles that count: a grant in the project replaces the tenant-wide ones, in both directions (S17)."""
    grants = tuple(grants)
    inside = frozenset(g.role for g in grants if g.scope == "project" and g.project_id == project_id)
    if project_id is not None and inside:
        return inside
    return frozenset(g.role for g in grants if g.scope == "tenant")


def may(grants: Iterable[Grant], action: str, project_id: str | None) -> bool:
    """Whether one of the roles that count there allows the action."""
    row = POLICY[action]
    place = None if row.scope == "tenant" else project_id
    return bool(roles_in(grants, place) & row.roles)


def may_somewhere(grants: Iterable[Grant], action: str) -> bool:
    """Whether the action is allowed tenant-wide or in any project: the check before the row is known (A7)."""
    row, grants = POLICY[action], tuple(grants)
    if row.scope == "tenant":
        return may(grants, action, None)
    return any(grant.role in row.roles for grant in grants)


def permissions(grants: Iterable[Grant], project_id: str | None = None) -> list[str]:
    """All actions the grants allow there, sorted."""
    grants = tuple(grants)
    return sorted(action for action in POLICY if may(grants, action, project_id))
