"""Releasing a claim."""

import pytest

from infra.local.postgres import Databases
from shared.domain.errors import Refused
from shared.usecases.claim_review import ClaimReview, claim_review
from shared.usecases.release_review import ReleaseReview, release_review
from shared.usecases.submit_review import SubmitReview, submit_review
from tests.evaluation_seed import BID, Seed, limit_and_judged
from tests.records import clock, ids, make_records


def test_a_released_review_is_open_and_its_token_answers_nothing(databases: Databases) -> None:
    made = Seed(make_records(databases), limit_and_judged(), url=databases.app_url)
    started, _ = made.suggest(made.bid("S-1", *BID))
    review_id, person = made.ask(started), made.person(databases)
    claimed = claim_review(ClaimReview(review_id=review_id), records=person, ids=ids, clock=clock)
    with pytest.raises(Refused) as other:
        release_review(ReleaseReview(review_id=review_id), records=made.person(databases))
    assert other.value.code == "REVIEW_CLAIM_LOST"
    assert release_review(ReleaseReview(review_id=review_id), records=person).status == "open"
    command = SubmitReview(
        review_id=review_id, resume_token=claimed.resume_token, decision="reject", comment="No longer held by me."
    )
    with pytest.raises(Refused) as lost:
        submit_review(command, records=person, ids=ids, clock=clock)
    assert lost.value.code == "REVIEW_CLAIM_LOST"
    assert made.records.reviews.get(review_id).decision is None
