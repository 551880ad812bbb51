"""A project with rule pack, suppliers and indexed documents on the real database, for tests of the evaluation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from hashlib import sha256
from typing import Any

from shared.adapters.postgres.records import PostgresRecords
from shared.domain.blocks import Box, Page
from shared.domain.chunks import Chunk, Position
from shared.domain.criteria import Criterion
from shared.domain.documents import Document, ParseRun
from shared.domain.fact_extraction import extract_facts
from shared.domain.ids import hash_id
from shared.domain.project_rows import Bid, Project, RulePackRow, RulePackVersion, Supplier
from shared.ports.document_records import Blob, PlannedPage
from shared.usecases.start_evaluation import StartedEvaluation, StartEvaluation, start_evaluation
from tests.records import clock, ids


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


def chunk_of(document: Document, ordinal: int, text: str) -> Chunk:
    """A chunk on page `ordinal` + 1 with one position per line of its text."""
    places, start = [], 0
    for number, line in enumerate(text.split("\n")):
        if line:
            box = Box(72.0, 72.0 + 16 * number, 520.0, 84.0 + 16 * number)
            places.append(Position(ordinal + 1, box, start, start + len(line)))
        start += len(line) + 1
    return Chunk(
        chunk_id=hash_id("chk", document.document_id, str(ordinal), text),
        document_id=document.document_id,
        parse_run_id=document.parse_run_id or "",
        ordinal=ordinal,
        chunk_type="text",
        text=text,
        content_hash=sha256(text.encode()).hexdigest(),
        heading_path=("Bid",),
        block_ids=(),
        token_count=len(text) // 4 + 1,
        overlap_chars=0,
        language="en",
        quality=1.0,
        parser="test",
        parser_version="1",
        chunker_version="1",
        positions=tuple(places),
        project_id=document.project_id,
        supplier_id=document.supplier_id,
        doc_type=document.doc_type,
    )


@dataclass
class Seed:
    """A tender of one tenant; `records` acts as the tenant's system."""

    records: PostgresRecords
    criteria: Sequence[Criterion]
    status: str = "open"
    high_risk: bool = False
    project: Project = field(init=False)
    pack: RulePackVersion = field(init=False)

    def __post_init__(self) -> None:
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

    def document(self, texts: Sequence[str], *, status: str = "indexed", **owner: str) -> Document:
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
