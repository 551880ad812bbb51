"""Uploads, documents, parse results and facts of one tenant."""

from typing import Protocol


class Uploads(Protocol):
    """To be filled by its slice."""


class Documents(Protocol):
    """To be filled by its slice."""


class ParseRuns(Protocol):
    """To be filled by its slice."""


class Chunks(Protocol):
    """To be filled by its slice."""


class Facts(Protocol):
    """To be filled by its slice."""
