"""Accept the evaluation of one bid: refuse what cannot run, freeze the plan, queue the job (spec E13, E14, A91)."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain.archives import is_unpacked
from shared.domain.documents import Document
from shared.domain.errors import Refused
from shared.domain.evaluation_rows import Evaluation
from shared.domain.jobs import Job, new_job
from shared.domain.plans import PinnedDocument, Plan, current_versions, freeze
from shared.domain.project_rows import Bid, Project
from shared.ports.platform import Clock, Ids
from shared.ports.records import Records

FAILED = ("parse_failed", "index_failed", "quarantined")


@dataclass(frozen=True, slots=True, kw_only=True)
class StartEvaluation:
    """Which bid against which rule pack version. `rerun_of` allows the same plan again and must name an evaluation of
    the same bid; `expected_plan_id` refuses inputs that changed since the caller looked."""

    project_id: str
    supplier_id: str
    rule_pack_id: str
    rule_pack_version: int
    force_review: bool = False
    rerun_of: str | None = None
    expected_plan_id: str | None = None
    lane: str = "standard"


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedEvaluation:
    """The accepted rows; nothing of the result exists yet (A22)."""

    evaluation: Evaluation
    job: Job
    run_id: str


def start_evaluation(command: StartEvaluation, *, records: Records, ids: Ids, clock: Clock) -> StartedEvaluation:
    """Insert evaluation, snapshot, pinned documents and job in one transaction.

    Raises Refused PROJECT_NOT_FOUND, SUPPLIER_NOT_FOUND, BID_NOT_FOUND, RULE_PACK_NOT_FOUND, RULE_PACK_NOT_ACTIVE,
    PROJECT_CLOSED, BID_INCOMPLETE, DOC_NOT_INDEXED, EVALUATION_PLAN_CONFLICT, EVALUATION_DUPLICATE or
    TENANT_BACKLOG_FULL."""
    with records.transaction():
        project = records.projects.get(command.project_id)
        bid = _bid(records, project, command.supplier_id)
        plan = _plan(records, command, project, bid)
        rerun_no = _rerun_no(records, command, plan)
        evaluation_id, run_id = ids.new("evl"), ids.new("run")
        job = records.jobs.accept(_job(records, project, evaluation_id, command.lane, ids, clock), run_id=run_id)
        evaluation = records.evaluations.add(
            Evaluation(
                evaluation_id=evaluation_id,
                project_id=project.project_id,
                supplier_id=command.supplier_id,
                bid_id=bid.bid_id,
                rule_pack_id=command.rule_pack_id,
                rule_pack_version=command.rule_pack_version,
                status="queued",
                stage="retrieve",
                plan_id=plan.plan_id,
                rerun_of=command.rerun_of,
                rerun_no=rerun_no,
                forced_review=command.force_review,
                job_id=job.job_id,
            ),
            plan,
        )
        records.trail.audit("evaluation.queued", "evaluation", evaluation_id, changes={"plan_id": plan.plan_id})
    return StartedEvaluation(evaluation=evaluation, job=job, run_id=run_id)


def _job(records: Records, project: Project, evaluation_id: str, lane: str, ids: Ids, clock: Clock) -> Job:
    return new_job(
        "evaluate_bid",
        evaluation_id,
        job_id=ids.new("job"),
        tenant_id=records.actor.tenant_id,
        now=clock.now(),
        project_id=project.project_id,
        lane=lane,
    )


def _bid(records: Records, project: Project, supplier_id: str) -> Bid:
    records.suppliers.get(supplier_id)
    bid = records.bids.find(project.project_id, supplier_id)
    if bid is None:
        raise Refused("BID_NOT_FOUND")
    if project.status == "archived" or bid.status == "withdrawn":
        raise Refused("PROJECT_CLOSED", details={"project": project.status, "bid": bid.status})
    return bid


def _plan(records: Records, command: StartEvaluation, project: Project, bid: Bid) -> Plan:
    version = records.rule_packs.version(command.rule_pack_id, command.rule_pack_version)
    if version.status != "active":
        raise Refused("RULE_PACK_NOT_ACTIVE", details={"status": version.status})
    documents = records.documents.by_project(project.project_id, supplier_id=command.supplier_id, tender=True)
    bids = records.bids.by_project(project.project_id) if project.status == "closed" else []
    return freeze(
        project_id=project.project_id,
        supplier_id=command.supplier_id,
        bid_id=bid.bid_id,
        rule_pack={"id": version.rule_pack_id, "version": version.version, "content_hash": version.content_hash},
        documents=_pinned(documents, command.supplier_id),
        cohort=[other.bid_id for other in bids if other.status == "submitted"],
        versions=current_versions() | records.releases.configurations.chosen(bid.bid_id),
    )


def _pinned(documents: Sequence[Document], supplier_id: str) -> list[PinnedDocument]:
    """Every document of the bid and the tender; raises BID_INCOMPLETE or DOC_NOT_INDEXED naming those in the way."""
    documents = [d for d in documents if not is_unpacked(d)]  # an archive's files stand for it
    failed = [d for d in documents if d.status in FAILED]
    if failed or not any(d.supplier_id == supplier_id for d in documents):
        raise Refused("BID_INCOMPLETE", details={"failed": [_named(d) for d in failed]})
    waiting = [d for d in documents if d.status != "indexed"]
    if waiting:
        raise Refused("DOC_NOT_INDEXED", details={"documents": [_named(d) for d in waiting]})
    return [
        PinnedDocument(
            document_id=document.document_id,
            parse_run_id=document.parse_run_id or "",
            content_hash=document.sha256,
            doc_type=document.doc_type,
        )
        for document in documents
    ]


def _named(document: Document) -> dict[str, str | None]:
    return {"document_id": document.document_id, "status": document.status, "error_code": document.error_code}


def _rerun_no(records: Records, command: StartEvaluation, plan: Plan) -> int:
    if command.expected_plan_id not in (None, plan.plan_id):
        raise Refused("EVALUATION_PLAN_CONFLICT", details={"plan_id": plan.plan_id})
    same = records.evaluations.list(filters={"plan_id": plan.plan_id}, before=None, limit=1)
    if command.rerun_of is None:
        live = [evaluation for evaluation in same if evaluation.status != "canceled"]
        if live:
            raise Refused("EVALUATION_DUPLICATE", details={"evaluation_id": live[0].evaluation_id})
        return same[0].rerun_no if same else 0
    earlier = records.evaluations.get(command.rerun_of)
    if (earlier.project_id, earlier.supplier_id) != (command.project_id, command.supplier_id):
        raise Refused("EVALUATION_NOT_FOUND")
    return same[0].rerun_no + 1 if same else 0
