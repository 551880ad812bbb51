"""Change a tender: its fields, or its state by open, close, reopen and archive (spec A41, A42, D111)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from shared.domain.errors import Refused
from shared.domain.project_rows import Project, check_row_version, merged, versioned
from shared.domain.transitions import PROJECT, check_move
from shared.ports.records import Records

STATES = {"open": "open", "close": "closed", "reopen": "open", "archive": "archived"}
STARTS = {"open": "draft", "reopen": "closed"}
PATCHABLE = frozenset({"name", "size", "high_risk", "currency", "rule_pack", "opens_at", "closes_at", "settings"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeProject:
    """`action` is `patch` or one of STATES; `patch` is a merge patch of PATCHABLE, `rule_pack` being {id, version}."""

    project_id: str
    action: str
    patch: Mapping[str, Any] = field(default_factory=dict)
    reason: str | None = None
    expected_row_version: int | None = None


def change_project(command: ChangeProject, *, records: Records) -> Project:
    """Save the change with its audit entry.

    Raises Refused PROJECT_NOT_FOUND, REQ_PRECONDITION_FAILED, WF_STATE_TRANSITION_INVALID, PROJECT_CLOSED for a patch
    of an archived project, RULE_PACK_NOT_FOUND or RULE_PACK_NOT_ACTIVE."""
    with records.transaction():
        project = records.projects.get(command.project_id, lock=True)
        check_row_version(project.row_version, command.expected_row_version)
        if command.action == "patch":
            changed = _patched(project, command.patch, records)
            changes: dict[str, Any] = {"fields": sorted(command.patch)}
        else:
            changed = _moved(project, command.action)
            changes = {"from": project.status, "to": changed.status, "reason": command.reason}
        saved = records.projects.save(changed)
        verb = "changed" if command.action == "patch" else command.action
        records.trail.audit(f"project.{verb}", "project", project.project_id, changes=changes)
    return saved


def _moved(project: Project, action: str) -> Project:
    """`open` starts a draft and `reopen` a closed one: the same target state, told apart for the audit."""
    target = STATES[action]
    check_move(PROJECT, project.status, target)
    if project.status != STARTS.get(action, project.status):
        raise Refused("WF_STATE_TRANSITION_INVALID", details={"from": project.status, "action": action})
    return replace(project, status=target)


def _patched(project: Project, patch: Mapping[str, Any], records: Records) -> Project:
    if project.status == "archived":
        raise Refused("PROJECT_CLOSED", details={"status": project.status})
    unknown = patch.keys() - PATCHABLE
    if unknown:
        raise Refused("REQ_VALIDATION_FAILED", details={"fields": sorted(unknown)})
    changes = {name: value for name, value in patch.items() if name not in ("rule_pack", "settings")}
    if "settings" in patch:
        changes["settings"] = versioned(merged(project.settings, patch["settings"] or {}))
    if "rule_pack" in patch:
        pack = patch["rule_pack"]
        changes |= {"rule_pack_id": pack and pack["id"], "rule_pack_version": pack and pack["version"]}
        if pack:
            version = records.rule_packs.version(pack["id"], pack["version"])
            if version.status != "active":
                raise Refused("RULE_PACK_NOT_ACTIVE", details={"status": version.status})
    return replace(project, **changes)
