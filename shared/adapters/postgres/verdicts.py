"""Verdicts and citations."""

from shared.adapters.postgres.session import Session


class Verdicts:
    """To be filled by its slice."""

    def __init__(self, session: Session) -> None:
        self._session = session
