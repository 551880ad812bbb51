"""Parse runs, pages and blocks."""

from shared.adapters.postgres.session import Session


class ParseRuns:
    """To be filled by its slice."""

    def __init__(self, session: Session) -> None:
        self._session = session
