"""Report versions (spec D68)."""

from dataclasses import asdict, fields

from shared.adapters.postgres.session import Session
from shared.domain.errors import Refused
from shared.domain.evaluation_rows import Report

COLUMNS = ", ".join(f.name for f in fields(Report))


class Reports:
    """The Reports port."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, report: Report) -> None:
        """Insert a version; the same evaluation and version again changes nothing."""
        self._session.execute(
            """
            insert into reports (report_id, evaluation_id, version, kind, object_key, object_version, sha256,
                size_bytes, pdf_key, pdf_sha256, locked_until, approved_by, approved_at, supersedes)
            values (%(report_id)s, %(evaluation_id)s, %(version)s, %(kind)s, %(object_key)s, %(object_version)s,
                %(sha256)s, %(size_bytes)s, %(pdf_key)s, %(pdf_sha256)s, %(locked_until)s, %(approved_by)s,
                %(approved_at)s, %(supersedes)s)
            on conflict (tenant_id, evaluation_id, version) do nothing""",
            **asdict(report),
        )

    def get(self, report_id: str) -> Report:
        """The report; raises Refused REPORT_NOT_FOUND."""
        found = self._session.first(Report, f"select {COLUMNS} from reports where report_id = %(id)s", id=report_id)
        if found is None:
            raise Refused("REPORT_NOT_FOUND")
        return found

    def of_evaluation(self, evaluation_id: str) -> list[Report]:
        """All versions, newest first."""
        return self._session.all(
            Report,
            f"select {COLUMNS} from reports where evaluation_id = %(id)s order by version desc",
            id=evaluation_id,
        )

    def audit_span(self, evaluation_id: str) -> tuple[int | None, int | None]:
        """First and last number of the audit entries about the evaluation's own changes (E86)."""
        found = self._session.row(
            """select min(seq) as first, max(seq) as last from audit_log
               where resource_type = 'evaluation' and resource_id = %(id)s and starts_with(action, 'evaluation.')""",
            id=evaluation_id,
        )
        return (None, None) if found is None else (found["first"], found["last"])
