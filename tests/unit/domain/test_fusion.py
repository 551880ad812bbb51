"""Ranked lists become one by reciprocal rank, and near duplicates fold (R29, R30)."""

import math
from fractions import Fraction
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.fusion import fold_duplicates, jaccard, merge_variants, reciprocal_rank_fusion
from shared.domain.retrieval import Hit, RankedId


def ranked(*ids: str) -> list[RankedId]:
    """A list in this order; scores that must not matter."""
    return [RankedId(chunk_id, "d", n, 1000.0 / n) for n, chunk_id in enumerate(ids, start=1)]


def hit(chunk_id: str, score: float = 1.0) -> Hit:
    """A fused hit."""
    return Hit(chunk_id=chunk_id, document_id="d", score_fused=score, branch_ranks={})


def test_a_chunk_of_two_lists_beats_the_best_of_one() -> None:
    fused = reciprocal_rank_fusion({"lexical": ranked("a", "b"), "vector": ranked("c", "b")})
    assert [h.chunk_id for h in fused] == ["b", "a", "c"]
    assert fused[0].branch_ranks == {"lexical": 2, "vector": 2}
    assert math.isclose(fused[0].score_fused, 2 / 62)


def test_ties_go_by_chunk_id_and_weights_move_a_list() -> None:
    lists = {"lexical": ranked("b"), "vector": ranked("a")}
    assert [h.chunk_id for h in reciprocal_rank_fusion(lists)] == ["a", "b"]
    assert [h.chunk_id for h in reciprocal_rank_fusion(lists, {"lexical": 2.0})] == ["b", "a"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=8), max_size=4))
def test_fusion_equals_the_formula_in_exact_numbers(orders: list[list[str]]) -> None:
    lists = {f"branch{n}": ranked(*order) for n, order in enumerate(orders)}
    exact = {
        chunk_id: sum(Fraction(1, 60 + order.index(chunk_id) + 1) for order in orders if chunk_id in order)
        for chunk_id in {c for order in orders for c in order}
    }
    fused = reciprocal_rank_fusion(lists)
    assert {h.chunk_id for h in fused} == set(exact)
    for h in fused:
        assert math.isclose(h.score_fused, float(exact[h.chunk_id]), rel_tol=1e-9)
    assert all(a.score_fused >= b.score_fused for a, b in pairwise(fused))


def test_variants_of_a_branch_become_one_list_ranked_from_one() -> None:
    merged = merge_variants({"0": ranked("a", "b", "c"), "1": ranked("c", "d")}, {"1": 0.5}, limit=3)
    assert [(r.chunk_id, r.rank) for r in merged] == [("c", 1), ("a", 2), ("b", 3)]


def test_equal_texts_fold_into_the_better_one() -> None:
    words = frozenset(f"w{n}" for n in range(20))
    hits = [hit("a", 3), hit("b", 2), hit("c", 1), hit("e", 0.5)]
    hashes = {"a": "h1", "b": "h2", "c": "h1", "e": "h3"}
    sets = {"a": words, "b": words | {"x", "y"}, "c": frozenset({"z"}), "e": words | {"p", "q", "r"}}
    kept = fold_duplicates(hits, hashes, sets, keep=20)
    assert [(h.chunk_id, h.also_at) for h in kept] == [("a", ("b", "c")), ("e", ())]


def test_only_so_many_are_kept_but_duplicates_of_kept_ones_are_still_named() -> None:
    hits = [hit("a"), hit("b"), hit("c")]
    sets = {key: frozenset({key}) for key in "abc"}
    kept = fold_duplicates(hits, {"a": "1", "b": "2", "c": "1"}, sets, keep=1)
    assert [(h.chunk_id, h.also_at) for h in kept] == [("a", ("c",))]


def test_jaccard_of_nothing_is_nothing() -> None:
    assert jaccard(frozenset(), frozenset()) == 0.0
    assert jaccard(frozenset("ab"), frozenset("bc")) == 1 / 3
