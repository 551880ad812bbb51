"""CreateProject on a real database."""

import json
from pathlib import Path

import pytest

from infra.local.postgres import Databases
from shared.domain.errors import Refused
from shared.domain.project_rows import RulePackVersion
from shared.usecases.change_rule_pack import ChangeRulePack, change_rule_pack
from shared.usecases.create_project import CreateProject, create_project
from shared.usecases.create_rule_pack import CreateRulePack, create_rule_pack
from tests.records import clock, ids, make_records

PACK = json.loads((Path(__file__).parents[3] / "demo" / "en" / "rules.json").read_text(encoding="utf-8"))


def a_version(databases: Databases, tenant: str) -> RulePackVersion:
    records = make_records(databases, tenant)
    pack = create_rule_pack(CreateRulePack(code="R-1", name="Rules"), records=records, ids=ids)
    command = ChangeRulePack(rule_pack_id=pack.rule_pack_id, action="add_version", payload=PACK)
    version = change_rule_pack(command, records=records, ids=ids, clock=clock).version
    assert version is not None
    return version


def test_a_project_starts_as_a_draft_with_its_audit_entry(databases: Databases) -> None:
    records = make_records(databases)
    command = CreateProject(code="2026-01", name="桥梁", currency="CNY", settings={"notes": "x"})
    project = create_project(command, records=records, ids=ids)
    assert records.projects.get(project.project_id) == project
    assert (project.status, project.size, project.row_version) == ("draft", "medium", 1)
    assert project.settings == {"notes": "x", "schema_version": 1}
    audit = records.session.rows("select action, resource_id from audit_log")
    assert audit == [{"action": "project.created", "resource_id": project.project_id}]


def test_a_code_is_unique_in_its_tenant_only(databases: Databases) -> None:
    first, second = make_records(databases), make_records(databases)
    command = CreateProject(code="2026-01", name="A", currency="EUR")
    create_project(command, records=first, ids=ids)
    create_project(command, records=second, ids=ids)
    with pytest.raises(Refused) as refused:
        create_project(command, records=first, ids=ids)
    assert refused.value.code == "CODE_TAKEN"
    assert len(first.session.rows("select 1 from audit_log")) == 1


def test_a_rule_pack_version_must_be_active(databases: Databases) -> None:
    records = make_records(databases)
    version = a_version(databases, records.actor.tenant_id)
    for number, code in ((version.version, "RULE_PACK_NOT_ACTIVE"), (7, "RULE_PACK_NOT_FOUND")):
        command = CreateProject(
            code="p", name="A", currency="EUR", rule_pack_id=version.rule_pack_id, rule_pack_version=number
        )
        with pytest.raises(Refused) as refused:
            create_project(command, records=records, ids=ids)
        assert refused.value.code == code
    assert records.projects.list(filters={}, before=None, limit=5) == []
