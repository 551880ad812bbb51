"""Search logs and evidence packs (spec D54)."""

from dataclasses import asdict

from psycopg.types.json import Jsonb

from shared.adapters.postgres.session import Session
from shared.domain.retrieval import EvidenceItem, EvidencePack, SearchLog


class Searches:
    """The Searches port."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add_log(self, log: SearchLog) -> None:
        """Insert a search log; the same id again changes nothing."""
        values = asdict(log)
        coverage = {**values.pop("coverage"), "branches_run": values.pop("branches_run")}
        best = values.pop("best_rejected")
        self._session.execute(
            """
            insert into search_logs (search_log_id, project_id, supplier_id, evaluation_id, criterion_id, purpose,
                variants, coverage, degraded, degrade_reasons, best_rejected, duration_ms)
            values (%(search_log_id)s, %(project_id)s, %(supplier_id)s, %(evaluation_id)s, %(criterion_id)s,
                %(purpose)s, %(variants)s, %(coverage)s, %(degraded)s, %(degrade_reasons)s, %(best)s, %(duration_ms)s)
            on conflict (tenant_id, search_log_id) do nothing""",
            **{**values, "variants": Jsonb(values["variants"])},
            coverage=Jsonb(coverage),
            best=None if best is None else Jsonb(best),
        )

    def add_pack(self, evaluation_id: str, criterion_id: str, pack: EvidencePack) -> None:
        """Insert an evidence pack; the same id again changes nothing."""
        self._session.execute(
            """
            insert into evidence_packs (pack_id, evaluation_id, criterion_id, items, token_count, sufficient,
                index_generation, config_version, pack_hash, search_log_id)
            values (%(pack_id)s, %(evaluation_id)s, %(criterion_id)s, %(items)s, %(token_count)s, %(sufficient)s,
                %(index_generation)s, %(config_version)s, %(pack_hash)s, %(search_log_id)s)
            on conflict (tenant_id, pack_id) do nothing""",
            **{**asdict(pack), "items": Jsonb([asdict(item) for item in pack.items])},
            evaluation_id=evaluation_id,
            criterion_id=criterion_id,
        )

    def log(self, search_log_id: str) -> SearchLog | None:
        """The log, or None."""
        found = self._session.row(
            """select search_log_id, project_id, supplier_id, evaluation_id, criterion_id, purpose, variants, coverage,
                 degraded, degrade_reasons, best_rejected, duration_ms
               from search_logs where search_log_id = %(id)s""",
            id=search_log_id,
        )
        if found is None:
            return None
        branches = found["coverage"].pop("branches_run", [])
        return SearchLog(**found, branches_run=branches)

    def pack(self, pack_id: str) -> EvidencePack | None:
        """The pack, or None."""
        found = self._session.row(
            """select pack_id, items, token_count, sufficient, index_generation, config_version, pack_hash,
                 search_log_id from evidence_packs where pack_id = %(id)s""",
            id=pack_id,
        )
        if found is None:
            return None
        items = tuple(EvidenceItem(**item) for item in found.pop("items"))
        return EvidencePack(items=items, **found)
