"""A project with rule pack, suppliers and indexed documents on the real database, for tests of the evaluation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from hashlib import sha256
from typing import Any

from shared.adapters.criterion_graph import LangGraphCriteria
from shared.adapters.no_model import NoModel
from shared.adapters.postgres.checkpoints import TenantSaver
from shared.adapters.postgres.records import PostgresRecords
from shared.adapters.system import AesVault
from shared.domain.blocks import Page
from shared.domain.criteria import Criterion
from shared.domain.documents import Document, ParseRun
from shared.domain.fact_extraction import extract_facts
from shared.domain.index_entries import index_entry
from shared.domain.project_rows import Bid, Project, RulePackRow, RulePackVersion, Supplier
from shared.domain.search_request import SearchQuery, SearchResult
from shared.ports.document_records import Blob, PlannedPage
from shared.ports.reasoning import Judge
from shared.usecases.build_report import BuildReport, BuiltReport, build_report
from shared.usecases.claim_review import ClaimReview, claim_review
from shared.usecases.evaluate_criteria import EvaluateCriteria, evaluate_criteria
from shared.usecases.open_review import OpenReview, open_review
from shared.usecases.plan_evaluation import PlanEvaluation, plan_evaluation
from shared.usecases.score_bid import ScoreBid, ScoredBid, score_bid
from shared.usecases.search import search
from shared.usecases.start_evaluation import StartedEvaluation, StartEvaluation, start_evaluation
from shared.usecases.submit_review import SubmitReview, SubmittedReview, submit_review
from tests.fakes.chunk_index import MemoryChunkIndex
from tests.fakes.object_store import FakeObjects
from tests.fakes.word_embedder import DIMENSION, WordEmbedder
from tests.records import clock, ids, make_records, pool
from tests.rows import chunk_of

DELIVERY = {"fact": "delivery_period", "op": "le", "value": {"amount": "60", "unit": "calendar_day"}}
PRICE = {"kind": "lowest_ratio", "fact": "bid_price"}
BID = (
    "Form of tender\nBid price: EUR 120,000.00\nDelivery period: 45 calendar days",
    "Approach\nOur method is described phase by phase with a named person.",
    "Schedule\nThe delivery period is 45 calendar days after signature.",
)
vault = AesVault(b"v" * 32)


def criterion(code: str, kind: str, *, points: str = "0", ordinal: int = 0, **payload: Any) -> Criterion:
    """A criterion whose payload reads as it stands in a pack; `points` is its maximum of a declared total of 100."""
    body = {
        "code": code,
        "kind": kind,
        "requirement": payload.pop("requirement", f"Requirement {code}"),
        "evidence_min": 1,
        "evidence_max": 8,
        "doc_scope": ["bid"],
        "score_step": "0.5",
        "queries": [],
        "unit_conversions": {},
        "on_conflict": "needs_human",
        **payload,
    }
    return Criterion(
        criterion_id=ids.new("crt"),
        code=code,
        kind=kind,
        ordinal=ordinal,
        title={"en": code, "zh": code},
        requirement=body["requirement"],
        mandatory=bool(body.get("mandatory", False)),
        max_score=Decimal(points),
        weight=Decimal(points) / 100,
        score_step=Decimal(body["score_step"]),
        payload={**body, "max_score": points},
    )


def limit_and_judged() -> list[Criterion]:
    """T-1, which a rule decides, and T-2, which nobody can judge without a model."""
    return [
        criterion(
            "T-1",
            "numeric_limit",
            points="40",
            test=DELIVERY,
            requirement="Delivery within 60 calendar days",
            queries=["delivery period in calendar days", "time of delivery"],
        ),
        criterion("T-2", "judged", points="60", requirement="Method of work", queries=["approach and method"]),
    ]


def limit_alone() -> list[Criterion]:
    """T-1 alone: nobody is asked."""
    requirement, queries = "Delivery within 60 calendar days", ["delivery period in calendar days"]
    return [criterion("T-1", "numeric_limit", points="100", test=DELIVERY, requirement=requirement, queries=queries)]


@dataclass
class Seed:
    """A tender of one tenant; `records` acts as the tenant's system. `asked` counts the searches."""

    records: PostgresRecords
    criteria: Sequence[Criterion]
    url: str = ""
    status: str = "open"
    high_risk: bool = False
    judge: Judge = field(default_factory=NoModel)
    project: Project = field(init=False)
    pack: RulePackVersion = field(init=False)
    index: MemoryChunkIndex = field(init=False)
    objects: FakeObjects = field(init=False)
    asked: int = 0

    def __post_init__(self) -> None:
        self.index = MemoryChunkIndex(tenant_id=self.records.actor.tenant_id, dimension=DIMENSION)
        self.objects = FakeObjects(clock)
        with self.records.transaction():
            pack = self.records.rule_packs.add(RulePackRow(rule_pack_id=ids.new("rpk"), code="pack", name="Pack"))
            self.pack = self.records.rule_packs.add_version(
                RulePackVersion(
                    rule_pack_id=pack.rule_pack_id,
                    version=1,
                    status="active",
                    payload={"schema_version": 1, "declared_total": "100", "language": "en"},
                    content_hash="0" * 64,
                    panel_size=1,
                ),
                [replace(each, ordinal=place) for place, each in enumerate(self.criteria)],
            )
            self.project = self.records.projects.add(
                Project(
                    project_id=ids.new("prj"),
                    code="P-1",
                    name="Stations",
                    status=self.status,
                    size="small",
                    currency="EUR",
                    high_risk=self.high_risk,
                )
            )

    def bid(self, code: str, *texts: str, status: str = "indexed") -> str:
        """A supplier with one bid document of these chunks, and the facts that stand in them; its id."""
        with self.records.transaction():
            supplier = self.records.suppliers.add(
                Supplier(supplier_id=ids.new("sup"), code=code, name=f"Bidder {code}")
            )
            bid = self.records.bids.add(
                Bid(
                    bid_id=ids.new("bid"),
                    project_id=self.project.project_id,
                    supplier_id=supplier.supplier_id,
                    status="submitted",
                )
            )
            if texts:
                self.document(texts, supplier_id=supplier.supplier_id, bid_id=bid.bid_id, status=status)
        return supplier.supplier_id

    def document(self, texts: Sequence[str], *, status: str = "indexed", **owner: Any) -> Document:
        """One document with its parse run, pages, chunks and facts."""
        name = sha256("|".join(texts).encode() + repr(owner).encode()).hexdigest()
        self.records.uploads.keep_blob(Blob(sha256=name, object_key=name, size_bytes=1, media_type="text/plain"))
        draft = Document(
            document_id=ids.new("doc"),
            project_id=self.project.project_id,
            upload_id=ids.new("upl"),
            doc_type="bid" if owner else "tender",
            filename="bid.txt",
            sha256=name,
            size_bytes=1,
            media_type="text/plain",
            status=status,
            page_count=len(texts),
            parse_run_id=ids.new("prs"),
            **owner,
        )
        document = self.records.documents.add(draft)
        run = ParseRun(
            parse_run_id=document.parse_run_id or "",
            document_id=document.document_id,
            attempt=1,
            router_version="1",
            chunker_version="1",
            config_hash="1",
            status="succeeded",
            manifest={"schema_version": 1, "ranges": []},
            chunk_count=len(texts),
        )
        pages = [Page(number=n + 1, width=595.0, height=842.0) for n in range(len(texts))]
        self.records.parse_runs.open(run, [PlannedPage(page=page, range_no=0, done=True) for page in pages])
        chunks = [chunk_of(document, n, text) for n, text in enumerate(texts)]
        self.records.chunks.add(chunks)
        embedder = WordEmbedder()
        self.index.add([index_entry(chunk, vector=embedder.query(chunk.text)) for chunk in chunks], generation=1)
        facts = extract_facts(chunks, new_id=lambda: ids.new("fct"))
        self.records.facts.add([replace(fact, **self._owner(owner)) for fact in facts])
        return document

    def _owner(self, owner: Mapping[str, str]) -> dict[str, Any]:
        return {"project_id": self.project.project_id, "supplier_id": owner.get("supplier_id")}

    def command(self, supplier_id: str, **more: Any) -> StartEvaluation:
        """The command that starts this supplier's evaluation."""
        return StartEvaluation(
            project_id=self.project.project_id,
            supplier_id=supplier_id,
            rule_pack_id=self.pack.rule_pack_id,
            rule_pack_version=1,
            **more,
        )

    def start(self, supplier_id: str, **more: Any) -> StartedEvaluation:
        """Start it and claim its job for the first run, as the state machine's first state does."""
        started = start_evaluation(self.command(supplier_id, **more), records=self.records, ids=ids, clock=clock)
        self.records.moves.job(started.job, "running", claim_token=started.run_id, stage="retrieve")
        return started

    def search(self, query: SearchQuery) -> SearchResult:
        """The search use case over the index in memory."""
        self.asked += 1
        return search(query, index=self.index, embedder=WordEmbedder(), chunks=self.records.chunks, clock=clock)

    def graph(self) -> LangGraphCriteria:
        """A graph as a new process would make it."""
        saver = TenantSaver(pool(self.url), self.records.actor)
        return LangGraphCriteria(
            records=self.records, search=self.search, saver=saver, ids=ids, clock=clock, judge=self.judge
        )

    def suggest(self, supplier_id: str, **more: Any) -> tuple[StartedEvaluation, ScoredBid]:
        """From start to the first ScoreBid."""
        started = self.start(supplier_id, **more)
        evaluation_id = started.evaluation.evaluation_id
        planned = plan_evaluation(PlanEvaluation(evaluation_id=evaluation_id), records=self.records)
        for group_no in planned.groups:
            self.evaluate(evaluation_id, group_no)
        return started, score_bid(ScoreBid(evaluation_id=evaluation_id, review_id=None), records=self.records)

    def evaluate(self, evaluation_id: str, group_no: int, review_id: str | None = None) -> None:
        """One group with all the time it needs."""
        command = EvaluateCriteria(evaluation_id=evaluation_id, group_no=group_no, round=0, review_id=review_id)
        evaluate_criteria(command, records=self.records, criterion_graph=self.graph(), time_left=lambda: 900.0)

    def ask(self, started: StartedEvaluation, token: str = "token") -> str:
        """Open the review; its id."""
        return self.ask_again(started.evaluation.evaluation_id, started.run_id, token)

    def ask_again(self, evaluation_id: str, run_id: str, token: str) -> str:
        """What a retried step does with the token of its new try."""
        command = OpenReview(evaluation_id=evaluation_id, run_id=run_id, task_token=token)
        return open_review(command, records=self.records, ids=ids, clock=clock, vault=vault).review_id

    def person(self, databases: Any) -> PostgresRecords:
        """Records of a reviewer of this tenant."""
        return make_records(databases, self.records.actor.tenant_id)

    def answer(self, person: PostgresRecords, review_id: str, decision: str, *edits: dict[str, Any]) -> SubmittedReview:
        """Claim and submit."""
        claimed = claim_review(ClaimReview(review_id=review_id), records=person, ids=ids, clock=clock)
        command = SubmitReview(
            review_id=review_id,
            resume_token=claimed.resume_token,
            decision=decision,
            comment="Read and decided.",
            edits=edits,
        )
        return submit_review(command, records=person, ids=ids, clock=clock)

    def points(self, code: str, score: str, outcome: str = "pass") -> dict[str, Any]:
        """An edit that gives points and cites the approach of BID."""
        chunk = next(e for e in self.index._entries.values() if "phase" in e.terms)
        quote = {"chunk_id": chunk.chunk_id, "quote": "described phase by phase"}
        reason = "Every phase names a person."
        return {"criterion": code, "score": score, "outcome": outcome, "reason": reason, "citations": [quote]}

    def settle(self, evaluation_id: str, review_id: str) -> ScoredBid:
        """Apply the decisions and score again."""
        for group_no in sorted({run.group_no for run in self.records.evaluations.criterion_runs(evaluation_id)}):
            self.evaluate(evaluation_id, group_no, review_id)
        return score_bid(ScoreBid(evaluation_id=evaluation_id, review_id=review_id), records=self.records)

    def report(self, evaluation_id: str) -> BuiltReport:
        """Build the next report version; its PDF is only its title here."""
        return build_report(
            BuildReport(evaluation_id=evaluation_id),
            records=self.records,
            objects=self.objects,
            ids=ids,
            report_pages=lambda content: str(content["title"]).encode(),
        )
