"""Reviews, items, decisions and waits."""

from shared.adapters.postgres.session import Session


class Reviews:
    """To be filled by its slice."""

    def __init__(self, session: Session) -> None:
        self._session = session
