"""Change a rule pack: its name, or a version by draft, submit, activate and retire (spec A46-A49, E10, E11)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from shared.domain.canonical_json import digest
from shared.domain.errors import Refused
from shared.domain.project_rows import RulePackRow, RulePackVersion, check_row_version
from shared.domain.transitions import RULE_PACK_VERSION, check_move
from shared.ports.platform import Clock, Ids
from shared.ports.records import Records

if TYPE_CHECKING:
    from shared.domain.rule_packs import RulePack

STATES = {"submit": "in_review", "activate": "active", "retire": "retired"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRulePack:
    """`action`: `rename` (name), `add_version` (payload or from_version), `save_draft` (version, payload), or one
    of STATES (version). `expected_row_version` is that of the pack for `rename`, else of the version."""

    rule_pack_id: str
    action: str
    version: int = 0
    payload: Mapping[str, Any] = field(default_factory=dict)
    from_version: int | None = None
    name: str | None = None
    expected_row_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedRulePack:
    """The pack and, but for `rename`, the version as saved."""

    pack: RulePackRow
    version: RulePackVersion | None = None


def change_rule_pack(command: ChangeRulePack, *, records: Records, ids: Ids, clock: Clock) -> ChangedRulePack:
    """Save the change with its audit entry; the pack's row lock puts writers in line.

    Raises Refused RULE_PACK_NOT_FOUND, REQ_PRECONDITION_FAILED, RULE_PACK_LOCKED for content outside `draft`,
    WF_STATE_TRANSITION_INVALID, RULE_PACK_INVALID, RULE_OPERATOR_UNKNOWN or RULE_PACK_CYCLE for the content, and
    APPROVAL_SELF_FORBIDDEN when an author activates."""
    with records.transaction():
        pack = records.rule_packs.get(command.rule_pack_id, lock=True)
        if command.action == "rename":
            return ChangedRulePack(pack=_rename(pack, command, records))
        if command.action == "add_version":
            return ChangedRulePack(pack=pack, version=_add_version(command, records, ids))
        version = records.rule_packs.version(command.rule_pack_id, command.version, lock=True)
        check_row_version(version.row_version, command.expected_row_version)
        if command.action == "save_draft":
            return ChangedRulePack(pack=pack, version=_save_draft(version, command, records, ids))
        return ChangedRulePack(pack=pack, version=_move(version, command.action, records, clock))


def _rename(pack: RulePackRow, command: ChangeRulePack, records: Records) -> RulePackRow:
    check_row_version(pack.row_version, command.expected_row_version)
    saved = records.rule_packs.save(replace(pack, name=command.name or pack.name))
    records.trail.audit("rule_pack.changed", "rule_pack", pack.rule_pack_id, changes={"fields": ["name"]})
    return saved


def _add_version(command: ChangeRulePack, records: Records, ids: Ids) -> RulePackVersion:
    known = records.rule_packs.versions(command.rule_pack_id)
    payload = dict(command.payload)
    if command.from_version is not None:
        payload = records.rule_packs.version(command.rule_pack_id, command.from_version).payload
    content = _read(payload, ids)
    version = RulePackVersion(
        rule_pack_id=command.rule_pack_id,
        version=max((old.version for old in known), default=0) + 1,
        status="draft",
        payload=payload,
        content_hash=digest(payload),
        lint=_findings(content),
        panel_size=content.panel_size,
    )
    saved = records.rule_packs.add_version(version, content.criteria)
    _audit(saved, "rule_pack.version_created", records)
    return saved


def _save_draft(version: RulePackVersion, command: ChangeRulePack, records: Records, ids: Ids) -> RulePackVersion:
    if version.status != "draft":
        raise Refused("RULE_PACK_LOCKED", details={"status": version.status})
    payload = dict(command.payload)
    content = _read(payload, ids)
    changed = replace(
        version,
        payload=payload,
        content_hash=digest(payload),
        lint=_findings(content),
        panel_size=content.panel_size,
    )
    saved = records.rule_packs.save_version(changed, content.criteria)
    _audit(saved, "rule_pack.draft_saved", records)
    return saved


def _move(version: RulePackVersion, action: str, records: Records, clock: Clock) -> RulePackVersion:
    check_move(RULE_PACK_VERSION, version.status, STATES[action])
    changed = replace(version, status=STATES[action])
    if action in ("submit", "activate"):
        errors = [finding for finding in version.lint["findings"] if finding["severity"] == "error"]
        if errors:
            raise Refused("RULE_PACK_INVALID", details={"findings": errors})
    if action == "activate":
        actor_id = records.actor.actor_id
        edited = records.rule_packs.was_edited_by(version.rule_pack_id, version.version, actor_id)
        if edited or version.created_by == actor_id:
            raise Refused("APPROVAL_SELF_FORBIDDEN")
        changed = replace(changed, activated_at=clock.now(), activated_by=actor_id)
    saved = records.rule_packs.save_version(changed)
    _audit(saved, f"rule_pack.{STATES[action]}", records)
    return saved


def _read(payload: Mapping[str, Any], ids: Ids) -> "RulePack":
    # with all that the rules of a pack can say it is slow to load, and of the API's calls only these need it (O91)
    from shared.domain.rule_packs import read_rule_pack

    return read_rule_pack(payload, new_id=lambda: ids.new("crt"))


def _findings(content: "RulePack") -> dict[str, Any]:
    from shared.domain.rule_packs import lint

    return {"schema_version": 1, "findings": lint(content)}


def _audit(version: RulePackVersion, action: str, records: Records) -> None:
    about = f"{version.rule_pack_id}/{version.version}"
    records.trail.audit(action, "rule_pack_version", about, changes={"content_hash": version.content_hash})
