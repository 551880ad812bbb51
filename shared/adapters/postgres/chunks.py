"""Chunks and their positions."""

from shared.adapters.postgres.session import Session


class Chunks:
    """To be filled by its slice."""

    def __init__(self, session: Session) -> None:
        self._session = session
