"""OpenReview: ask people and keep the callback token."""

from functions.entry import step
from shared.usecases.open_review import OpenReview, open_review

handler = step(OpenReview, open_review)
