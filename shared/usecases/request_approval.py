"""Ask for the approval of one exact action on one resource (spec S63-S73, A120)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.domain.approvals import EXECUTABLE, RULES, Approval, may_ask, subject_hash, subject_of, votes_needed
from shared.domain.errors import Refused
from shared.ports.platform import Ids
from shared.ports.records import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestApproval:
    """`parameters` are exactly those the action will be called with."""

    action: str
    resource_type: str
    resource_id: str
    reason: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


def request_approval(command: RequestApproval, *, records: Records, ids: Ids) -> Approval:
    """Store the request with the hash of its subject, as the resource stands now.

    Raises Refused REQ_VALIDATION_FAILED (an action that nothing executes, wrong resource type or parameters),
    AUTH_FORBIDDEN, DLQ_ITEM_NOT_FOUND or APPROVAL_STATE_CONFLICT."""
    _check(command)
    if records.actor.kind != "user" or not may_ask(command.action, records.actor.roles):
        raise Refused("AUTH_FORBIDDEN", details={"action": command.action})
    with records.transaction():
        version, project_id = _version(records, command)
        subject = subject_of(
            command.action,
            command.resource_type,
            command.resource_id,
            version=version,
            parameters=command.parameters,
        )
        return records.approvals.request(
            Approval(
                approval_id=ids.new("apr"),
                action=command.action,
                resource_type=command.resource_type,
                resource_id=command.resource_id,
                project_id=project_id,
                subject=subject,
                subject_hash=subject_hash(subject),
                requested_by=records.actor.actor_id,
                reason=command.reason,
                votes_needed=votes_needed(command.action, records.users.tenant_settings()),
            )
        )


def _check(command: RequestApproval) -> None:
    wrong = []
    if command.action not in EXECUTABLE:
        wrong.append({"field": "body.action", "rule": "not_executable"})
    else:
        rule = RULES[command.action]
        if command.resource_type != rule.resource_type:
            wrong.append({"field": "body.resource.type", "rule": rule.resource_type})
        if set(command.parameters) != rule.parameters:
            wrong.append({"field": "body.subject", "rule": "exactly " + ", ".join(sorted(rule.parameters))})
    if wrong:
        raise Refused("REQ_VALIDATION_FAILED", details={"fields": wrong})


def _version(records: Records, command: RequestApproval) -> tuple[str, str | None]:
    """The version of the resource that is asked about, and its project; one line per kind of EXECUTABLE."""
    item = records.dead_letters.get(command.resource_id, lock=True)
    return str(item.row_version), item.project_id
