"""Build a new generation of a tenant's index beside the searched one, compare, switch, and drop old ones (R57)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from shared.domain.errors import Permanent, Refused, Retryable
from shared.domain.index_differences import compare
from shared.domain.index_entries import PlannedEntry, embedded_entries, embedded_text, expected_entries, planned_entries
from shared.domain.index_generations import (
    QUERY_TERMS,
    RECALL_AT,
    SAMPLE,
    Generation,
    Subject,
    may_be_searched,
    own_scope,
)
from shared.domain.retrieval import RankedId
from shared.domain.sweeps import Reconciled
from shared.domain.terms import unique_terms
from shared.ports.reading import ChunkIndex
from shared.ports.sweeps import Sweeps, TenantGenerations

SWEEP = "index_generations"
DOCUMENTS = 50  # looked up at once
RESERVE_SECONDS = 15.0  # for the writes after the last vector, and for the switch


@dataclass(frozen=True, slots=True, kw_only=True)
class ReindexTenants:
    """Alone it goes on with what was begun. With a tenant it first begins a new generation, goes back to the kept
    one, or gives up the one being built."""

    tenant_id: str = ""
    action: Literal["begin", "back", "abandon"] = "begin"


def reindex_tenants(
    command: ReindexTenants,
    *,
    sweeps: Sweeps,
    generations_of: Callable[[str], TenantGenerations],
    time_left: Callable[[], float],
) -> Reconciled:
    """Go on with every tenant whose index is being built or has a generation to drop; interrupted at any place it
    continues there. `repaired` counts tenants with nothing left to do.

    Raises Refused WF_STATE_TRANSITION_INVALID for an action that the tenant's generations do not allow."""
    if command.tenant_id:
        _order(command, generations_of(command.tenant_id))

    def go_on(tenant_id: str) -> bool:
        at = generations_of(tenant_id)
        _drop_outdated(at)
        return _build(at, tenant_id, time_left)

    swept = sweeps.each(
        SWEEP,
        lambda: [found.tenant_id for found in sweeps.find(SWEEP)],
        go_on,
        time_left=time_left,
    )
    return Reconciled(sweeps=(swept,))


def _order(command: ReindexTenants, at: TenantGenerations) -> None:
    rows = at.records.chunks.generations
    with at.records.transaction():
        at.records.chunks.writes.generation(at.embedder.profile_id) if command.action == "begin" else None
        building = rows.building()
        if command.action == "abandon":
            if building is None:
                raise Refused("WF_STATE_TRANSITION_INVALID", "no generation is being built")
            rows.retire(building.number)
        else:
            building = rows.begin(at.embedder.profile_id, back=command.action == "back")
        at.records.trail.audit(f"index.{command.action}", "index_generation", str(building.number))


def _drop_outdated(at: TenantGenerations) -> None:
    """No write goes there any more before the first entry is deleted."""
    rows = at.records.chunks.generations
    for number in rows.outdated():
        rows.retire(number)
        at.generations.drop(number)
        rows.dropped(number)


def _build(at: TenantGenerations, tenant_id: str, time_left: Callable[[], float]) -> bool:
    """Document by document after the last one that is known to be equal; then the switch."""
    rows = at.records.chunks.generations
    building = rows.building()
    if building is None:
        return True
    at.generations.open(building.number)
    new, checked = at.generations.at(building.number), building.checked_to
    while subjects := rows.contents.subjects(after=checked, limit=DOCUMENTS):
        for subject in subjects:
            if not _equalize(subject, building, new, at, time_left):
                return False
            checked = subject.document_id
    _turn_out(new, at)
    _replay(building, new, tenant_id, at)
    return _switch(building, at)


def _equalize(
    subject: Subject, building: Generation, new: ChunkIndex, at: TenantGenerations, time_left: Callable[[], float]
) -> bool:
    """Make the generation hold what it must of the document, and read it back; False when time ran out.

    Vectors are made before the document is locked. Chunks that came meanwhile are in it: writers write both."""
    records, document_id = at.records, subject.document_id
    every = planned_entries(records.chunks.of_run(subject.parse_run_id))
    expected = expected_entries(_of(subject, every))
    due = compare(expected, new.entries(document_id))
    wanted = {*due.missing, *due.changed}
    left = [one for one in every if one.entry_id in wanted]
    entries = embedded_entries(left, at.embedder.passages, has_time=lambda: time_left() >= RESERVE_SECONDS)
    if len(entries) < len(wanted) or time_left() < RESERVE_SECONDS:
        return False
    with records.transaction():
        records.documents.get(document_id, lock=True)
        if records.chunks.generations.contents.subject(document_id) != subject:
            return True  # it was deleted, or its chunks change: _switch looks again
        if building.number not in records.chunks.generations.written():
            return False  # given up meanwhile
        kept = new.entries(document_id)  # another process may have been here: what is right is not touched
        vectors = {
            key for key in kept.keys() & expected.keys() if kept[key].has_vector and not expected[key].has_vector
        }
        new.remove(document_id, sorted({*kept} - {one.entry_id for one in every} | vectors))
        new.add(
            [one for one in entries if kept.get(one.entry_id) != expected[one.entry_id]], generation=building.number
        )
        _check(subject, every, new)
        ids = sorted({one.chunk.chunk_id for one in _of(subject, every)})
        records.chunks.writes.mark(subject.parse_run_id, ids, "acked", generation=building.number)
        records.chunks.generations.note(building.number, checked_to=document_id)
    return True


def _of(subject: Subject, every: Sequence[PlannedEntry]) -> list[PlannedEntry]:
    """The entries that the searched generation has acknowledged."""
    if subject.chunk_ids is None:
        return list(every)
    acked = {*subject.chunk_ids}
    return [one for one in every if one.chunk.chunk_id in acked]


def _check(subject: Subject, every: Sequence[PlannedEntry], new: ChunkIndex) -> None:
    """Ids, hashes and the number of chunks, as they are read back."""
    must, kept = expected_entries(_of(subject, every)), new.entries(subject.document_id)
    different = compare(must, {key: kept[key] for key in kept.keys() & must.keys()})
    strange = kept.keys() - {one.entry_id for one in every}
    fewer = new.count(subject.document_id) < len({one.chunk.chunk_id for one in _of(subject, every)})
    if different or strange or fewer:
        raise Retryable("INDEX_WRITE_PARTIAL", details={"failed": [*different.missing, *different.changed, *strange]})


def _turn_out(new: ChunkIndex, at: TenantGenerations) -> None:
    """What an interrupted or kept generation still holds of documents that are gone."""
    for document_id in at.records.repairs.not_indexed(new.document_ids()):
        with at.records.transaction():
            if at.records.repairs.not_indexed([document_id], lock=True):
                new.remove_document(document_id)


def _replay(building: Generation, new: ChunkIndex, tenant_id: str, at: TenantGenerations) -> None:
    """Recall@8 of queries whose answer is known: the first terms of a chunk, and its vector, must find the chunk.

    The tenant's own questions have no labels; this is the known-item search of Azzopardi and de Rijke (2006)."""
    rows = at.records.chunks.generations
    old = at.generations.at(rows.searched())
    before: list[bool] = []
    after: list[bool] = []
    for chunk in at.records.chunks.texts(rows.contents.sample(building.number, limit=SAMPLE)):
        scope, asked = own_scope(tenant_id, chunk), unique_terms(chunk.text)[:QUERY_TERMS]
        vector = at.embedder.passages([embedded_text(chunk.heading_path, chunk.text)])[0]
        for index, found in ((old, before), (new, after)):
            for ranked in (
                index.lexical(scope, asked, [], limit=RECALL_AT),
                index.nearest(scope, vector, limit=RECALL_AT),
            ):
                found.append(_has(ranked, chunk.chunk_id))
    if not may_be_searched(before, after):
        told = {"queries": len(before), "found_before": sum(before), "found_after": sum(after)}
        raise Permanent("CHUNKS_INCOMPLETE", "the new generation finds less than the old one", details=told)


def _has(ranked: Sequence[RankedId], chunk_id: str) -> bool:
    return any(hit.chunk_id == chunk_id for hit in ranked)


def _switch(building: Generation, at: TenantGenerations) -> bool:
    """While no writer is at work. A crash after the index moved and before the commit leaves two equal generations."""
    rows = at.records.chunks.generations
    with at.records.transaction():
        rows.hold()
        now = rows.building()
        if now is None or now.number != building.number:
            return True  # another process was faster, or it was given up
        if late := rows.contents.lagging(building.number):
            rows.note(building.number, checked_to="")
            at.records.trail.audit(
                "index.again", "index_generation", str(building.number), changes={"documents": len(late)}
            )
            return False
        at.generations.switch(building.number)
        rows.switch(building.number)
        at.records.trail.audit("index.switched", "index_generation", str(building.number))
    return True
