"""Renewing a claim."""

import pytest

from infra.local.postgres import Databases
from shared.domain.errors import Refused
from shared.usecases.claim_review import ClaimReview, claim_review
from shared.usecases.renew_review import LEASE, RenewReview, renew_review
from tests.evaluation_seed import BID, Seed, limit_and_judged
from tests.records import Shifted, ids, make_records


def test_the_holder_keeps_it_and_its_token_until_the_lease_is_over(databases: Databases) -> None:
    made = Seed(make_records(databases), limit_and_judged(), url=databases.app_url)
    started, _ = made.suggest(made.bid("S-1", *BID))
    review_id, person = made.ask(started), made.person(databases)
    claimed = claim_review(ClaimReview(review_id=review_id), records=person, ids=ids, clock=Shifted())
    later = Shifted(10)
    renewed = renew_review(RenewReview(review_id=review_id), records=person, clock=later)
    assert renewed.claim_expires_at is not None and renewed.claim_expires_at > claimed.expires_at
    assert renewed.claim_expires_at <= later.now() + LEASE
    assert renewed.resume_token_hash == claimed.review.resume_token_hash
    for records, minutes in ((made.person(databases), 0), (person, 26)):
        with pytest.raises(Refused) as refused:
            renew_review(RenewReview(review_id=review_id), records=records, clock=Shifted(minutes))
        assert refused.value.code == "REVIEW_CLAIM_LOST"
