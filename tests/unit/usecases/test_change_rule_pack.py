"""ChangeRulePack on a real database."""

import copy
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from infra.local.postgres import Databases
from shared.adapters.postgres.records import PostgresRecords
from shared.domain.canonical_json import digest
from shared.domain.errors import Refused
from shared.domain.project_rows import RulePackVersion
from shared.domain.rule_packs import read_rule_pack
from shared.usecases.change_rule_pack import ChangeRulePack, change_rule_pack
from shared.usecases.create_rule_pack import CreateRulePack, create_rule_pack
from tests.records import clock, ids, make_records

PACK = json.loads((Path(__file__).parents[3] / "demo" / "en" / "rules.json").read_text(encoding="utf-8"))


def a_pack(records: PostgresRecords) -> str:
    return create_rule_pack(CreateRulePack(code="R-1", name="Rules"), records=records, ids=ids).rule_pack_id


def change(records: PostgresRecords, pack_id: str, action: str, **fields: Any) -> RulePackVersion:
    command = ChangeRulePack(rule_pack_id=pack_id, action=action, **fields)
    version = change_rule_pack(command, records=records, ids=ids, clock=clock).version
    assert version is not None
    return version


def refusal(records: PostgresRecords, pack_id: str, action: str, **fields: Any) -> str:
    with pytest.raises(Refused) as refused:
        change(records, pack_id, action, **fields)
    return refused.value.code


def test_a_version_keeps_its_content_and_typed_criteria(databases: Databases) -> None:
    records = make_records(databases)
    pack_id = a_pack(records)
    version = change(records, pack_id, "add_version", payload=PACK)
    assert (version.version, version.status, version.panel_size) == (1, "draft", 1)
    assert version.content_hash == digest(PACK) and version.payload == PACK
    stored = records.rule_packs.criteria(pack_id, 1)
    read = read_rule_pack(PACK, new_id=lambda: "crt_x").criteria
    assert [(c.code, c.kind, c.max_score, c.doc_scope, c.parent_code) for c in stored] == [
        (c.code, c.kind, c.max_score, c.doc_scope, c.parent_code) for c in read
    ]
    assert abs(sum(c.weight for c in stored if c.kind != "group") - 1) < Decimal("0.00001")


def test_the_next_version_can_copy_an_earlier_one(databases: Databases) -> None:
    records = make_records(databases)
    pack_id = a_pack(records)
    first = change(records, pack_id, "add_version", payload=PACK)
    second = change(records, pack_id, "add_version", from_version=1)
    assert (second.version, second.content_hash) == (2, first.content_hash)
    ids_of = [{c.criterion_id for c in records.rule_packs.criteria(pack_id, n)} for n in (1, 2)]
    assert not ids_of[0] & ids_of[1]


def test_a_draft_is_replaced_with_its_criteria_and_nothing_else_is(databases: Databases) -> None:
    records = make_records(databases)
    pack_id = a_pack(records)
    change(records, pack_id, "add_version", payload=PACK)
    shorter = copy.deepcopy(PACK)
    shorter["criteria"] = [c for c in PACK["criteria"] if c["kind"] != "judged"]
    saved = change(records, pack_id, "save_draft", version=1, payload=shorter, expected_row_version=1)
    assert saved.row_version == 2
    assert len(records.rule_packs.criteria(pack_id, 1)) == len(shorter["criteria"])
    assert refusal(records, pack_id, "save_draft", version=1, payload=PACK, expected_row_version=1) == (
        "REQ_PRECONDITION_FAILED"
    )
    change(records, pack_id, "add_version", payload=PACK)
    change(records, pack_id, "submit", version=2)
    assert refusal(records, pack_id, "save_draft", version=2, payload=shorter) == "RULE_PACK_LOCKED"
    assert len(records.rule_packs.criteria(pack_id, 2)) == len(PACK["criteria"])


def test_no_author_activates_and_another_person_does(databases: Databases) -> None:
    author = make_records(databases)
    tenant = author.actor.tenant_id
    editor, admin = make_records(databases, tenant), make_records(databases, tenant)
    pack_id = a_pack(author)
    change(author, pack_id, "add_version", payload=PACK)
    change(editor, pack_id, "save_draft", version=1, payload=PACK)
    change(author, pack_id, "submit", version=1)
    assert refusal(author, pack_id, "activate", version=1) == "APPROVAL_SELF_FORBIDDEN"
    assert refusal(editor, pack_id, "activate", version=1) == "APPROVAL_SELF_FORBIDDEN"
    active = change(admin, pack_id, "activate", version=1)
    assert (active.status, active.activated_by) == ("active", admin.actor.actor_id)
    assert change(admin, pack_id, "retire", version=1).status == "retired"


@pytest.mark.parametrize(
    ("moves", "last"), [([], "activate"), ([], "retire"), (["submit"], "submit"), (["submit"], "retire")]
)
def test_states_are_not_skipped(databases: Databases, moves: list[str], last: str) -> None:
    records = make_records(databases)
    pack_id = a_pack(records)
    change(records, pack_id, "add_version", payload=PACK)
    for move in moves:
        change(records, pack_id, move, version=1)
    assert refusal(records, pack_id, last, version=1) == "WF_STATE_TRANSITION_INVALID"


def test_content_that_cannot_be_read_is_refused_with_its_code(databases: Databases) -> None:
    records = make_records(databases)
    pack_id = a_pack(records)
    unknown = copy.deepcopy(PACK)
    limit = next(c for c in unknown["criteria"] if c["kind"] == "numeric_limit")
    limit["test"]["op"] = "roughly"
    assert refusal(records, pack_id, "add_version", payload=unknown) == "RULE_OPERATOR_UNKNOWN"
    assert refusal(records, pack_id, "add_version", payload={"criteria": "none"}) == "RULE_PACK_INVALID"
    assert refusal(records, pack_id, "add_version", from_version=3) == "RULE_PACK_NOT_FOUND"
    assert refusal(records, ids.new("rpk"), "add_version", payload=PACK) == "RULE_PACK_NOT_FOUND"
    assert records.rule_packs.versions(pack_id) == []


def test_lint_errors_keep_a_version_from_being_submitted(databases: Databases) -> None:
    records = make_records(databases)
    pack_id = a_pack(records)
    wrong = copy.deepcopy(PACK)
    wrong["declared_total"] = "50"
    version = change(records, pack_id, "add_version", payload=wrong)
    assert any(finding["severity"] == "error" for finding in version.lint["findings"])
    assert refusal(records, pack_id, "submit", version=1) == "RULE_PACK_INVALID"


def test_the_database_itself_keeps_submitted_content(databases: Databases) -> None:
    records = make_records(databases)
    pack_id = a_pack(records)
    change(records, pack_id, "add_version", payload=PACK)
    change(records, pack_id, "submit", version=1)
    with pytest.raises(Refused) as refused:
        records.session.execute("update rule_pack_versions set payload = '{}' where rule_pack_id = %(id)s", id=pack_id)
    assert refused.value.code == "RULE_PACK_LOCKED"


def test_a_pack_is_renamed_at_its_version(databases: Databases) -> None:
    records = make_records(databases)
    pack_id = a_pack(records)
    command = ChangeRulePack(rule_pack_id=pack_id, action="rename", name="New", expected_row_version=1)
    changed = change_rule_pack(command, records=records, ids=ids, clock=clock)
    assert (changed.pack.name, changed.pack.row_version, changed.version) == ("New", 2, None)
    assert refusal(records, pack_id, "rename", name="Again", expected_row_version=1) == "REQ_PRECONDITION_FAILED"
