"""The Queue port over SQS standard queues: at least once, in any order (spec W98, S57)."""

from collections.abc import Mapping
from typing import Any

from shared.adapters.aws_calls import ask
from shared.domain.payloads import bounded_text


class SqsQueue:
    """Queues called `prefix` and the port's name for them; the client comes from aws_calls.aws_client("sqs")."""

    def __init__(self, client: Any, *, prefix: str = "") -> None:
        self._client, self._prefix = client, prefix
        self._urls: dict[str, str] = {}

    def send(self, queue: str, message: Mapping[str, Any]) -> None:
        """Put one JSON message on the named queue, its tenant as an attribute when it has one.

        Raises Retryable DEPENDENCY_UNAVAILABLE or DEPENDENCY_TIMEOUT, Permanent WF_PAYLOAD_TOO_LARGE above 200 KiB
        and Permanent INTERNAL_ERROR for an unknown queue or without the right to send.
        """
        body = bounded_text(message)
        tenant = message.get("tenant_id")
        attributes = {"tenant_id": {"DataType": "String", "StringValue": str(tenant)}} if tenant else {}
        ask(self._client.send_message, QueueUrl=self._url(queue), MessageBody=body, MessageAttributes=attributes)

    def _url(self, queue: str) -> str:
        """Asked for once; two threads that ask at the same time get the same answer."""
        if queue not in self._urls:
            self._urls[queue] = str(ask(self._client.get_queue_url, QueueName=self._prefix + queue)["QueueUrl"])
        return self._urls[queue]
