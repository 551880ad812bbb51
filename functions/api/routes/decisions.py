"""Answering a review: one decision by one person, once (spec A104, A105)."""

from functions.api.routing import new_router

router = new_router()
