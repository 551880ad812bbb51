"""Evidence packs keep their bounds, and absence is proven only under every condition (R45-R51)."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.absence import absence_proven
from shared.domain.packing import PackCandidate, pack_evidence
from shared.domain.retrieval import EvidencePack, SearchLog
from shared.domain.table_excerpts import table_excerpt
from shared.domain.terms import terms
from shared.domain.tokens import count_tokens


def candidate(number: int, **changes: Any) -> PackCandidate:
    """A passage in a section of its own, the less relevant the higher its number."""
    plain = PackCandidate(
        chunk_id=f"c{number:02d}",
        parse_run_id="r",
        document_id="d",
        content_hash=f"h{number}",
        token_count=100,
        section=(f"section {number}",),
        relevance=1.0 - number / 100,
        quality=1.0,
        branch_ranks={"lexical": number},
        terms=frozenset({f"word{number}"}),
    )
    return replace(plain, **changes)


def pack(candidates: list[PackCandidate], **limits: Any) -> EvidencePack:
    """A pack of these."""
    return pack_evidence(
        candidates, pack_id="pck_1", search_log_id="slg_1", index_generation=1, config_version="v", **limits
    )


def ids(made: EvidencePack) -> list[str]:
    """The chunks of a pack in order."""
    return [item.chunk_id for item in made.items]


@pytest.mark.parametrize(
    ("given_items", "packed", "sufficient"),
    [(0, 0, False), (1, 1, False), (2, 2, True), (8, 8, True), (9, 8, True)],
)
def test_a_pack_for_a_model_holds_two_to_eight(given_items: int, packed: int, sufficient: bool) -> None:
    made = pack([candidate(n) for n in range(given_items)])
    assert (len(made.items), made.sufficient) == (packed, sufficient)


def test_one_verified_place_is_enough_for_a_rule() -> None:
    assert pack([candidate(1)], minimum=1).sufficient
    assert not pack([], minimum=1).sufficient


def test_no_caller_gets_more_than_eight_items_or_6000_tokens() -> None:
    made = pack([candidate(n, token_count=1000) for n in range(20)], maximum=50, token_limit=50_000)
    assert (len(made.items), made.token_count) == (6, 6000)


def test_the_least_relevant_goes_first_when_tokens_run_out() -> None:
    made = pack([candidate(1, token_count=300), candidate(2, token_count=300), candidate(3)], token_limit=400)
    assert ids(made) == ["c01", "c03"]


def test_a_badly_read_block_stands_behind_a_good_one_of_like_relevance() -> None:
    assert ids(pack([candidate(1, quality=0.3), candidate(2)])) == ["c02", "c01"]


def test_a_pack_spreads_over_sections_while_it_can() -> None:
    crowd = [candidate(n, section=("same",)) for n in range(1, 9)]
    other = candidate(50)
    assert "c50" in ids(pack([*crowd, other], maximum=4))
    assert len(pack(crowd).items) == 8


def test_a_near_copy_waits_for_what_says_something_new() -> None:
    same = frozenset({"a", "b", "c", "d"})
    twins = [candidate(1, terms=same), candidate(2, terms=same)]
    assert ids(pack([*twins, candidate(3), candidate(4)], maximum=3)) == ["c01", "c03", "c04"]


def test_one_place_is_kept_for_the_strongest_violation() -> None:
    good = [candidate(n, matches=("satisfied",)) for n in range(1, 12)]
    bad = [candidate(40, matches=("violated",)), candidate(41, matches=("violated",))]
    assert ids(pack([*good, *bad])) == [*(f"c{n:02d}" for n in range(1, 8)), "c40"]


def test_the_hash_tells_what_was_packed_and_not_its_id() -> None:
    first = pack([candidate(1), candidate(2)])
    again = replace(first, pack_id="pck_2")
    assert again.pack_hash == pack([candidate(2), candidate(1)]).pack_hash
    assert first.pack_hash != pack([candidate(1, content_hash="other"), candidate(2)]).pack_hash


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 4000), st.booleans()), max_size=20), st.integers(0, 10))
def test_no_pack_breaks_its_bounds(sizes: list[tuple[int, bool]], maximum: int) -> None:
    made = pack(
        [candidate(n, token_count=size, matches=("violated",) if bad else ()) for n, (size, bad) in enumerate(sizes)],
        maximum=maximum,
    )
    assert len(made.items) <= min(8, maximum)
    assert made.token_count == sum(item.token_count for item in made.items) <= 6000
    assert len(set(ids(made))) == len(made.items)


def test_a_large_table_shows_caption_header_and_matching_rows() -> None:
    rows = [f"item {n} | {n} | {n * 7}.00" for n in range(400)]
    rows[333] = "monitoring station | 12 | 68,500.00"
    text = "\n".join(["Price schedule", "Item | Quantity | Price", *rows])
    shown = table_excerpt(text, terms("price of a monitoring station"), token_limit=120)
    lines = shown.split("\n")
    assert lines[:2] == ["Price schedule", "Item | Quantity | Price"]
    assert "monitoring station | 12 | 68,500.00" in lines
    kept = len(lines) - 3
    assert lines[-1] == f"rows omitted: {400 - kept}"
    assert count_tokens(shown) <= 120


def test_a_small_table_is_shown_whole() -> None:
    assert table_excerpt("A | B\n1 | 2", ["x"]) == "A | B\n1 | 2"


def log(**changes: Any) -> SearchLog:
    """A log that proves absence."""
    ran = {"lexical": {"candidates": 3}}
    complete = SearchLog(
        search_log_id="slg",
        project_id="p",
        supplier_id="s",
        purpose="evaluate",
        variants=[{"kind": kind, "branches": ran} for kind in ("original", "synonyms", "codes")],
        coverage={"documents": ["d1"], "pages": 4, "missing_documents": [], "unreadable_pages": {}},
        degraded=False,
        degrade_reasons=[],
        duration_ms=5,
        branches_run=["lexical", "vector"],
    )
    return replace(complete, **changes)


def covered(**changes: Any) -> dict[str, Any]:
    """The coverage of that log, changed."""
    return {**log().coverage, **changes}


def test_absence_is_proven_when_nothing_is_missing() -> None:
    assert absence_proven(log()) == []


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"coverage": covered(documents=[])}, ["no_documents"]),
        ({"coverage": covered(missing_documents=["d2"])}, ["documents_not_indexed"]),
        ({"coverage": covered(unreadable_pages={"d1": [3]})}, ["unreadable_pages"]),
        ({"coverage": covered(foreign_hits=1)}, ["foreign_hits"]),
        ({"branches_run": ["lexical"]}, ["fewer_than_two_branches"]),
        ({"degrade_reasons": ["vector_timeout"], "degraded": True}, ["fewer_than_two_branches"]),
        ({"variants": log().variants[:2]}, ["too_few_query_variants"]),
        ({"variants": [v for v in log().variants if v["kind"] != "original"]}, ["too_few_query_variants"]),
        ({"variants": [*log().variants[:2], {"kind": "codes", "branches": {}}]}, ["too_few_query_variants"]),
    ],
)
def test_each_missing_condition_keeps_absence_open(changes: dict[str, Any], missing: list[str]) -> None:
    assert absence_proven(log(**changes)) == missing
