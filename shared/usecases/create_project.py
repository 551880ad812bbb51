"""Create a tender in state `draft` (spec A41, D37)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.domain.errors import Refused
from shared.domain.project_rows import Project, versioned
from shared.ports.platform import Ids
from shared.ports.records import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateProject:
    """`currency` is an ISO 4217 code; a rule pack version, when named, must be active."""

    code: str
    name: str
    currency: str
    size: str = "medium"
    high_risk: bool = False
    rule_pack_id: str | None = None
    rule_pack_version: int | None = None
    opens_at: datetime | None = None
    closes_at: datetime | None = None
    settings: dict[str, Any] | None = None


def create_project(command: CreateProject, *, records: Records, ids: Ids) -> Project:
    """Insert the project with its audit entry.

    Raises Refused CODE_TAKEN, RULE_PACK_NOT_FOUND or RULE_PACK_NOT_ACTIVE."""
    with records.transaction():
        if command.rule_pack_id is not None:
            version = records.rule_packs.version(command.rule_pack_id, command.rule_pack_version or 0)
            if version.status != "active":
                raise Refused("RULE_PACK_NOT_ACTIVE", details={"status": version.status})
        project = records.projects.add(
            Project(
                project_id=ids.new("prj"),
                code=command.code,
                name=command.name,
                status="draft",
                size=command.size,
                currency=command.currency,
                high_risk=command.high_risk,
                rule_pack_id=command.rule_pack_id,
                rule_pack_version=command.rule_pack_version,
                opens_at=command.opens_at,
                closes_at=command.closes_at,
                settings=versioned(command.settings),
            )
        )
        records.trail.audit("project.created", "project", project.project_id, changes={"code": project.code})
    return project
