"""The deterministic reranker adds coverage of the question to the fused score (R42)."""

from shared.domain.reranking import Candidate, coverage, rerank
from shared.domain.retrieval import Hit
from shared.domain.terms import terms

QUERY = terms("warranty period of 24 months")


def candidate(chunk_id: str, score: float, text: str, *matches: str) -> Candidate:
    """A candidate with a fused score."""
    hit = Hit(chunk_id=chunk_id, document_id="d", score_fused=score, branch_ranks={"lexical": 1})
    return Candidate(hit=hit, terms=tuple(terms(text)), matches=matches)


def test_of_equally_fused_passages_the_one_that_covers_the_question_leads() -> None:
    ranked = rerank(
        [candidate("a", 0.03, "months pass"), candidate("b", 0.03, "the warranty period is 24 months")], QUERY
    )
    assert [hit.chunk_id for hit in ranked] == ["b", "a"]
    assert 0.6 < (ranked[1].score_rerank or 0) < (ranked[0].score_rerank or 0) <= 1.0


def test_the_best_fused_and_fully_covered_passage_scores_one() -> None:
    (hit,) = rerank([candidate("a", 0.02, "warranty period of 24 months", "satisfied")], QUERY)
    assert hit.score_rerank is not None and abs(hit.score_rerank - 1.0) < 1e-9


def test_coverage_cannot_lift_a_passage_over_one_fused_far_better() -> None:
    ranked = rerank([candidate("a", 0.033, "other words"), candidate("b", 0.01, "warranty period of 24 months")], QUERY)
    assert ranked[0].chunk_id == "a"


def test_words_side_by_side_count_more_than_words_far_apart() -> None:
    near, far = terms("the warranty period of 24 months"), terms("period 24 ends; of all months the warranty")
    assert coverage(QUERY, near) > coverage(QUERY, far)


def test_a_violated_constraint_decides_as_much_as_a_satisfied_one() -> None:
    words = terms("warranty period")
    assert coverage(QUERY, words, ["violated"]) == coverage(QUERY, words, ["satisfied"])
    assert coverage(QUERY, words, ["violated"]) > coverage(QUERY, words, ["unknown"])


def test_a_question_without_terms_covers_nothing_and_ties_go_by_chunk_id() -> None:
    ranked = rerank([candidate("b", 0.01, "x"), candidate("a", 0.01, "y")], [])
    assert [hit.chunk_id for hit in ranked] == ["a", "b"]
    assert rerank([], QUERY) == []
