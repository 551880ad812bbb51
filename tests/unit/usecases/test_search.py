"""Search over real terms, constraints and ranks with an index in memory (spec 04)."""

import pytest

from shared.domain.absence import absence_proven
from shared.domain.errors import Permanent, Refused, Retryable
from shared.domain.retrieval import Scope
from shared.domain.search_request import PackRequest
from tests.fakes.chunk_index import MemoryChunkIndex
from tests.fakes.word_embedder import DIMENSION
from tests.unit.usecases.search_bench import TEXTS, Bench, Broken, Document, Leaking, Ticking, chunk, found, marks


def test_the_passage_that_answers_comes_first_and_names_its_branches() -> None:
    result = Bench().ask("How long is the warranty period?")
    first = result.items[0]
    assert first.chunk.chunk_id == "c4"
    assert first.hit.branch_ranks["lexical"] == 1
    assert "lexical #1" in first.reason
    assert result.branches_undegraded == ("lexical", "vector")
    assert not result.log.degraded


def test_an_evaluation_keeps_violating_passages_and_marks_them() -> None:
    result = Bench().ask("delivery within 30 days")
    assert {key: marks(result)[key] for key in ("c1", "c2", "c3")} == {
        "c1": ("satisfied",),
        "c2": ("violated",),
        "c3": ("violated",),
    }


def test_a_strict_search_drops_them() -> None:
    result = Bench().ask("delivery within 30 days", purpose="search", strict=True)
    assert "c1" in found(result)
    assert not {"c2", "c3"} & set(found(result))
    assert "c2" in found(Bench().ask("delivery within 30 days", purpose="search"))


def test_excluded_terms_filter_always_but_an_evaluation_keeps_what_its_own_text_excludes() -> None:
    assert "c5" not in found(Bench().ask("工程 分包", must_exclude_terms=("分包",)))
    assert marks(Bench().ask("工程 不得包含分包"))["c5"] == ("violated",)
    assert "c5" not in found(Bench().ask("工程 不得包含分包", purpose="search"))


@pytest.mark.parametrize(("branch", "other"), [("lexical", "vector"), ("vector", "lexical")])
def test_a_branch_that_is_out_is_left_out_and_named(branch: str, other: str) -> None:
    bench = Bench(Broken)
    bench.index.out = (branch,)  # type: ignore[attr-defined]
    result = bench.ask("warranty period")
    assert result.items
    assert (result.log.degraded, result.log.degrade_reasons) == (True, [f"{branch}_unavailable"])
    assert result.branches_undegraded == (other,)
    assert "fewer_than_two_branches" in absence_proven(result.log)


def test_a_branch_out_of_time_is_named_so() -> None:
    bench = Bench(Broken)
    bench.index.out, bench.index.code = ("vector",), "RAG_RETRIEVAL_TIMEOUT"  # type: ignore[attr-defined]
    assert bench.ask("warranty period").log.degrade_reasons == ["vector_timeout"]


@pytest.mark.parametrize("code", ["RAG_UPSTREAM_UNAVAILABLE", "RAG_RETRIEVAL_TIMEOUT"])
def test_all_branches_out_is_an_error_and_no_answer(code: str) -> None:
    bench = Bench(Broken)
    bench.index.out, bench.index.code = ("lexical", "vector"), code  # type: ignore[attr-defined]
    with pytest.raises(Retryable) as failed:
        bench.ask("warranty period")
    assert failed.value.code == code


def test_after_the_deadline_no_further_branch_is_asked() -> None:
    bench = Bench()
    bench.clock = Ticking(step_ms=500)
    late = bench.ask("warranty period")
    assert sorted(late.log.degrade_reasons) == ["lexical_timeout", "vector_timeout"]
    assert late.branches_undegraded == ()
    bench.clock = Ticking(step_ms=1000)
    with pytest.raises(Retryable) as failed:
        bench.ask("warranty period")
    assert failed.value.code == "RAG_RETRIEVAL_TIMEOUT"


def test_a_vector_of_another_dimension_is_refused_and_not_hidden() -> None:
    bench = Bench()
    bench.index = MemoryChunkIndex(tenant_id="t", dimension=DIMENSION + 1)
    with pytest.raises(Refused) as refused:
        bench.ask("warranty period")
    assert refused.value.code == "INDEX_DIMENSION_MISMATCH"


@pytest.mark.parametrize("text", ["", "   ", "？！…"])
def test_a_query_without_a_single_term_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refused:
        Bench().ask(text)
    assert refused.value.code == "REQ_VALIDATION_FAILED"


def test_a_forged_hit_is_dropped_counted_and_reported() -> None:
    bench = Bench(Leaking)
    result = bench.ask("warranty period")
    assert "stolen" not in found(result)
    assert (result.foreign_hits, result.incidents) == (1, ("RAG_CROSS_TENANT_HIT",))
    assert absence_proven(result.log) == ["foreign_hits"]


def test_a_hit_whose_row_belongs_to_a_rival_is_foreign_too() -> None:
    bench = Bench()
    bench.texts.chunks["c4"] = chunk("c4", TEXTS["c4"], supplier_id="s2")
    result = bench.ask("warranty period")
    assert "c4" not in found(result)
    assert result.foreign_hits == 1


def test_a_chunk_that_is_no_longer_current_is_left_out_without_alarm() -> None:
    bench = Bench()
    del bench.texts.chunks["c4"]
    result = bench.ask("warranty period")
    assert (result.stale_hits, result.foreign_hits, result.incidents) == (1, 0, ())


def test_a_document_that_is_not_indexed_is_named_and_not_read() -> None:
    result = Bench().ask("warranty period", documents=[Document(status="parsing"), Document("d2")])
    assert result.items == ()
    assert result.log.coverage["missing_documents"] == ["d1"]
    assert absence_proven(result.log) == ["documents_not_indexed"]


def test_unreadable_pages_keep_absence_open() -> None:
    result = Bench().ask("warranty period", documents=[Document(incomplete_pages=(2,))])
    assert result.log.coverage["unreadable_pages"] == {"d1": [2]}
    assert "unreadable_pages" in absence_proven(result.log)


def test_a_full_search_proves_absence_and_logs_every_form() -> None:
    result = Bench().ask("valid ISO 9001 certificate", phrases=("质量管理体系认证",))
    assert absence_proven(result.log) == []
    kinds = [variant["kind"] for variant in result.log.variants]
    assert kinds == ["original", "phrase", "synonyms", "key_terms", "codes"]
    assert result.log.variants[0]["branches"]["lexical"]["candidates"] >= 0
    assert result.log.coverage["pages"] == 3


def test_the_best_rejected_candidate_is_in_the_log() -> None:
    result = Bench().ask("We deliver within 30 days", top_k=1)
    assert result.log.best_rejected is not None
    assert result.log.best_rejected["chunk_id"] not in found(result)
    assert result.log.best_rejected["score_fused"] > 0


def test_equal_texts_are_shown_once_with_their_other_places() -> None:
    bench = Bench()
    twin = chunk("c9", TEXTS["c4"])
    bench.add(twin)
    bench.texts.chunks["c9"] = twin
    result = bench.ask("warranty period")
    first = result.items[0]
    assert {first.chunk.chunk_id, *first.hit.also_at} >= {"c4", "c9"}
    assert len([key for key in found(result) if key in ("c4", "c9")]) == 1


def test_a_changed_rewrite_is_not_used_and_the_difference_is_told() -> None:
    result = Bench().ask("delivery within 30 days", rewrite="delivery within 30 working days")
    assert not result.constraints_preserved
    assert result.rewritten_query == "delivery within 30 days"
    kept = Bench().ask("delivery within 30 days", rewrite="supply within 30 calendar days")
    assert kept.constraints_preserved
    assert kept.rewritten_query == "supply within 30 calendar days"


def test_high_risk_is_mix_and_asks_the_negated_form() -> None:
    result = Bench().ask("warranty period", high_risk=True, mode_hint="local")
    assert (result.choice.mode, result.choice.reason) == ("mix", "high_risk")
    assert "negated" in [variant["kind"] for variant in result.log.variants]


def test_without_rerank_the_fused_order_stays_and_nothing_is_degraded() -> None:
    result = Bench().ask("warranty period", rerank=False)
    assert all(item.hit.score_rerank is None for item in result.items)
    assert not result.log.degraded


def test_the_trace_has_the_eleven_steps_in_order() -> None:
    result = Bench().ask("warranty period", pack=PackRequest(pack_id="pck_1"))
    steps = "normalise extract_constraints rewrite verify_rewrite classify choose_mode run_branches fuse verify_filters"
    assert [entry["step"] for entry in result.trace] == [*steps.split(), "rerank", "pack"]
    assert all(entry["duration_ms"] >= 0 and entry["version"] for entry in result.trace)


def test_the_pack_holds_the_violation_and_its_log() -> None:
    result = Bench().ask("delivery within 30 days", pack=PackRequest(pack_id="pck_1", maximum=2))
    assert result.pack is not None
    packed = [item.chunk_id for item in result.pack.items]
    assert len(packed) == 2
    assert {"c2", "c3"} & set(packed)
    assert (result.pack.pack_id, result.pack.search_log_id, result.pack.sufficient) == ("pck_1", "slg_1", True)


def test_a_scope_without_a_project_cannot_be_made() -> None:
    with pytest.raises(Permanent) as refused:
        Scope(tenant_id="t", project_id="")
    assert refused.value.code == "RAG_SCOPE_MISSING"


def test_two_equal_searches_answer_alike() -> None:
    first, second = Bench().ask("delivery within 30 days"), Bench().ask("delivery within 30 days")
    assert (first.items, first.log) == (second.items, second.log)
