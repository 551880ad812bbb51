"""ExtractFacts: read the typed values of a bid with their places (spec W35, E39-E42)."""

from dataclasses import dataclass, replace

from shared.domain import fact_extraction
from shared.domain.documents import Document
from shared.domain.facts import Fact
from shared.domain.ingest_plan import WITH_FACTS
from shared.ports.platform import Ids
from shared.ports.records import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractFacts:
    """Which document and parse run."""

    document_id: str
    parse_run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractedFacts:
    """How many facts the run has."""

    facts: int


def extract_facts(command: ExtractFacts, *, records: Records, ids: Ids) -> ExtractedFacts:
    """Store the facts of a bid once; other documents have none."""
    document = records.documents.get(command.document_id)
    found = _read(records, command, document, ids) if document.doc_type == "bid" else []
    with records.transaction():
        # The lock makes two tries of this step agree on who writes.
        records.parse_runs.get(command.parse_run_id, lock=True)
        count = records.facts.count(command.parse_run_id)
        if not count:
            records.facts.add(found)
            count = len(found)
        filters = {"type": "ingest_document", "resource_id": command.document_id}
        job = records.jobs.list(filters=filters, before=None, limit=1)[0]
        records.jobs.progress(job.job_id, done=WITH_FACTS, step="ExtractFacts")
    return ExtractedFacts(facts=count)


def _read(records: Records, command: ExtractFacts, document: Document, ids: Ids) -> list[Fact]:
    chunks = records.chunks.of_run(command.parse_run_id)
    facts = fact_extraction.extract_facts(chunks, new_id=lambda: ids.new("fct"))
    return [replace(fact, project_id=document.project_id, supplier_id=document.supplier_id) for fact in facts]
