"""Compare the search index with the chunks it is made of, both ways, and repair the differences (spec W118, R58)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from shared.domain.errors import CodedError
from shared.domain.index_differences import IndexDifferences, compare
from shared.domain.index_entries import embedded_entries, expected_entries, planned_entries
from shared.domain.retrieval import IndexEntry
from shared.domain.sweeps import SWEEP_ROWS, Candidate, Reconciled
from shared.ports.sweeps import Sweeps, TenantIndex

ENTRIES, STRANGERS = "index_entries", "index_strangers"
RESERVE_SECONDS = 15.0  # for the writes after the last vector


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileIndex:
    """Nothing to say: rows and index tell."""


def reconcile_index(
    command: ReconcileIndex,
    *,
    sweeps: Sweeps,
    index_of: Callable[[str], TenantIndex],
    time_left: Callable[[], float],
) -> Reconciled:
    """Look at 500 indexed documents, in turns of an hour, and at what the index holds of documents that are none.

    `found` of the heartbeat counts what was looked at, `repaired` what differed and is equal now."""

    def equalize(found: Candidate) -> bool:
        return _equalize(found, index_of(found.tenant_id), time_left)

    turned_out: list[str] = []

    def turn_out(found: Candidate) -> bool:
        gone = _turn_out(found, index_of(found.tenant_id), limit=SWEEP_ROWS - len(turned_out))
        turned_out.extend(gone)
        return bool(gone)

    return Reconciled(
        sweeps=(
            sweeps.each(ENTRIES, lambda: sweeps.find(ENTRIES), equalize, time_left=time_left),
            sweeps.each(STRANGERS, lambda: sweeps.find(STRANGERS), turn_out, time_left=time_left),
        )
    )


def _equalize(found: Candidate, at: TenantIndex, time_left: Callable[[], float]) -> bool:
    """Vectors are made before the lock is taken; IndexChunks takes the same lock before it writes."""
    document = at.records.documents.get(found.subject_id)
    run_id = document.parse_run_id
    if run_id is None or not at.records.repairs.is_due(ENTRIES, document.document_id):
        return False
    plan = planned_entries(at.records.chunks.of_run(run_id))
    expected, kept = expected_entries(plan), at.index.entries(document.document_id)
    different = compare(expected, kept)
    if not different:
        return False
    wanted = {*different.missing, *different.changed}
    due = [one for one in plan if one.entry_id in wanted]
    entries = embedded_entries(due, at.embedder.passages, has_time=lambda: time_left() >= RESERVE_SECONDS)
    # replacing an entry does not take the vector of the old one away everywhere
    gone = [key for key in different.changed if kept[key].has_vector and not expected[key].has_vector]
    seen = replace(found, observed={"run": run_id, **different.told()})
    try:
        with at.records.transaction():
            locked = at.records.documents.get(document.document_id, lock=True)
            if locked.parse_run_id != run_id or not at.records.repairs.is_due(ENTRIES, document.document_id):
                return False
            at.index.remove(document.document_id, [*different.extra, *gone])
            is_repaired = _write(entries, run_id, at) == len(wanted)
            at.records.findings.add(ENTRIES, seen, repaired=is_repaired)
    except CodedError:
        at.records.findings.add(ENTRIES, seen, repaired=False)
        raise
    return is_repaired


def _write(entries: Sequence[IndexEntry], run_id: str, at: TenantIndex) -> int:
    writes = at.records.chunks.writes
    writes.generation(at.embedder.profile_id)
    for generation in at.records.chunks.generations.written():
        at.index.add(entries, generation=generation)
        writes.mark(run_id, sorted({entry.chunk_id for entry in entries}), "acked", generation=generation)
    return len(entries)


def _turn_out(found: Candidate, at: TenantIndex, *, limit: int) -> list[str]:
    """Take out documents that were deleted, failed for good or never known; what is being indexed stays."""
    gone = []
    for document_id in at.records.repairs.not_indexed(at.index.document_ids())[:limit]:
        with at.records.transaction():
            if not at.records.repairs.not_indexed([document_id], lock=True):
                continue  # somebody began to index it meanwhile
            extra = IndexDifferences(missing=(), changed=(), extra=tuple(sorted(at.index.entries(document_id))))
            at.index.remove_document(document_id)
            seen = replace(found, subject_type="document", subject_id=document_id, observed=extra.told())
            at.records.findings.add(STRANGERS, seen)
        gone.append(document_id)
    return gone
