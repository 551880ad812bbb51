"""One suite over the queues: rows of the local platform, and SQS (played by moto's server)."""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.stub import Stubber

from infra.local.postgres import Databases
from shared.adapters.local_queue import LocalQueue
from shared.adapters.sqs import SqsQueue
from shared.domain.errors import Permanent, Retryable
from shared.domain.payloads import PAYLOAD_LIMIT
from shared.ports.platform import Queue
from tests.moto_server import lost_client, moto_client, new_client
from tests.silent_server import counting_server, silent_server
from tests.workflow.conftest import Direct


@dataclass
class Stand:
    """A queue port, and what has arrived on one of its queues."""

    queue: Queue
    name: str
    arrived: Callable[[], list[Any]]
    cut_off: Queue


def _local(databases: Databases) -> Stand:
    name = f"q{uuid.uuid4().hex}"

    def arrived() -> list[Any]:
        with psycopg.connect(databases.platform_url) as connection:
            rows = connection.execute(
                "delete from local_platform.messages where queue = %s returning message_id, body", [name]
            )
            return [body for _, body in sorted(rows.fetchall())]

    cut_off = LocalQueue(Direct("postgresql://nobody@127.0.0.1:1/nothing"))
    return Stand(LocalQueue(Direct(databases.platform_url)), name, arrived, cut_off)


@pytest.fixture
def sqs() -> Any:
    return moto_client("sqs")


def _take(client: Any, url: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        asked = client.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], WaitTimeSeconds=0
        )
        if not asked.get("Messages"):
            return found
        for message in asked["Messages"]:
            client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            found.append(message)


def _sqs(client: Any) -> Stand:
    name = f"q{uuid.uuid4().hex}"
    url = client.create_queue(QueueName=f"dev-{name}")["QueueUrl"]

    def arrived() -> list[Any]:
        return [json.loads(message["Body"]) for message in _take(client, url)]

    nowhere = SqsQueue(lost_client("sqs"), prefix="dev-")
    return Stand(SqsQueue(client, prefix="dev-"), name, arrived, nowhere)


@pytest.fixture(params=["local", "sqs"])
def stand(request: pytest.FixtureRequest) -> Stand:
    if request.param == "sqs":
        return _sqs(request.getfixturevalue("sqs"))
    return _local(request.getfixturevalue("databases"))


def test_what_was_sent_arrives_as_it_was(stand: Stand) -> None:
    message = {
        "tenant_id": "ten_1",
        "event_id": "evt_1",
        "payload": {"lane": "bulk", "text": '标书\u0001 "x"', "n": 1.5},
    }
    stand.queue.send(stand.name, message)
    stand.queue.send(stand.name, {"no": "tenant"})
    found = stand.arrived()
    assert len(found) == 2
    assert message in found
    assert {"no": "tenant"} in found
    assert stand.arrived() == []


def test_the_same_message_twice_arrives_twice(stand: Stand) -> None:
    for _ in range(2):
        stand.queue.send(stand.name, {"n": 1})
    assert stand.arrived() == [{"n": 1}, {"n": 1}]


def test_a_message_of_200_kib_is_the_largest(stand: Stand) -> None:
    fits = {"x": "y" * (PAYLOAD_LIMIT - len('{"x":""}'))}
    stand.queue.send(stand.name, fits)
    with pytest.raises(Permanent) as caught:
        stand.queue.send(stand.name, {"x": fits["x"] + "y"})
    assert caught.value.code == "WF_PAYLOAD_TOO_LARGE"
    assert stand.arrived() == [fits]


def test_a_queue_that_nobody_answers_for_may_be_tried_again(stand: Stand) -> None:
    with pytest.raises(Retryable) as caught:
        stand.cut_off.send(stand.name, {"n": 1})
    assert caught.value.code == "DEPENDENCY_UNAVAILABLE"


def test_sqs_carries_the_tenant_as_an_attribute_when_there_is_one(sqs: Any) -> None:
    url = sqs.create_queue(QueueName=f"q{uuid.uuid4().hex}")["QueueUrl"]
    name = url.rpartition("/")[2]
    SqsQueue(sqs).send(name, {"tenant_id": "ten_1"})
    SqsQueue(sqs).send(name, {"n": 1})
    found = {m["Body"]: m.get("MessageAttributes", {}) for m in _take(sqs, url)}
    assert found['{"tenant_id":"ten_1"}']["tenant_id"]["StringValue"] == "ten_1"
    assert found['{"n":1}'] == {}


def test_sqs_does_not_make_a_queue_that_is_unknown(sqs: Any) -> None:
    """The local platform has no list of queues: a row on an unknown one waits for a worker that knows it."""
    with pytest.raises(Permanent) as caught:
        SqsQueue(sqs).send(f"q{uuid.uuid4().hex}", {"n": 1})
    assert caught.value.code == "INTERNAL_ERROR"
    assert "NonExistentQueue" in str(caught.value) or "QueueDoesNotExist" in str(caught.value)


def test_the_address_of_a_queue_is_asked_for_once(sqs: Any) -> None:
    asked: list[str] = []
    sqs.meta.events.register("before-call.sqs.GetQueueUrl", lambda **_: asked.append("url"), unique_id="asked")
    name = f"q{uuid.uuid4().hex}"
    sqs.create_queue(QueueName=name)
    queue = SqsQueue(sqs)
    for _ in range(3):
        queue.send(name, {"n": 1})
    sqs.meta.events.unregister("before-call.sqs.GetQueueUrl", unique_id="asked")
    assert asked == ["url"]


@pytest.mark.parametrize(
    ("code", "status", "raised", "said"),
    [
        ("AccessDeniedException", 403, Permanent, "INTERNAL_ERROR"),
        ("InvalidParameterValue", 400, Permanent, "INTERNAL_ERROR"),
        ("ThrottlingException", 400, Retryable, "DEPENDENCY_UNAVAILABLE"),
        ("TooManyRequests", 429, Retryable, "DEPENDENCY_UNAVAILABLE"),
        ("InternalFailure", 500, Retryable, "DEPENDENCY_UNAVAILABLE"),
        ("Whatever", 503, Retryable, "DEPENDENCY_UNAVAILABLE"),
        ("Whatever", 504, Retryable, "DEPENDENCY_TIMEOUT"),
    ],
)
def test_only_what_may_pass_is_tried_again(
    sqs: Any, code: str, status: int, raised: type[Exception], said: str
) -> None:
    """Answers that moto never gives, by botocore's own Stubber (W23)."""
    with Stubber(sqs) as stub:
        stub.add_client_error("get_queue_url", code, "the words of the vendor", status)
        with pytest.raises((Permanent, Retryable)) as caught:
            SqsQueue(sqs).send("q", {"n": 1})
    assert isinstance(caught.value, raised)
    assert caught.value.code == said
    assert code in str(caught.value)
    assert "the words of the vendor" not in str(caught.value)
    # nor may the vendor's error travel behind ours, because it may quote what was sent
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def test_a_call_is_made_once_and_the_sdk_never_repeats_it() -> None:
    with counting_server(status=503) as (url, calls):
        with pytest.raises(Retryable) as caught:
            SqsQueue(new_client("sqs", url)).send("q", {"n": 1})
        assert caught.value.code == "DEPENDENCY_UNAVAILABLE"
        assert len(calls) == 1


def test_a_service_that_stays_silent_ran_out_of_time() -> None:
    with silent_server() as url, pytest.raises(Retryable) as caught:
        SqsQueue(new_client("sqs", url, timeout=0.2)).send("q", {"n": 1})
    assert caught.value.code == "DEPENDENCY_TIMEOUT"
    assert ReadTimeoutError.__name__ in str(caught.value)


def test_calls_wait_thirty_seconds_at_most(sqs: Any) -> None:
    config = sqs.meta.config
    assert (config.connect_timeout, config.read_timeout) == (30, 30)
    assert config.retries["total_max_attempts"] == 1
