"""Search: which passages of the scope can decide a question, and how sure are we that nothing else can (spec 04)."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from shared.domain.errors import Retryable
from shared.domain.fusion import merge_variants, reciprocal_rank_fusion
from shared.domain.query_variants import Variant
from shared.domain.retrieval import EvidencePack, Hit, RankedId, SearchLog
from shared.domain.search_pipeline import (
    CONFIG_VERSION,
    Checked,
    Question,
    check_scope,
    coverage_of,
    pack_items,
    prepare,
    score,
)
from shared.domain.search_request import SearchItem, SearchQuery, SearchResult
from shared.ports.platform import Clock
from shared.ports.reading import ChunkIndex, Embedder
from shared.ports.search import ChunkTexts

# After this many milliseconds no further branch is asked (R31).
DEADLINE_MS = 4_000
# Fused hits whose texts are loaded: enough that dropping and folding still leaves what was asked for.
LOADED = 60


class _Run:
    """What one search has seen so far: its log lines, its times and what was left out."""

    def __init__(self, query: SearchQuery, question: Question, clock: Clock, started: datetime) -> None:
        self.query, self.question, self.clock, self.started = query, question, clock, started
        self.reasons: list[str] = []
        self.variants: list[dict[str, Any]] = []
        self.trace: list[dict[str, Any]] = []
        self.answered: set[str] = set()

    def elapsed(self) -> int:
        """Milliseconds since the start."""
        return int((self.clock.now() - self.started).total_seconds() * 1000)

    def step(self, name: str, output: object) -> None:
        """Add a step to the trace; its duration is the time since the step before."""
        before = self.trace[-1]["at_ms"] if self.trace else 0
        now = self.elapsed()
        self.trace.append(
            {"step": name, "output": output, "at_ms": now, "duration_ms": now - before, "version": CONFIG_VERSION}
        )


def search(
    query: SearchQuery, *, index: ChunkIndex, embedder: Embedder, chunks: ChunkTexts, clock: Clock
) -> SearchResult:
    """Find, check, mark, rank and, when asked, pack the passages of the scope; writes nothing.

    A branch that fails is left out and named in the log. Raises Retryable RAG_UPSTREAM_UNAVAILABLE when every branch
    failed, RAG_RETRIEVAL_TIMEOUT when time ran out with nothing, and Refused INDEX_DIMENSION_MISMATCH or
    REQ_VALIDATION_FAILED (a query without terms)."""
    started = clock.now()
    question = prepare(query)
    run = _Run(query, question, clock, started)
    _trace_question(run)
    fused = _fused(run, index, embedder)
    wanted = [hit.chunk_id for hit in fused[: max(LOADED, 2 * query.top_k)]]
    checked = check_scope(query, fused[: len(wanted)], chunks.texts(wanted))
    run.step("verify_filters", {"foreign": checked.foreign, "stale": checked.stale, "kept": len(checked.hits)})
    ranked = score(query, question, checked)
    run.step("rerank", [item.chunk.chunk_id for item in ranked[: query.top_k]])
    items = tuple(ranked[: query.top_k])
    pack = None
    if query.pack is not None:
        pack = pack_items(
            ranked, query.pack, search_log_id=query.search_log_id, index_generation=query.index_generation
        )
    run.step("pack", None if pack is None else {"items": len(pack.items), "tokens": pack.token_count})
    return _result(run, checked, fused, items, pack)


def _result(
    run: _Run, checked: Checked, fused: Sequence[Hit], items: tuple[SearchItem, ...], pack: EvidencePack | None
) -> SearchResult:
    question = run.question
    return SearchResult(
        items=items,
        constraints=question.constraints,
        choice=question.choice,
        log=_log(run, checked, _best_rejected(fused, items)),
        normalised_query=question.normalised,
        rewritten_query=question.text,
        constraint_diff=question.difference,
        pack=pack,
        foreign_hits=checked.foreign,
        stale_hits=checked.stale,
        incidents=("RAG_CROSS_TENANT_HIT",) if checked.foreign else (),
        branches_undegraded=tuple(b for b in sorted(run.answered) if not _failed(run, b)),
        trace=tuple(run.trace),
    )


def _trace_question(run: _Run) -> None:
    question = run.question
    run.step("normalise", question.normalised)
    run.step("extract_constraints", [" ".join(filter(None, c.meaning)) for c in question.constraints])
    run.step("rewrite", question.text)
    run.step("verify_rewrite", list(question.difference))
    run.step("classify", question.choice.query_type)
    run.step("choose_mode", f"{question.choice.mode}: {question.choice.reason}")


def _fused(run: _Run, index: ChunkIndex, embedder: Embedder) -> list[Hit]:
    """Ask every branch for every variant; one list per branch, then one list."""
    scope, choice = run.query.scope, run.question.choice

    def lexical(variant: Variant) -> list[RankedId]:
        return index.lexical(scope, variant.terms, variant.codes, limit=choice.depth)

    def vector(variant: Variant) -> list[RankedId]:
        return index.nearest(scope, embedder.query(variant.embed or variant.text), limit=choice.depth)

    ask: dict[str, Callable[[Variant], list[RankedId]]] = {"lexical": lexical, "vector": vector}
    found: dict[str, dict[str, Sequence[RankedId]]] = {name: {} for name in choice.branches}
    weights: dict[str, float] = {}
    for number, variant in enumerate(run.question.variants):
        line: dict[str, Any] = {"kind": variant.kind, "text": variant.text, "mode": choice.mode, "branches": {}}
        run.variants.append(line)
        weights[str(number)] = variant.weight
        for name in choice.branches:
            if name == "vector" and variant.embed is None:
                continue
            ranked = _ask(run, name, ask[name], variant)
            if ranked is not None:
                found[name][str(number)] = ranked
                line["branches"][name] = {"candidates": len(ranked), "at_ms": run.elapsed()}
    if not run.answered:
        late = all(reason.endswith("_timeout") for reason in run.reasons)
        raise Retryable("RAG_RETRIEVAL_TIMEOUT" if late else "RAG_UPSTREAM_UNAVAILABLE", ", ".join(run.reasons))
    run.step("run_branches", {name: len(lists) for name, lists in found.items()})
    merged = {name: merge_variants(lists, weights, limit=choice.depth) for name, lists in found.items() if lists}
    fused = reciprocal_rank_fusion(merged)
    run.step("fuse", len(fused))
    return fused


def _ask(run: _Run, name: str, branch: Callable[[Variant], list[RankedId]], variant: Variant) -> list[RankedId] | None:
    """The branch's list, or None with its reason noted; a branch that failed is not asked again."""
    if _failed(run, name):
        return None
    if run.elapsed() > DEADLINE_MS:
        run.reasons.append(f"{name}_timeout")
        return None
    try:
        ranked = branch(variant)
    except Retryable as error:
        run.reasons.append(f"{name}_timeout" if error.code.endswith("TIMEOUT") else f"{name}_unavailable")
        return None
    run.answered.add(name)
    return ranked


def _failed(run: _Run, name: str) -> bool:
    return any(reason.startswith(f"{name}_") for reason in run.reasons)


def _best_rejected(fused: Sequence[Hit], items: Sequence[SearchItem]) -> dict[str, Any] | None:
    """The best candidate that was not returned."""
    returned = {chunk_id for item in items for chunk_id in (item.hit.chunk_id, *item.hit.also_at)}
    best = next((hit for hit in fused if hit.chunk_id not in returned), None)
    if best is None:
        return None
    return {"chunk_id": best.chunk_id, "score_fused": best.score_fused, "branch_ranks": best.branch_ranks}


def _log(run: _Run, checked: Checked, best_rejected: dict[str, Any] | None) -> SearchLog:
    query = run.query
    return SearchLog(
        search_log_id=query.search_log_id,
        project_id=query.scope.project_id,
        supplier_id=query.scope.supplier_id,
        purpose=query.purpose,
        variants=run.variants,
        coverage=coverage_of(query, run.question, checked),
        degraded=bool(run.reasons),
        degrade_reasons=list(run.reasons),
        duration_ms=run.elapsed(),
        best_rejected=best_rejected,
        evaluation_id=query.evaluation_id,
        criterion_id=query.criterion_id,
        branches_run=sorted(run.answered),
    )
