"""The criterion graph on real PostgreSQL: from evidence to a suggestion, through a person, across processes."""

from typing import Any

import psycopg
import pytest

from infra.local.postgres import Databases
from shared.adapters.criterion_graph.state import LARGEST, check_size, fixed
from shared.domain.errors import Permanent, Refused, Retryable
from shared.usecases.plan_evaluation import PlanEvaluation, plan_evaluation
from tests.contract.graph_seed import decided, only_verdict, planned, seed
from tests.evaluation_seed import BID, DELIVERY, PRICE, criterion
from tests.records import ids


def test_a_rule_decides_and_cites_and_nobody_is_asked(databases: Databases) -> None:
    made = seed(databases)
    evaluation_id = planned(made, made.bid("S-1", *BID))
    after = made.graph().run(evaluation_id, made.criteria[0].criterion_id)
    verdict = only_verdict(made, evaluation_id)
    assert after.status == "finished"
    assert (verdict.outcome, verdict.score, verdict.review_reasons) == ("pass", 40, ())
    assert "45 calendar days" in verdict.claims[0].citations[0].quote
    source = made.records.verdicts.citation(verdict.claims[0].citations[0].citation_id)
    assert (source.filename, source.page, source.page_width) == ("bid.txt", 1, 595)
    assert source.quote == "Delivery period: 45 calendar days"
    assert source.before.endswith("EUR 120,000.00\n")


def test_without_a_model_a_judged_criterion_waits_with_its_evidence_and_no_points(databases: Databases) -> None:
    made = seed(databases)
    evaluation_id = planned(made, made.bid("S-1", *BID))
    after = made.graph().run(evaluation_id, made.criteria[1].criterion_id)
    verdict = only_verdict(made, evaluation_id, 1)
    assert after.status == "interrupted"
    assert (verdict.outcome, verdict.score) == ("needs_human", None)
    assert [reason.code for reason in verdict.review_reasons] == ["MODEL_UNAVAILABLE"]
    pack = made.records.searches.pack(verdict.pack_id or "")
    log = made.records.searches.log(verdict.search_log_id or "")
    assert pack is not None and len(pack.items) >= 2
    assert log is not None and log.criterion_id == made.criteria[1].criterion_id


def test_a_decision_resumes_the_thread_once_in_another_process(databases: Databases) -> None:
    made = seed(databases)
    started, _ = made.suggest(made.bid("S-1", *BID))
    evaluation_id, criterion_id = started.evaluation.evaluation_id, made.criteria[1].criterion_id
    made.ask(started)
    asked = made.graph().state(evaluation_id, criterion_id).interrupt_id
    decision = decided(made, evaluation_id, 1, action="edit", score=0, outcome="fail")
    searched = made.asked
    after = made.graph().decide(evaluation_id, criterion_id, decision_id=decision.decision_id, interrupt_id=asked)
    assert (after.status, after.decision_id, made.asked) == ("finished", decision.decision_id, searched)
    repeat = made.graph().decide(evaluation_id, criterion_id, decision_id=decision.decision_id, interrupt_id=asked)
    revisions = made.records.verdicts.revisions(evaluation_id, criterion_id)
    assert repeat == after and [v.source for v in revisions] == ["rule", "person"]
    assert (revisions[1].supersedes, revisions[1].expert_only) == (revisions[0].verdict_id, True)
    second = decided(made, evaluation_id, 1)
    with pytest.raises(Refused) as refused:
        made.graph().decide(evaluation_id, criterion_id, decision_id=second.decision_id, interrupt_id=asked)
    assert refused.value.code == "WF_INTERRUPT_RESUME_INVALID"


def test_another_interrupt_id_is_refused(databases: Databases) -> None:
    made = seed(databases)
    started, _ = made.suggest(made.bid("S-1", *BID))
    evaluation_id, criterion_id = started.evaluation.evaluation_id, made.criteria[1].criterion_id
    made.ask(started)
    decision = decided(made, evaluation_id, 1)
    for wrong in ("0" * 32, None):
        with pytest.raises(Refused) as refused:
            made.graph().decide(evaluation_id, criterion_id, decision_id=decision.decision_id, interrupt_id=wrong)
        assert refused.value.code == "WF_INTERRUPT_RESUME_INVALID"


def test_an_edit_of_a_finished_criterion_runs_only_the_decision(databases: Databases) -> None:
    made = seed(databases)
    started, _ = made.suggest(made.bid("S-1", *BID))
    evaluation_id, criterion_id = started.evaluation.evaluation_id, made.criteria[0].criterion_id
    made.ask(started)
    decision = decided(made, evaluation_id, 0, action="edit", score=20, outcome="pass")
    searched = made.asked
    after = made.graph().decide(evaluation_id, criterion_id, decision_id=decision.decision_id, interrupt_id=None)
    verdict = only_verdict(made, evaluation_id)
    assert (after.status, made.asked) == ("finished", searched)
    assert (verdict.score, verdict.source, verdict.expert_only) == (20, "person", False)
    assert verdict.claims[0].citations[0].quote == "Delivery period: 45 calendar days"


def test_a_decision_about_an_unknown_thread_starts_nothing(databases: Databases) -> None:
    made = seed(databases)
    evaluation_id = planned(made, made.bid("S-1", *BID))
    with pytest.raises(Permanent) as raised:
        made.graph().decide(evaluation_id, made.criteria[0].criterion_id, decision_id=ids.new("dec"), interrupt_id=None)
    assert (raised.value.code, made.asked) == ("WF_CHECKPOINT_NOT_FOUND", 0)


def test_a_missing_item_is_proven_absent_and_asks(databases: Databases) -> None:
    made = seed(
        databases,
        criterion(
            "Q-1",
            "required_material",
            points="10",
            test={"material": "ISO 9001", "op": "valid_on", "value": "2026-12-01"},
            requirement="Certificate ISO 9001",
            queries=["ISO 9001 certificate"],
            mandatory=True,
        ),
    )
    evaluation_id = planned(made, made.bid("S-1", *BID))
    assert made.graph().run(evaluation_id, made.criteria[0].criterion_id).status == "interrupted"
    verdict = only_verdict(made, evaluation_id)
    assert (verdict.outcome, verdict.score, verdict.claims) == ("not_found", None, ())
    assert [reason.code for reason in verdict.review_reasons] == ["NOT_FOUND"]


def test_two_delivery_periods_go_to_a_person_with_both_places(databases: Databases) -> None:
    made = seed(databases)
    texts = (BID[0], BID[1], "Schedule\nThe delivery period is 90 calendar days after signature.")
    evaluation_id = planned(made, made.bid("S-1", *texts))
    made.graph().run(evaluation_id, made.criteria[0].criterion_id)
    verdict = only_verdict(made, evaluation_id)
    assert (verdict.outcome, verdict.score) == ("needs_human", None)
    assert "FACT_CONFLICT" in [reason.code for reason in verdict.review_reasons]
    assert {citation.page for claim in verdict.claims for citation in claim.citations} == {1, 3}


def test_a_formula_waits_for_the_closed_bid_set_and_then_compares_prices(databases: Databases) -> None:
    for status, state, score in (("open", "pending_cohort", None), ("closed", "scored", 30)):
        made = seed(databases, criterion("P-1", "formula", points="40", formula=PRICE), status=status)
        made.bid("S-2", "Form of tender\nBid price: EUR 90,000.00")
        evaluation_id = planned(made, made.bid("S-1", *BID))
        made.graph().run(evaluation_id, made.criteria[0].criterion_id)
        verdict = only_verdict(made, evaluation_id)
        assert (verdict.source, verdict.score_state, verdict.score) == ("formula", state, score)


def test_a_bid_without_a_clear_price_stops_the_formula_and_is_named_by_id_only(databases: Databases) -> None:
    made = seed(databases, criterion("P-1", "formula", points="40", formula=PRICE), status="closed")
    other = made.bid("S-2", "Form of tender\nBid price: EUR 90,000.00", "Schedule\nBid price: EUR 95,000.00")
    evaluation_id = planned(made, made.bid("S-1", *BID))
    made.graph().run(evaluation_id, made.criteria[0].criterion_id)
    verdict = only_verdict(made, evaluation_id)
    bid = made.records.bids.find(made.project.project_id, other)
    assert (verdict.outcome, verdict.score) == ("needs_human", None)
    assert "FACT_CONFLICT" in [reason.code for reason in verdict.review_reasons]
    assert bid is not None and bid.bid_id in verdict.reason
    assert "95,000" not in verdict.reason and "90,000" not in str(verdict.claims)


def test_a_branch_that_is_out_is_no_proof_of_absence(databases: Databases) -> None:
    missing = {"material": "ISO 9001", "op": "exists"}
    made = seed(databases, criterion("Q-1", "required_material", points="10", test=missing))

    def broken(*args: Any, **more: Any) -> Any:
        raise Retryable("RAG_UPSTREAM_UNAVAILABLE")

    made.index.nearest = broken  # type: ignore[method-assign]
    evaluation_id = planned(made, made.bid("S-1", *BID))
    made.graph().run(evaluation_id, made.criteria[0].criterion_id)
    verdict = only_verdict(made, evaluation_id)
    codes = {reason.code for reason in verdict.review_reasons}
    assert verdict.outcome == "needs_human" and {"SEARCH_INCOMPLETE", "DEGRADED"} <= codes


def test_a_thread_of_another_tenant_is_not_there(databases: Databases) -> None:
    made = seed(databases)
    evaluation_id = planned(made, made.bid("S-1", *BID))
    made.graph().run(evaluation_id, made.criteria[0].criterion_id)
    other = seed(databases)
    assert other.graph().state(evaluation_id, made.criteria[0].criterion_id).status == "absent"
    with pytest.raises(Refused) as raised:
        other.graph().run(evaluation_id, made.criteria[0].criterion_id)
    assert raised.value.code == "EVALUATION_NOT_FOUND"


def test_the_checkpoints_hold_no_document_text(databases: Databases) -> None:
    made = seed(databases)
    evaluation_id = planned(made, made.bid("S-1", *BID))
    for each in made.criteria:
        made.graph().run(evaluation_id, each.criterion_id)
    with psycopg.connect(databases.owner_url) as connection:
        connection.execute("select set_config('app.tenant_id', %s, true)", (made.records.actor.tenant_id,))
        rows = connection.execute(
            """select blob from checkpoint_blobs where blob is not null
               union all select blob from checkpoint_writes union all select checkpoint::text::bytea from checkpoints"""
        ).fetchall()
    stored = b"\n".join(bytes(blob) for (blob,) in rows)
    assert len(rows) > 20 and b"chk_" in stored
    assert not [words for words in (b"calendar days", b"named person", b"120,000") if words in stored]
    assert max(len(bytes(blob)) for (blob,) in rows) < LARGEST


def test_a_state_over_64_kib_and_a_changed_identity_are_refused() -> None:
    with pytest.raises(Permanent, match="larger"):
        check_size({"draft": {"reason": "x" * LARGEST}})
    assert fixed("", "evl_1") == fixed("evl_1", "evl_1") == "evl_1"
    with pytest.raises(Permanent):
        fixed("evl_1", "evl_2")


def test_the_evidence_pack_holds_every_cited_chunk(databases: Databases) -> None:
    made = seed(databases, criterion("T-1", "numeric_limit", points="40", test=DELIVERY, evidence_max=1))
    evaluation_id = planned(made, made.bid("S-1", *BID, *(f"Chapter {n}\nDelivery of part {n}." for n in range(12))))
    made.graph().run(evaluation_id, made.criteria[0].criterion_id)
    verdict = only_verdict(made, evaluation_id)
    pack = made.records.searches.pack(verdict.pack_id or "")
    cited = {citation.chunk_id for claim in verdict.claims for citation in claim.citations}
    assert pack is not None and cited <= {item.chunk_id for item in pack.items}


def test_equal_inputs_give_an_equal_hash_and_other_facts_another(databases: Databases) -> None:
    made = seed(databases)
    supplier = made.bid("S-1", *BID)
    first = planned(made, supplier)
    made.graph().run(first, made.criteria[0].criterion_id)
    again = made.start(supplier, rerun_of=first).evaluation.evaluation_id
    plan_evaluation(PlanEvaluation(evaluation_id=again), records=made.records)
    made.graph().run(again, made.criteria[0].criterion_id)
    other = planned(made, made.bid("S-2", BID[0].replace("45", "50"), BID[1]))
    made.graph().run(other, made.criteria[0].criterion_id)
    hashes = [only_verdict(made, each).input_hash for each in (first, again, other)]
    assert hashes[0] == hashes[1] != hashes[2]
