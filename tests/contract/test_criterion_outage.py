"""Threads whose judge is missing: they stand before it, are parked without it, and lose nothing (W43, E2, E53)."""

import pytest

from infra.local.postgres import Databases
from shared.adapters.postgres.checkpoints import TenantSaver
from shared.domain.errors import BudgetStopped, CodedError, ModelUnavailable, Permanent, Retryable
from shared.domain.evidence import Verdict
from shared.usecases.plan_evaluation import PlanEvaluation, plan_evaluation
from tests.contract.test_criterion_crashes import cut_off
from tests.evaluation_seed import BID, Seed, limit_and_judged
from tests.fakes.judges import FailingJudge
from tests.records import make_records

RULE, JUDGED = 0, 1


def seed(databases: Databases, judge: FailingJudge) -> tuple[Seed, str]:
    made = Seed(make_records(databases), limit_and_judged(), url=databases.app_url, judge=judge)
    started = made.start(made.bid("S-1", *BID))
    plan_evaluation(PlanEvaluation(evaluation_id=started.evaluation.evaluation_id), records=made.records)
    return made, started.evaluation.evaluation_id


def verdicts(made: Seed, evaluation_id: str, place: int) -> list[Verdict]:
    return made.records.verdicts.revisions(evaluation_id, made.criteria[place].criterion_id)


def run(made: Seed, evaluation_id: str, place: int) -> str:
    return made.graph().run(evaluation_id, made.criteria[place].criterion_id).status


def park(made: Seed, evaluation_id: str, place: int, reason: str = "MODEL_UNAVAILABLE") -> str:
    return made.graph().park(evaluation_id, made.criteria[place].criterion_id, reason=reason).status


def test_a_judge_that_answers_is_cited_and_verified_like_a_rule(databases: Databases) -> None:
    made, evaluation_id = seed(databases, FailingJudge())
    assert run(made, evaluation_id, JUDGED) in ("finished", "interrupted")
    (verdict,) = verdicts(made, evaluation_id, JUDGED)
    assert (verdict.source, verdict.outcome, verdict.score) == ("model", "partial", 30)
    assert len(verdict.claims) == 1 and not verdict.unsupported_claims


@pytest.mark.parametrize("code", ["LLM_TIMEOUT", "LLM_PROVIDER_ERROR", "MODEL_UNAVAILABLE"])
def test_whoever_does_not_answer_is_an_unavailable_model_and_nothing_is_written(
    databases: Databases, code: str
) -> None:
    judge = FailingJudge(ModelUnavailable() if code == "MODEL_UNAVAILABLE" else Retryable(code))
    made, evaluation_id = seed(databases, judge)
    with pytest.raises(ModelUnavailable):
        run(made, evaluation_id, JUDGED)
    assert made.graph().state(evaluation_id, made.criteria[JUDGED].criterion_id).status == "pending"
    assert (verdicts(made, evaluation_id, JUDGED), judge.asked, made.asked) == ([], ["T-2"], 1)


def test_after_the_outage_the_thread_goes_on_before_its_judge_without_another_search(databases: Databases) -> None:
    made, evaluation_id = seed(databases, FailingJudge(ModelUnavailable(), times=1))
    with pytest.raises(ModelUnavailable):
        run(made, evaluation_id, JUDGED)
    run(made, evaluation_id, JUDGED)
    assert ([v.source for v in verdicts(made, evaluation_id, JUDGED)], made.asked) == (["model"], 1)


@pytest.mark.parametrize("failure", [Retryable("LLM_RESPONSE_INVALID"), Permanent("LLM_REFUSED")])
def test_an_unusable_answer_leaves_its_criterion_to_a_person_at_once(databases: Databases, failure: CodedError) -> None:
    judge = FailingJudge(failure)
    made, evaluation_id = seed(databases, judge)
    assert run(made, evaluation_id, JUDGED) == "interrupted"
    (verdict,) = verdicts(made, evaluation_id, JUDGED)
    assert (verdict.outcome, verdict.score, judge.asked) == ("needs_human", None, ["T-2"])
    assert "cannot be used" in verdict.reason


def test_a_failure_that_is_no_outage_is_not_hidden(databases: Databases) -> None:
    made, evaluation_id = seed(databases, FailingJudge(Permanent("DATA_CORRUPTED")))
    with pytest.raises(Permanent) as raised:
        run(made, evaluation_id, JUDGED)
    assert raised.value.code == "DATA_CORRUPTED"


@pytest.mark.parametrize("before", ["nothing", "the judge failed", "parking stopped before the judge"])
@pytest.mark.parametrize("reason", ["MODEL_UNAVAILABLE", "BUDGET_STOPPED"])
def test_a_parked_thread_asks_a_person_with_its_pack_and_no_score(
    databases: Databases, monkeypatch: pytest.MonkeyPatch, before: str, reason: str
) -> None:
    judge = FailingJudge(BudgetStopped())
    made, evaluation_id = seed(databases, judge)
    if before == "the judge failed":
        with pytest.raises(BudgetStopped):
            run(made, evaluation_id, JUDGED)
    elif before == "parking stopped before the judge":
        with pytest.raises(KeyError):  # a reason that has no sentence: between the search and the state update
            park(made, evaluation_id, JUDGED, "NO_SUCH_REASON")
    asked = list(judge.asked)
    assert park(made, evaluation_id, JUDGED, reason) == "interrupted"
    (verdict,) = verdicts(made, evaluation_id, JUDGED)
    assert (verdict.outcome, verdict.score, verdict.claims) == ("needs_human", None, ())
    assert [each.code for each in verdict.review_reasons] == [reason]
    pack = made.records.searches.pack(verdict.pack_id or "")
    assert pack is not None and len(pack.items) >= 2
    assert (judge.asked, made.asked) == (asked, 1)


def test_parking_again_or_running_a_parked_thread_changes_nothing(databases: Databases) -> None:
    judge = FailingJudge()
    made, evaluation_id = seed(databases, judge)
    park(made, evaluation_id, JUDGED)
    before = made.graph().state(evaluation_id, made.criteria[JUDGED].criterion_id)
    assert (park(made, evaluation_id, JUDGED), run(made, evaluation_id, JUDGED)) == ("interrupted", "interrupted")
    assert made.graph().state(evaluation_id, made.criteria[JUDGED].criterion_id) == before
    assert (len(verdicts(made, evaluation_id, JUDGED)), judge.asked) == (1, [])


def test_what_a_rule_decides_is_decided_without_the_judge(databases: Databases) -> None:
    made, evaluation_id = seed(databases, FailingJudge(BudgetStopped()))
    assert park(made, evaluation_id, RULE, "BUDGET_STOPPED") == "finished"
    (verdict,) = verdicts(made, evaluation_id, RULE)
    assert (verdict.outcome, verdict.score, verdict.review_reasons) == ("pass", 40, ())


def test_the_same_evidence_gives_the_same_hash_with_and_without_the_judge(databases: Databases) -> None:
    made, first = seed(databases, FailingJudge())
    park(made, first, JUDGED)
    supplier_id = made.records.evaluations.get(first).supplier_id
    again = made.start(supplier_id, rerun_of=first).evaluation.evaluation_id
    plan_evaluation(PlanEvaluation(evaluation_id=again), records=made.records)
    run(made, again, JUDGED)
    hashes = [verdicts(made, each, JUDGED)[0].input_hash for each in (first, again)]
    assert hashes[0] == hashes[1] != ""


@pytest.mark.parametrize("cut_short", ["run", "park"])
def test_parking_after_a_cut_before_any_write_ends_in_one_verdict_with_a_person_or_of_the_judge(
    databases: Databases, monkeypatch: pytest.MonkeyPatch, cut_short: str
) -> None:
    """A worker is killed between a node's write and its checkpoint; whatever stands then is parked or goes on."""
    judge = FailingJudge()
    made, _ = seed(databases, judge)
    cut, whole = 0, False
    sources = set()
    while not whole:
        started = made.start(made.bid(f"S-{cut + 2}", *BID))
        evaluation_id = started.evaluation.evaluation_id
        plan_evaluation(PlanEvaluation(evaluation_id=evaluation_id), records=made.records)
        with monkeypatch.context() as patch:
            left = iter(range(cut))
            for name in ("put", "put_writes"):
                patch.setattr(TenantSaver, name, cut_off(getattr(TenantSaver, name), left))
            try:
                (run if cut_short == "run" else park)(made, evaluation_id, JUDGED)
                whole = True
            except Retryable:
                cut += 1
        asked = len(judge.asked)
        assert park(made, evaluation_id, JUDGED) in ("interrupted", "finished")
        (verdict,) = verdicts(made, evaluation_id, JUDGED)
        sources.add(verdict.source)
        assert len(judge.asked) == asked
    assert cut > 12
    assert sources == ({"rule", "model"} if cut_short == "run" else {"rule"})
