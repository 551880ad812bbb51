"""Retry profiles (spec 06 section 3); the state machine files carry the same numbers for `job`."""

STEP_RETRIES = 3
RECEIVE_LIMIT = 5
RECEIVE_DELAYS_SECONDS = (1, 5, 30, 120)
