"""Projects."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from psycopg.types.json import Jsonb

from shared.adapters.postgres.session import Session
from shared.domain.errors import Refused
from shared.domain.project_rows import Project

COLUMNS = """project_id, code, name, status, size, currency, high_risk, rule_pack_id, rule_pack_version, opens_at,
    closes_at, settings, created_at, updated_at, created_by, row_version"""


class Projects:
    """The Projects port."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, project: Project) -> Project:
        """Insert; raises Refused CODE_TAKEN."""
        saved = self._session.first(
            Project,
            f"""
            insert into projects (project_id, code, name, status, size, currency, high_risk, rule_pack_id,
                rule_pack_version, opens_at, closes_at, settings)
            values (%(project_id)s, %(code)s, %(name)s, %(status)s, %(size)s, %(currency)s, %(high_risk)s,
                %(rule_pack_id)s, %(rule_pack_version)s, %(opens_at)s, %(closes_at)s, %(settings)s)
            on conflict (tenant_id, code) do nothing returning {COLUMNS}""",
            **{**asdict(project), "settings": Jsonb(project.settings)},
        )
        if saved is None:
            raise Refused("CODE_TAKEN", details={"code": project.code})
        return saved

    def get(self, project_id: str, *, lock: bool = False) -> Project:
        """The project; raises Refused PROJECT_NOT_FOUND."""
        found = self._session.first(
            Project,
            f"""select {COLUMNS} from projects where project_id = %(project_id)s and deleted_at is null
                {"for update" if lock else ""}""",
            project_id=project_id,
        )
        if found is None:
            raise Refused("PROJECT_NOT_FOUND")
        return found

    def list(self, *, filters: Mapping[str, Any], before: str | None, limit: int) -> list[Project]:
        """Newest first, ids below `before`; filters by status and code."""
        return self._session.all(
            Project,
            f"""
            select {COLUMNS} from projects
             where deleted_at is null and (%(before)s::text is null or project_id < %(before)s)
               and (%(status)s::text is null or status = %(status)s) and (%(code)s::text is null or code = %(code)s)
             order by project_id desc limit %(limit)s""",
            before=before,
            limit=limit,
            status=filters.get("status"),
            code=filters.get("code"),
        )

    def save(self, project: Project) -> Project:
        """Store the changed row and return it; raises Refused VERSION_CONFLICT when it changed meanwhile."""
        saved = self._session.first(
            Project,
            f"""
            update projects set name = %(name)s, status = %(status)s, size = %(size)s, currency = %(currency)s,
                high_risk = %(high_risk)s, rule_pack_id = %(rule_pack_id)s, rule_pack_version = %(rule_pack_version)s,
                opens_at = %(opens_at)s, closes_at = %(closes_at)s, settings = %(settings)s,
                updated_at = clock_timestamp(), row_version = row_version + 1,
                updated_by = coalesce(nullif(current_setting('app.actor_id', true), ''), 'system')
             where project_id = %(project_id)s and row_version = %(row_version)s returning {COLUMNS}""",
            **{**asdict(project), "settings": Jsonb(project.settings)},
        )
        if saved is None:
            raise Refused("VERSION_CONFLICT")
        return saved
