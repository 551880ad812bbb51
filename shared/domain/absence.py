"""Decide from a search log whether "not found" may be said (spec R50, R51)."""

from shared.domain.query_variants import LEAST_KINDS, NEEDED_KINDS
from shared.domain.retrieval import SearchLog

LEAST_BRANCHES = 2


def absence_proven(log: SearchLog) -> list[str]:
    """The conditions of R51 that are missing; empty means that absence is proven.

    no_documents, documents_not_indexed, unreadable_pages, fewer_than_two_branches, too_few_query_variants, and
    foreign_hits (the mandatory filter failed, so nothing is known)."""
    coverage = log.coverage
    undegraded = [b for b in log.branches_run if not any(r.startswith(f"{b}_") for r in log.degrade_reasons)]
    kinds = {variant["kind"] for variant in log.variants if variant.get("branches")}
    missing = {
        "no_documents": not coverage.get("documents"),
        "documents_not_indexed": bool(coverage.get("missing_documents")),
        "unreadable_pages": bool(coverage.get("unreadable_pages")),
        "fewer_than_two_branches": len(set(undegraded)) < LEAST_BRANCHES,
        "too_few_query_variants": len(kinds) < LEAST_KINDS or not all(kinds.intersection(g) for g in NEEDED_KINDS),
        "foreign_hits": bool(coverage.get("foreign_hits")),
    }
    return [name for name, is_missing in missing.items() if is_missing]
