"""A model that is down, slow, malformed or over budget: people decide, and nothing that stood is lost (F22)."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from infra.local.postgres import Databases
from shared.domain.errors import BudgetStopped, CodedError, ModelUnavailable, Retryable
from shared.domain.index_entries import embedded_text, index_entry
from shared.usecases.start_evaluation import start_evaluation
from shared.usecases.submit_review import SubmitReview, submit_review
from tests.evaluation_seed import BID, DELIVERY, Seed, criterion
from tests.failures.waiting import Waiting, wait_for
from tests.fakes.judges import FailingJudge
from tests.product import TestProduct, running_product
from tests.records import make_records, new_tenant


@pytest.fixture(scope="module")
def judge() -> FailingJudge:
    """The judge of the running product; each test says how it fails."""
    return FailingJudge()


@pytest.fixture(scope="module")
def product(
    databases: Databases, tmp_path_factory: pytest.TempPathFactory, judge: FailingJudge
) -> Iterator[TestProduct]:
    def wire(made: Any) -> None:
        vars(made)["judge"] = judge

    with running_product(databases, tmp_path_factory.mktemp("product"), wire) as running:
        yield running


def start(product: TestProduct, databases: Databases) -> Waiting:
    """A bid with text in the index, against a judged criterion before one that a rule decides."""
    product = TestProduct(product.made, new_tenant(databases), databases)
    criteria = [
        criterion("J-1", "judged", points="60", requirement="Method of work", queries=["approach and method"]),
        criterion("R-1", "numeric_limit", points="40", test=DELIVERY, requirement="Delivery within 60 calendar days"),
    ]
    seed = Seed(make_records(databases, product.tenant_id), criteria, url=databases.app_url)
    supplier = seed.bid("S-1", *BID)
    parts = product.parts()
    found = parts.records.session.rows("select chunk_id, parse_run_id from chunks")
    chunks = [parts.records.chunks.get(row["chunk_id"], parse_run_id=row["parse_run_id"]) for row in found]
    vectors = parts.embedder.passages([embedded_text(chunk.heading_path, chunk.text) for chunk in chunks])
    entries = [index_entry(chunk, vector=vector) for chunk, vector in zip(chunks, vectors, strict=True)]
    parts.index.add(entries, generation=1)
    started = start_evaluation(seed.command(supplier), records=parts.records, ids=parts.ids, clock=parts.clock)
    return Waiting(product, seed, started.evaluation.evaluation_id, started.job.job_id)


def end_the_wait(waiting: Waiting) -> None:
    """The 30 s before the machine's only retry are over now (W24); fails the test when nobody waits for them."""
    moved = """update local_platform.frames f set due_at = clock_timestamp() from local_platform.executions e
        where e.execution_id = f.execution_id and e.name like %s and f.state = 'EvaluateCriteria'
          and f.phase = 'retry' and f.due_at > clock_timestamp() + interval '20 s'"""
    wait_for(lambda: waiting.platform(moved, f"{waiting.job_id}%") == 1)


def verdicts(waiting: Waiting) -> dict[str, Any]:
    code = {each.criterion_id: each.code for each in waiting.seed.criteria}
    return {code[v.criterion_id]: v for v in waiting.records.verdicts.current(waiting.evaluation_id)}


@dataclass(frozen=True)
class Outage:
    """How the judge fails; whether the machine waits 30 s and asks once more; what the person is told."""

    failure: CodedError
    waits: bool
    reason: str
    sentence: str


OUTAGES = {
    "down": Outage(ModelUnavailable(), True, "MODEL_UNAVAILABLE", "no model is available"),
    "slow": Outage(Retryable("LLM_TIMEOUT"), True, "MODEL_UNAVAILABLE", "no model is available"),
    "malformed": Outage(Retryable("LLM_RESPONSE_INVALID"), False, "MODEL_UNAVAILABLE", "cannot be used"),
    "over budget": Outage(BudgetStopped(), False, "BUDGET_STOPPED", "stopped at its budget"),
}


@pytest.mark.parametrize("name", OUTAGES)
def test_f22_without_an_answer_of_the_model_a_person_decides_and_the_report_says_so(
    product: TestProduct, databases: Databases, judge: FailingJudge, name: str
) -> None:
    outage = OUTAGES[name]
    judge.failure, judge.times, judge.asked = outage.failure, None, []
    waiting = start(product, databases)
    if outage.waits:
        wait_for(lambda: judge.asked == ["J-1"] and "R-1" in verdicts(waiting))
        before = verdicts(waiting)["R-1"]
        end_the_wait(waiting)
    wait_for(lambda: waiting.job().waiting_on == "review")
    assert judge.asked == ["J-1"] * (2 if outage.waits else 1)
    found = verdicts(waiting)
    assert not outage.waits or found["R-1"] == before
    assert (found["R-1"].outcome, found["R-1"].score) == ("pass", 40)
    parked = found["J-1"]
    assert (parked.outcome, parked.score, parked.claims) == ("needs_human", None, ())
    assert [each.code for each in parked.review_reasons] == [outage.reason] and outage.sentence in parked.reason
    assert len(waiting.records.searches.pack(parked.pack_id).items) >= 2
    assert waiting.status() == "needs_manual_decision"
    judge.failure = None  # the model is back: what people were asked stays theirs
    answer(waiting)
    assert waiting.product.wait_for_job(waiting.job_id).status == "succeeded"
    assert len(judge.asked) == (2 if outage.waits else 1)
    entries = reported(waiting)
    asked = entries["J-1"]
    assert (asked["decided_by"], asked["score"], entries["R-1"]["score"]) == ("person", "45", "40")
    assert [each["code"] for each in asked["review_reasons"]] == [outage.reason]
    assert asked["overrides"][0]["from"] == {"outcome": "needs_human", "score": None}


def answer(waiting: Waiting) -> None:
    """A person gives 45 points and cites the approach."""
    review_id, token = waiting.claim()
    edits = (waiting.seed.points("J-1", "45"),)
    command = SubmitReview(
        review_id=review_id, resume_token=token, decision="edit_scores", comment="Read and decided.", edits=edits
    )
    waiting.product.run(submit_review, command, **waiting.person())


def reported(waiting: Waiting) -> dict[str, Any]:
    """The report's entries by criterion code."""
    (report,) = waiting.records.reports.of_evaluation(waiting.evaluation_id)
    content = json.loads(waiting.product.made.objects.read(report.object_key))
    return {entry["code"]: entry for entry in content["criteria"]}


def test_f22_a_model_that_is_back_after_the_wait_judges_and_nobody_is_parked(
    product: TestProduct, databases: Databases, judge: FailingJudge
) -> None:
    judge.failure, judge.times, judge.asked = ModelUnavailable(), 1, []
    waiting = start(product, databases)
    end_the_wait(waiting)
    wait_for(lambda: "J-1" in verdicts(waiting))
    assert (verdicts(waiting)["J-1"].source, judge.asked) == ("model", ["J-1", "J-1"])
