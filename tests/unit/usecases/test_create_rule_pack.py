"""CreateRulePack on a real database."""

import pytest

from infra.local.postgres import Databases
from shared.domain.errors import Refused
from shared.usecases.create_rule_pack import CreateRulePack, create_rule_pack
from tests.records import ids, make_records


def test_a_pack_is_stored_without_a_version(databases: Databases) -> None:
    records = make_records(databases)
    pack = create_rule_pack(CreateRulePack(code="R-1", name="Rules"), records=records, ids=ids)
    assert records.rule_packs.get(pack.rule_pack_id) == pack
    assert records.rule_packs.versions(pack.rule_pack_id) == []
    assert records.session.rows("select action from audit_log") == [{"action": "rule_pack.created"}]


def test_a_taken_code_is_refused(databases: Databases) -> None:
    records = make_records(databases)
    create_rule_pack(CreateRulePack(code="R-1", name="Rules"), records=records, ids=ids)
    with pytest.raises(Refused) as refused:
        create_rule_pack(CreateRulePack(code="R-1", name="Rules"), records=records, ids=ids)
    assert refused.value.code == "CODE_TAKEN"
