"""What all new work is steered by: live configurations and the switch that closes it (spec W61, W63)."""

from shared.adapters.postgres.session import Session
from shared.domain.releases import chosen

CHANGED = "updated_at = clock_timestamp(), row_version = row_version + 1"


class LiveConfigurations:
    """The LiveConfigurations port."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def read(self, part: str) -> tuple[str, str | None, int] | None:
        """Version, candidate, weight of the candidate; None before any release named the part."""
        row = self._session.row(
            "select version, candidate, weight from live_configurations where part = %(part)s", part=part
        )
        return None if row is None else (row["version"], row["candidate"], row["weight"])

    def chosen(self, subject: str) -> dict[str, str]:
        """Part -> the version that new work about the subject is pinned to; empty before any release named one."""
        rows = self._session.rows("select part, version, candidate, weight from live_configurations")
        return {row["part"]: chosen((row["version"], row["candidate"], row["weight"]), subject) for row in rows}

    def write(self, part: str, version: str, candidate: str | None, weight: int) -> None:
        """Set all three."""
        self._session.execute(
            """insert into live_configurations as l (part, version, candidate, weight)
                values (%(part)s, %(version)s, %(candidate)s, %(weight)s)
                on conflict (part) do update set version = excluded.version, candidate = excluded.candidate,
                  weight = excluded.weight, updated_at = clock_timestamp(), row_version = l.row_version + 1""",
            part=part,
            version=version,
            candidate=candidate,
            weight=weight,
        )


class WorkSwitch:
    """The WorkSwitch port."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def reason(self) -> str | None:
        """Why new work is closed, None while it is open."""
        row = self._session.row("select reason from work_switch where is_closed")
        return None if row is None else str(row["reason"])

    def close(self, reason: str) -> None:
        """Refuse new work from now on with SERVICE_READ_ONLY."""
        self._session.execute(f"update work_switch set is_closed = true, reason = %(reason)s, {CHANGED}", reason=reason)

    def open(self) -> None:
        """Accept it again."""
        self._session.execute(f"update work_switch set is_closed = false, reason = null, {CHANGED}")
