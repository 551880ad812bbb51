"""Upload sessions and their files."""

from shared.adapters.postgres.session import Session


class Uploads:
    """To be filled by its slice."""

    def __init__(self, session: Session) -> None:
        self._session = session
