"""Passwords of database logins that are tokens of IAM (design section 8): signed here, no call is made."""

from typing import Any
from urllib.parse import urlsplit


class RdsLogin:
    """Signs tokens with the credentials of the process; the client comes from aws_calls.aws_client("rds")."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def password(self, url: str) -> str:
        """A token for the URL's host, port and user, good for 15 minutes (RDS user guide, IAM authentication)."""
        parts = urlsplit(url)
        token: str = self._client.generate_db_auth_token(
            DBHostname=parts.hostname, Port=parts.port or 5432, DBUsername=parts.username
        )
        return token
