"""Create a named rule pack, still without a version (spec A46, D41)."""

from dataclasses import dataclass

from shared.domain.project_rows import RulePackRow
from shared.ports.platform import Ids
from shared.ports.records import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateRulePack:
    """`code` is unique in the tenant."""

    code: str
    name: str


def create_rule_pack(command: CreateRulePack, *, records: Records, ids: Ids) -> RulePackRow:
    """Insert the pack with its audit entry; raises Refused CODE_TAKEN."""
    with records.transaction():
        pack = records.rule_packs.add(RulePackRow(rule_pack_id=ids.new("rpk"), code=command.code, name=command.name))
        records.trail.audit("rule_pack.created", "rule_pack", pack.rule_pack_id, changes={"code": pack.code})
    return pack
