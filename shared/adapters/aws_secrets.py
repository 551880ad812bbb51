"""Secrets kept by AWS Secrets Manager; read once when a process starts."""

from typing import Any

from shared.adapters.aws_calls import ask
from shared.domain.errors import Permanent


def read_secret(client: Any, name: str) -> str:
    """The text of a secret by name or ARN; the client comes from aws_calls.aws_client("secretsmanager").

    Raises Retryable DEPENDENCY_UNAVAILABLE or DEPENDENCY_TIMEOUT, and Permanent INTERNAL_ERROR without the right to
    read, for an unknown name and for a secret without text."""
    found = ask(client.get_secret_value, SecretId=name)
    text = found.get("SecretString")
    if not text:
        raise Permanent("INTERNAL_ERROR", "the secret has no text")
    return str(text)
