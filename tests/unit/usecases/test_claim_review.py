"""Claiming a review: 15 minutes for one person, and a token that the next claim replaces."""

from hashlib import sha256

import pytest

from infra.local.postgres import Databases
from shared.domain.errors import Refused
from shared.usecases.claim_review import LEASE, ClaimedReview, ClaimReview, claim_review
from tests.evaluation_seed import BID, Seed, limit_and_judged
from tests.records import Shifted, ids, make_records


@pytest.fixture
def made(databases: Databases) -> Seed:
    return Seed(make_records(databases), limit_and_judged(), url=databases.app_url)


@pytest.fixture
def review_id(made: Seed) -> str:
    started, _ = made.suggest(made.bid("S-1", *BID))
    return made.ask(started)


def claim(made: Seed, databases: Databases, review_id: str, *, minutes: float = 0, who: str = "") -> ClaimedReview:
    records = make_records(databases, made.records.actor.tenant_id, **({"actor_id": who} if who else {}))
    return claim_review(ClaimReview(review_id=review_id), records=records, ids=ids, clock=Shifted(minutes))


def test_it_leases_the_review_and_stores_only_the_hash(made: Seed, databases: Databases, review_id: str) -> None:
    claimed = claim(made, databases, review_id)
    assert claimed.resume_token.startswith("rt_") and len(claimed.resume_token) == 46
    stored = made.records.reviews.get(review_id)
    assert stored.status == "claimed" and stored.claim_expires_at == claimed.expires_at
    assert stored.resume_token_hash == sha256(claimed.resume_token.encode()).hexdigest()


def test_another_person_waits_until_the_lease_is_over(made: Seed, databases: Databases, review_id: str) -> None:
    first = claim(made, databases, review_id)
    with pytest.raises(Refused) as refused:
        claim(made, databases, review_id, minutes=14)
    assert (refused.value.code, refused.value.details) == (
        "REVIEW_CLAIM_CONFLICT",
        {"claimed_by": first.review.claimed_by},
    )
    late = claim(made, databases, review_id, minutes=16)
    assert late.review.claimed_by != first.review.claimed_by
    assert late.resume_token != first.resume_token


def test_the_holder_gets_a_new_token(made: Seed, databases: Databases, review_id: str) -> None:
    me = ids.new("usr")
    first, second = (claim(made, databases, review_id, who=me) for _ in range(2))
    assert first.resume_token != second.resume_token
    stored = made.records.reviews.get(review_id)
    assert stored.resume_token_hash == sha256(second.resume_token.encode()).hexdigest()


def test_a_token_never_outlives_the_review(made: Seed, databases: Databases, review_id: str) -> None:
    claimed = claim(made, databases, review_id, minutes=60)
    assert claimed.review.resume_token_expires_at == claimed.review.due_at
    assert claimed.expires_at - LEASE < claimed.review.due_at


def test_after_the_deadline_nobody_can_claim(made: Seed, databases: Databases, review_id: str) -> None:
    with pytest.raises(Refused) as refused:
        claim(made, databases, review_id, minutes=24 * 60 + 1)
    assert refused.value.code == "WF_INTERRUPT_EXPIRED"


def test_a_service_cannot_claim(made: Seed, review_id: str, databases: Databases) -> None:
    records = make_records(databases, made.records.actor.tenant_id, kind="service")
    with pytest.raises(Refused) as refused:
        claim_review(ClaimReview(review_id=review_id), records=records, ids=ids, clock=Shifted())
    assert refused.value.code == "WF_INTERRUPT_REVIEWER_REQUIRED"


def test_an_answered_review_cannot_be_claimed(made: Seed, databases: Databases, review_id: str) -> None:
    made.answer(made.person(databases), review_id, "reject")
    with pytest.raises(Refused) as refused:
        claim(made, databases, review_id)
    assert refused.value.code == "WF_STATE_TRANSITION_INVALID"
