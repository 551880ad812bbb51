"""Evaluations, snapshots, pinned documents and criterion runs (spec D59-D61)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from psycopg.types.json import Jsonb

from shared.adapters.postgres.session import Session
from shared.domain.errors import Refused
from shared.domain.evaluation_rows import CriterionRun, Evaluation, MatrixCell
from shared.domain.plans import PinnedDocument, Plan

COLUMNS = ", ".join(f.name for f in fields(Evaluation))
RUN_COLUMNS = ", ".join(f.name for f in fields(CriterionRun))
FILTERS = {
    "project_id": "project_id = %(project_id)s",
    "supplier_id": "supplier_id = %(supplier_id)s",
    "status": "status = %(status)s",
    "plan_id": "plan_id = %(plan_id)s",
    "reason": "review_reasons @> jsonb_build_array(jsonb_build_object('code', %(reason)s::text))",
}


class Evaluations:
    """The Evaluations port."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, evaluation: Evaluation, plan: Plan) -> Evaluation:
        """Insert evaluation, snapshot and pinned documents; raises Refused EVALUATION_DUPLICATE for a taken plan."""
        with self._session.transaction():
            saved = self._session.first(
                Evaluation,
                f"""
                insert into evaluations (evaluation_id, project_id, supplier_id, bid_id, rule_pack_id,
                    rule_pack_version, status, stage, plan_id, rerun_of, rerun_no, forced_review, max_total, job_id)
                values (%(evaluation_id)s, %(project_id)s, %(supplier_id)s, %(bid_id)s, %(rule_pack_id)s,
                    %(rule_pack_version)s, %(status)s, %(stage)s, %(plan_id)s, %(rerun_of)s, %(rerun_no)s,
                    %(forced_review)s, %(max_total)s, %(job_id)s)
                on conflict (tenant_id, plan_id, rerun_no) where status <> 'canceled' do nothing
                returning {COLUMNS}""",
                **{f.name: getattr(evaluation, f.name) for f in fields(Evaluation) if f.name != "review_reasons"},
            )
            if saved is None:
                raise Refused("EVALUATION_DUPLICATE", details={"plan_id": evaluation.plan_id})
            self._session.execute(
                """insert into evaluation_snapshots (evaluation_id, payload, snapshot_hash)
                   values (%(id)s, %(payload)s, %(hash)s)""",
                id=saved.evaluation_id,
                payload=Jsonb(plan.payload),
                hash=plan.snapshot_hash,
            )
            self._session.many(
                """insert into evaluation_documents (evaluation_id, document_id, parse_run_id, content_hash)
                   values (%(evaluation_id)s, %(document_id)s, %(parse_run_id)s, %(content_hash)s)""",
                [{"evaluation_id": saved.evaluation_id, **asdict(document)} for document in plan.documents],
            )
        return saved

    def get(self, evaluation_id: str, *, lock: bool = False) -> Evaluation:
        """The evaluation; raises Refused EVALUATION_NOT_FOUND."""
        found = self._session.first(
            Evaluation,
            f"select {COLUMNS} from evaluations where evaluation_id = %(id)s {'for update' if lock else ''}",
            id=evaluation_id,
        )
        if found is None:
            raise Refused("EVALUATION_NOT_FOUND")
        return found

    def change(self, evaluation: Evaluation, **changes: Any) -> Evaluation:
        """Save stage, scores or reasons without a move; raises Refused VERSION_CONFLICT."""
        unknown = changes.keys() - {f.name for f in fields(Evaluation)}
        if unknown or "status" in changes:
            raise ValueError(f"cannot change {sorted(unknown) or 'status'}")
        saved = self._session.first(
            Evaluation,
            f"""update evaluations set updated_at = clock_timestamp(), row_version = row_version + 1,
                  updated_by = coalesce(nullif(current_setting('app.actor_id', true), ''), 'system')
                  {"".join(f", {name} = %({name})s" for name in changes)}
                where evaluation_id = %(evaluation_id)s and row_version = %(old_version)s returning {COLUMNS}""",
            evaluation_id=evaluation.evaluation_id,
            old_version=evaluation.row_version,
            **{name: Jsonb(value) if isinstance(value, list) else value for name, value in changes.items()},
        )
        if saved is None:
            raise Refused("VERSION_CONFLICT", "the evaluation changed since it was read")
        return saved

    def snapshot(self, evaluation_id: str) -> tuple[dict[str, Any], str]:
        """Payload and hash of the frozen plan; raises Refused EVALUATION_NOT_FOUND."""
        found = self._session.row(
            "select payload, snapshot_hash from evaluation_snapshots where evaluation_id = %(id)s", id=evaluation_id
        )
        if found is None:
            raise Refused("EVALUATION_NOT_FOUND")
        return found["payload"], found["snapshot_hash"]

    def documents(self, evaluation_id: str) -> list[PinnedDocument]:
        """The pinned documents with the status they have now, by document id."""
        return self._session.all(
            PinnedDocument,
            """select e.document_id, e.parse_run_id, e.content_hash, d.doc_type, d.status,
                 d.parse_run_id as current_run
               from evaluation_documents e join documents d using (tenant_id, document_id)
               where e.evaluation_id = %(id)s order by e.document_id""",
            id=evaluation_id,
        )

    def plan_criteria(self, runs: Sequence[CriterionRun]) -> None:
        """Insert the criterion runs that are missing."""
        self._session.many(
            """insert into criterion_runs (evaluation_id, criterion_id, group_no, ordinal, thread_id, status)
               values (%(evaluation_id)s, %(criterion_id)s, %(group_no)s, %(ordinal)s, %(thread_id)s, %(status)s)
               on conflict (tenant_id, evaluation_id, criterion_id) do nothing""",
            [asdict(run) for run in runs],
        )

    def criterion_runs(self, evaluation_id: str, *, group_no: int | None = None) -> list[CriterionRun]:
        """By ordinal, of one group or all."""
        return self._session.all(
            CriterionRun,
            f"""select {RUN_COLUMNS} from criterion_runs
                where evaluation_id = %(id)s and (%(group_no)s::int is null or group_no = %(group_no)s)
                order by ordinal""",
            id=evaluation_id,
            group_no=group_no,
        )

    def mark_criterion(
        self, evaluation_id: str, criterion_id: str, status: str, *, interrupt_id: str | None, input_hash: str | None
    ) -> None:
        """Set status and interrupt of a criterion run; `input_hash` None keeps what is stored."""
        self._session.execute(
            """update criterion_runs set status = %(status)s, interrupt_id = %(interrupt_id)s,
                 input_hash = coalesce(%(input_hash)s, input_hash), updated_at = clock_timestamp(),
                 row_version = row_version + 1
               where evaluation_id = %(evaluation_id)s and criterion_id = %(criterion_id)s""",
            evaluation_id=evaluation_id,
            criterion_id=criterion_id,
            status=status,
            interrupt_id=interrupt_id,
            input_hash=input_hash,
        )

    def matrix(self, project_id: str) -> list[MatrixCell]:
        """Current verdicts of the newest evaluation of every supplier, by supplier and criterion (A98)."""
        return self._session.all(
            MatrixCell,
            """
            with newest as (
              select distinct on (supplier_id) * from evaluations
              where project_id = %(project_id)s and status <> 'canceled' order by supplier_id, evaluation_id desc),
            verdict as (
              select distinct on (v.evaluation_id, v.criterion_id) v.*
              from verdicts v join newest n using (tenant_id, evaluation_id)
              order by v.evaluation_id, v.criterion_id, v.revision desc)
            select n.evaluation_id, n.status as evaluation_status, s.supplier_id, s.code as supplier_code,
              s.name as supplier_name, c.criterion_id, c.code as criterion_code, c.kind as criterion_kind, c.title,
              v.verdict_id, v.outcome, v.score_state, v.score, c.max_score, v.confidence, v.source,
              (select count(*) from citations q where q.tenant_id = v.tenant_id and q.verdict_id = v.verdict_id)::int
                as citation_count
            from newest n
              join suppliers s using (tenant_id, supplier_id)
              join criteria c on c.tenant_id = n.tenant_id and c.rule_pack_id = n.rule_pack_id
                and c.version = n.rule_pack_version and c.kind <> 'group'
              left join verdict v on v.evaluation_id = n.evaluation_id and v.criterion_id = c.criterion_id
            order by s.code, c.ordinal""",
            project_id=project_id,
        )

    def list(self, *, filters: Mapping[str, Any], before: str | None, limit: int) -> list[Evaluation]:
        """Newest first, ids below `before`; filters by project_id, supplier_id, status, plan_id, reason."""
        where = "".join(f" and {FILTERS[name]}" for name in filters)
        return self._session.all(
            Evaluation,
            f"""select {COLUMNS} from evaluations where (%(before)s::text is null or evaluation_id < %(before)s) {where}
                order by evaluation_id desc limit %(limit)s""",
            before=before,
            limit=limit,
            **filters,
        )
