"""Suppliers and bids."""

from shared.adapters.postgres.session import Session


class Suppliers:
    """To be filled by its slice."""

    def __init__(self, session: Session) -> None:
        self._session = session


class Bids:
    """To be filled by its slice."""

    def __init__(self, session: Session) -> None:
        self._session = session
