"""A request is for an exact subject, by a person who may ask."""

from typing import Any

import pytest

from infra.local.postgres import Databases
from shared.domain.approvals import RULES, is_needed, may_ask, may_vote, outcome, subject_hash, subject_of, votes_needed
from shared.domain.errors import Refused
from shared.usecases.request_approval import RequestApproval, request_approval
from tests.dead_letters import a_message, request
from tests.records import ids, make_records


def test_the_hash_follows_action_resource_version_and_parameters() -> None:
    base: dict[str, Any] = {"action": "a", "resource_type": "t", "resource_id": "r", "version": "1", "parameters": {}}
    changes: list[dict[str, Any]] = [
        {},
        {"action": "b"},
        {"resource_type": "u"},
        {"resource_id": "s"},
        {"version": "2"},
        {"parameters": {"x": 2}},
        {"parameters": {"x": 1}},
    ]
    assert len({subject_hash(subject_of(**base | change)) for change in changes}) == 7


def test_a_tenant_raises_votes_and_adds_actions_and_lowers_nothing() -> None:
    assert [votes_needed("discard_dead_letter", {"approval_votes": n}) for n in (0, 1, 2, 9)] == [1, 1, 2, 2]
    assert [votes_needed("change_hard_rule", {"approval_votes": n}) for n in (0, 1, 2)] == [2, 2, 2]
    settings = {"extra_approval_actions": ["export_all"]}
    assert is_needed("discard_dead_letter", {"extra_approval_actions": []})
    assert is_needed("export_all", settings) and not is_needed("read_all", settings)


def test_no_service_or_viewer_asks_or_votes_on_anything() -> None:
    assert not any(may_ask(action, ["service", "viewer"]) for action in RULES)
    assert not any(may_vote(action, ["service", "viewer", "platform"]) for action in RULES)


def test_one_rejection_outweighs_all_approvals() -> None:
    assert [outcome(votes, 2) for votes in (["approve"], ["approve"] * 2, ["approve", "approve", "reject"])] == [
        "requested",
        "approved",
        "rejected",
    ]


def test_a_service_account_with_the_role_of_an_admin_cannot_ask(databases: Databases) -> None:
    records = make_records(databases, kind="service", roles=frozenset({"admin"}))
    command = RequestApproval(
        action="discard_dead_letter",
        resource_type="dead_letter",
        resource_id=ids.new("dlq"),
        reason="x",
        parameters={"reason": "r"},
    )
    with pytest.raises(Refused) as refusal:
        request_approval(command, records=records, ids=ids)
    assert refusal.value.code == "AUTH_FORBIDDEN"


def test_a_request_keeps_who_asked_and_lives_for_72_hours(databases: Databases) -> None:
    records = make_records(databases, roles=frozenset({"admin"}))
    made = request(records, a_message(records))
    assert (made.requested_by, made.status) == (records.actor.actor_id, "requested")
    assert made.expires_at is not None and made.created_at is not None
    assert abs((made.expires_at - made.created_at).total_seconds() - 72 * 3600) < 1
