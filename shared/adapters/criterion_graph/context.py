"""What the nodes of one criterion read: frozen rows, scope, facts, passages and the cohort of a formula."""

from collections.abc import Mapping, Sequence
from typing import Any

from shared.domain.chunks import Chunk
from shared.domain.criteria import Criterion
from shared.domain.errors import Permanent
from shared.domain.evaluation_rows import Evaluation
from shared.domain.evidence import Passage
from shared.domain.facts import Fact
from shared.domain.formula_rules import Cohort, cohort_of, formula_input
from shared.domain.formulas import COHORT_FORMULAS
from shared.domain.plans import input_hash
from shared.domain.retrieval import Scope
from shared.ports.document_records import DocumentCoverage
from shared.ports.records import Records


class CriterionContext:
    """Reads once per call what a plan has frozen; nothing here writes (W85)."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._evaluations: dict[str, Evaluation] = {}
        self._criteria: dict[tuple[str, int], dict[str, Criterion]] = {}
        self._languages: dict[tuple[str, int], str] = {}
        self._snapshots: dict[str, dict[str, Any]] = {}
        self._facts: dict[tuple[str, str], list[Fact]] = {}
        self._chunks: dict[tuple[str, str], Chunk] = {}

    def read(self, evaluation_id: str, criterion_id: str) -> tuple[Evaluation, Criterion]:
        """Evaluation and criterion; raises Permanent DATA_CORRUPTED for a criterion of another pack."""
        if evaluation_id not in self._evaluations:
            self._evaluations[evaluation_id] = self._records.evaluations.get(evaluation_id)
        evaluation = self._evaluations[evaluation_id]
        key = (evaluation.rule_pack_id, evaluation.rule_pack_version)
        if key not in self._criteria:
            self._criteria[key] = {c.criterion_id: c for c in self._records.rule_packs.criteria(*key)}
        if criterion_id not in self._criteria[key]:
            raise Permanent("DATA_CORRUPTED", "the criterion is not of the frozen rule pack")
        return evaluation, self._criteria[key][criterion_id]

    def language(self, evaluation: Evaluation) -> str:
        """zh or en, as the pack says."""
        key = (evaluation.rule_pack_id, evaluation.rule_pack_version)
        if key not in self._languages:
            payload = self._records.rule_packs.version(*key).payload
            self._languages[key] = "zh" if payload.get("language") == "zh" else "en"
        return self._languages[key]

    def snapshot(self, evaluation: Evaluation) -> dict[str, Any]:
        """The frozen plan."""
        if evaluation.evaluation_id not in self._snapshots:
            self._snapshots[evaluation.evaluation_id], _ = self._records.evaluations.snapshot(evaluation.evaluation_id)
        return self._snapshots[evaluation.evaluation_id]

    def scope(self, evaluation: Evaluation, criterion: Criterion) -> tuple[list[DocumentCoverage], Scope]:
        """The plan's documents inside the criterion's scope; a bid's attachments belong to its bid."""
        types = tuple(sorted({*criterion.doc_scope, *(("attachment",) if "bid" in criterion.doc_scope else ())}))
        tender = "tender" in criterion.doc_scope
        pinned = tuple(document["document_id"] for document in self.snapshot(evaluation)["documents"])
        documents = self._records.documents.coverage(
            evaluation.project_id,
            supplier_id=evaluation.supplier_id,
            tender=tender,
            doc_types=types,
            document_ids=pinned,
        )
        scope = Scope(
            tenant_id=self._records.actor.tenant_id,
            project_id=evaluation.project_id,
            supplier_id=evaluation.supplier_id,
            tender=tender,
            doc_types=types,
            document_ids=pinned,
        )
        return documents, scope

    def facts(self, evaluation: Evaluation, criterion: Criterion) -> list[Fact]:
        """The bid's facts of the fields that the criterion names."""
        named = _fields(criterion.payload)
        return [fact for fact in self._of(evaluation.project_id, evaluation.supplier_id) if fact.field in named]

    def passages(
        self, evaluation: Evaluation, criterion: Criterion, ranks: Sequence[Mapping[str, Any]], facts: Sequence[Fact]
    ) -> list[Passage]:
        """What the search found, best first, and the chunks of the facts that it did not find."""
        found = {entry["chunk_id"]: dict(entry["ranks"]) for entry in ranks}
        runs = {document["parse_run_id"] for document in self.snapshot(evaluation)["documents"]}
        chunks = [chunk for chunk in self._records.chunks.texts(list(found)) if chunk.parse_run_id in runs]
        held = {chunk.chunk_id for chunk in chunks}
        for fact in facts:
            if fact.chunk_id not in held:
                held.add(fact.chunk_id)
                chunks.append(self.chunk(fact.parse_run_id, fact.chunk_id))
        for chunk in chunks:
            self._chunks[chunk.parse_run_id, chunk.chunk_id] = chunk
        return [
            Passage(chunk=chunk, branch_ranks=found.get(chunk.chunk_id, {}), quality=float(chunk.quality))
            for chunk in chunks
        ]

    def chunk(self, parse_run_id: str, chunk_id: str) -> Chunk:
        """The chunk of that parse run; raises Refused CHUNK_NOT_FOUND."""
        key = (parse_run_id, chunk_id)
        if key not in self._chunks:
            self._chunks[key] = self._records.chunks.get(chunk_id, parse_run_id=parse_run_id)
        return self._chunks[key]

    def cohort(self, evaluation: Evaluation, criterion: Criterion) -> tuple[Cohort | None, list[str]]:
        """The values of all valid bids of a closed project, and the ids of bids without one clear value.

        Only amounts leave the other bids, never their text (S61); None while the bid set is open (E22)."""
        formula = criterion.payload.get("formula") or {}
        bids = self.snapshot(evaluation)["cohort"]
        if criterion.kind != "formula" or formula.get("kind") not in COHORT_FORMULAS or not bids:
            return None, []
        suppliers = {bid.bid_id: bid.supplier_id for bid in self._records.bids.by_project(evaluation.project_id)}
        inputs = {
            bid_id: formula_input(criterion, self._of(evaluation.project_id, suppliers[bid_id])) for bid_id in bids
        }
        return cohort_of(list(inputs.values())), sorted(b for b, entry in inputs.items() if entry.cause)

    def input_hash(
        self,
        evaluation: Evaluation,
        criterion: Criterion,
        evidence: Mapping[str, Any],
        facts: Sequence[Fact],
        cohort: Cohort | None,
    ) -> str:
        """The hash of what the result depends on (E91)."""
        return input_hash(
            criterion=criterion,
            facts=[
                {"field": f.field, "value": f.value, "unit": f.unit, "currency": f.currency, "state": f.state}
                | {"chunk_id": f.chunk_id, "start": f.start, "end": f.end}
                for f in sorted(facts, key=lambda f: (f.field, f.chunk_id, f.start))
            ],
            evidence=[item["content_hash"] for item in evidence["pack"]["items"]],
            cohort=None if cohort is None else {"amounts": sorted(cohort.amounts), "comparable": cohort.comparable},
            versions={**self.snapshot(evaluation)["versions"], "retrieval": evidence["pack"]["config_version"]},
        )

    def _of(self, project_id: str, supplier_id: str) -> list[Fact]:
        key = (project_id, supplier_id)
        if key not in self._facts:
            self._facts[key] = self._records.facts.of_project(project_id, supplier_id=supplier_id)
        return self._facts[key]


def _fields(payload: Any) -> set[str]:
    """Every field that stands under `fact` anywhere in a criterion."""
    if isinstance(payload, Mapping):
        own = {payload["fact"]} if isinstance(payload.get("fact"), str) else set()
        return own.union(*(_fields(value) for value in payload.values()))
    if isinstance(payload, list):
        return set().union(*(_fields(value) for value in payload))
    return set()
