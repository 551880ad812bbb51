"""People, projects, suppliers, bids and rule packs of one tenant."""

from typing import Protocol


class Users(Protocol):
    """To be filled by its slice."""


class Projects(Protocol):
    """To be filled by its slice."""


class Suppliers(Protocol):
    """To be filled by its slice."""


class Bids(Protocol):
    """To be filled by its slice."""


class RulePacks(Protocol):
    """To be filled by its slice."""
