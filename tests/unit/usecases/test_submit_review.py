"""Answering a review: once, by its holder, with the newest token, before it is due."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from infra.local.postgres import Databases
from shared.adapters.postgres.records import PostgresRecords
from shared.domain.errors import Refused
from shared.usecases.cancel_job import CancelJob, cancel_job
from shared.usecases.claim_review import ClaimReview, claim_review
from shared.usecases.submit_review import SubmitReview, submit_review
from tests.evaluation_seed import BID, Seed, limit_and_judged
from tests.records import Shifted, clock, ids, make_records


class Asked:
    """A claimed review and the answer to it."""

    def __init__(self, databases: Databases) -> None:
        self.databases = databases
        self.made = Seed(make_records(databases), limit_and_judged(), url=databases.app_url)
        self.started, _ = self.made.suggest(self.made.bid("S-1", *BID))
        self.review_id = self.made.ask(self.started)
        self.person = self.made.person(databases)
        claimed = claim_review(ClaimReview(review_id=self.review_id), records=self.person, ids=ids, clock=clock)
        self.command = SubmitReview(
            review_id=self.review_id,
            resume_token=claimed.resume_token,
            decision="edit_scores",
            comment="Read and decided.",
            edits=(self.made.points("T-2", "48"),),
        )

    def submit(self, records: PostgresRecords | None = None, *, minutes: float = 0, **changes: Any) -> Any:
        """Submit the command with changes, as the holder by default."""
        command = replace(self.command, **changes)
        return submit_review(command, records=records or self.person, ids=ids, clock=Shifted(minutes))

    def refused(self, **how: Any) -> Refused:
        """The refusal; nothing may have been stored."""
        before = self.made.records.reviews.get(self.review_id)
        with pytest.raises(Refused) as raised:
            self.submit(**how)
        assert self.made.records.reviews.get(self.review_id) == before
        return raised.value


@pytest.fixture
def asked(databases: Databases) -> Asked:
    return Asked(databases)


def test_it_stores_what_was_decided_and_tells_the_execution(asked: Asked) -> None:
    done = asked.submit()
    records = asked.made.records
    stored = records.reviews.get(asked.review_id)
    decisions = records.reviews.decisions(asked.review_id)
    assert (stored.status, stored.decision, stored.submitted_by) == (
        "submitted",
        "edit_scores",
        asked.person.actor.actor_id,
    )
    assert stored.edits[0]["score"] == "48"
    assert [(d.action, d.score, d.outcome, d.comment) for d in decisions] == [
        ("edit", 48, "pass", "Every phase names a person.")
    ]
    assert decisions[0].item_id == records.reviews.items(asked.review_id)[0].item_id
    assert records.jobs.get(done.job_id).waiting_on is None
    events = [e["event_type"] for e in records.jobs.events(done.run_id, after=0, limit=100)]
    assert events[-1] == "review.submitted"
    published = records.session.rows("select payload from outbox_events where event_type = 'review.submitted'")
    assert [row["payload"] for row in published] == [
        {
            "review_id": asked.review_id,
            "evaluation_id": asked.started.evaluation.evaluation_id,
            "decision": "edit_scores",
        }
    ]


def test_twenty_parallel_answers_have_one_winner(asked: Asked, databases: Databases) -> None:
    tenant, me = asked.made.records.actor.tenant_id, asked.person.actor.actor_id

    def answer(_: int) -> Refused | None:
        try:
            asked.submit(make_records(databases, tenant, actor_id=me))
        except Refused as refused:
            return refused
        return None

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(answer, range(20)))
    lost = [refused for refused in answers if refused is not None]
    assert len(lost) == 19
    assert {refused.code for refused in lost} == {"WF_INTERRUPT_RESUME_INVALID"}
    details = lost[0].details
    assert (details["duplicate"], details["review_status"], details["submitted_by"]) == (True, "submitted", me)
    assert details["submitted_at"] is not None
    assert len(asked.made.records.reviews.decisions(asked.review_id)) == 1


def test_only_the_newest_token_counts(asked: Asked) -> None:
    other = Asked(asked.databases)
    assert asked.refused(resume_token="rt_" + "x" * 43).code == "WF_INTERRUPT_RESUME_INVALID"
    assert asked.refused(resume_token=other.command.resume_token).code == "WF_INTERRUPT_RESUME_INVALID"
    claim_review(ClaimReview(review_id=asked.review_id), records=asked.person, ids=ids, clock=clock)
    refusal = asked.refused()
    assert (refusal.code, refusal.details["duplicate"]) == ("WF_INTERRUPT_RESUME_INVALID", False)


def test_a_lost_lease_a_late_answer_and_a_service_are_told_apart(asked: Asked, databases: Databases) -> None:
    tenant = asked.made.records.actor.tenant_id
    assert asked.refused(minutes=16).code == "REVIEW_CLAIM_LOST"
    assert asked.refused(records=asked.made.person(databases)).code == "REVIEW_CLAIM_LOST"
    assert asked.refused(minutes=24 * 60 + 1).code == "WF_INTERRUPT_EXPIRED"
    service = make_records(databases, tenant, kind="service")
    assert asked.refused(records=service).code == "WF_INTERRUPT_REVIEWER_REQUIRED"


def test_another_tenant_does_not_find_it(asked: Asked, databases: Databases) -> None:
    assert asked.refused(records=make_records(databases)).code == "REVIEW_NOT_FOUND"


def test_after_a_cancel_the_answer_is_refused_with_the_state(asked: Asked) -> None:
    job_id = asked.started.job.job_id
    cancel_job(CancelJob(job_id=job_id, reason="withdrawn"), records=asked.made.records)
    refusal = asked.refused()
    assert (refusal.code, refusal.details["review_status"]) == ("WF_INTERRUPT_RESUME_INVALID", "canceled")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"decision": "approve", "edits": ()}, "REVIEW_INCOMPLETE"),
        ({"decision": "maybe"}, "REQ_VALIDATION_FAILED"),
        ({"comment": " "}, "REQ_VALIDATION_FAILED"),
        ({"edits": ({"criterion": "T-9", "reason": "There is no such criterion."},)}, "CRITERION_NOT_FOUND"),
        ({"edits": ({"criterion_id": "crt_x", "reason": "There is no such one."},)}, "CRITERION_NOT_FOUND"),
    ],
)
def test_what_cannot_be_decided_is_refused_before_anything_changes(
    asked: Asked, changes: dict[str, Any], code: str
) -> None:
    assert asked.refused(**changes).code == code
    assert asked.made.records.reviews.decisions(asked.review_id) == []


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        ({"score": "61"}, "REVIEW_SCORE_OUT_OF_RANGE"),
        ({"score": "10.3"}, "REVIEW_SCORE_OUT_OF_RANGE"),
        ({"reason": "short"}, "REQ_VALIDATION_FAILED"),
        ({"citations": []}, "APPROVAL_REQUIRED"),
    ],
)
def test_an_edit_is_checked(asked: Asked, edit: dict[str, Any], code: str) -> None:
    assert asked.refused(edits=({**asked.made.points("T-2", "48"), **edit},)).code == code


def test_a_quote_must_stand_in_a_pinned_document(asked: Asked) -> None:
    edit = asked.made.points("T-2", "48")
    chunk_id = edit["citations"][0]["chunk_id"]
    wrong = {**edit, "citations": [{"chunk_id": chunk_id, "quote": "described phase by phrase"}]}
    assert asked.refused(edits=(wrong,)).code == "CITATION_QUOTE_MISMATCH"
    other = asked.made.bid("S-2", "Another bid\nIts words are not evidence here.")
    chunks = [e for e in asked.made.index._entries.values() if e.supplier_id == other]
    foreign = {**edit, "citations": [{"chunk_id": chunks[0].chunk_id, "quote": "Its words"}]}
    assert asked.refused(edits=(foreign,)).code == "CHUNK_NOT_FOUND"


def test_an_edit_may_name_the_criterion_by_id(asked: Asked) -> None:
    edit = asked.made.points("T-2", "48")
    edit["criterion_id"] = asked.made.criteria[1].criterion_id
    del edit["criterion"]
    asked.submit(edits=(edit,))
    assert asked.made.records.reviews.decisions(asked.review_id)[0].criterion_id == edit["criterion_id"]


def test_a_criterion_nobody_asked_about_can_be_edited_too(asked: Asked) -> None:
    lower = {"criterion": "T-1", "score": "30", "outcome": "pass", "reason": "The period starts too late."}
    asked.submit(edits=(asked.made.points("T-2", "48"), lower))
    evaluation_id = asked.started.evaluation.evaluation_id
    asked.made.settle(evaluation_id, asked.review_id)
    assert asked.made.records.evaluations.get(evaluation_id).total_score == 78
