"""ExpireReview: park what nobody answered in time."""

from functions.entry import step
from shared.usecases.expire_review import ExpireReview, expire_review

handler = step(ExpireReview, expire_review)
