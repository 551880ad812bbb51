"""Evaluations, evidence, verdicts, reviews and reports of one tenant."""

from typing import Protocol


class Evaluations(Protocol):
    """To be filled by its slice."""


class Searches(Protocol):
    """To be filled by its slice."""


class Verdicts(Protocol):
    """To be filled by its slice."""


class Reviews(Protocol):
    """To be filled by its slice."""


class Reports(Protocol):
    """To be filled by its slice."""
