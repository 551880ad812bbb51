"""One suite over the event buses: rows of the local platform, and EventBridge with a rule to SQS (moto's server)."""

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from botocore.stub import ANY, Stubber

from infra.local.postgres import Databases
from shared.adapters.eventbridge import EventBridgeBus
from shared.adapters.local_queue import BUS, LocalBus
from shared.domain.errors import Permanent, Retryable
from shared.domain.payloads import EVENT_LIMIT, wire_text
from shared.ports.dispatch import EventBus
from tests.moto_server import ACCOUNT, REGION, lost_client, moto_client
from tests.workflow.conftest import Direct


def envelope(number: int = 1, **payload: Any) -> dict[str, Any]:
    """An event as the relay sends it (A135)."""
    return {
        "event_id": f"evt_{number}",
        "event_type": "job.queued",
        "contract_version": "1.0",
        "occurred_at": "2026-03-01T08:00:00+00:00",
        "producer": "bidproof",
        "tenant_id": "ten_1",
        "project_id": None,
        "aggregate": {"type": "job", "id": f"job_{number}", "version": 1},
        "payload": payload,
    }


def of_size(number: int, size: int) -> dict[str, Any]:
    """An event whose wire text has this many bytes."""
    return envelope(number, text="x" * (size - len(wire_text(envelope(number, text="")))))


@dataclass
class Stand:
    """A bus, what its consumers got, and a bus of the same kind that nobody answers for."""

    bus: EventBus
    arrived: Callable[[], list[Any]]
    cut_off: EventBus


def _local(databases: Databases) -> Stand:
    with psycopg.connect(databases.platform_url) as connection:
        connection.execute("truncate local_platform.messages")

    def arrived() -> list[Any]:
        with psycopg.connect(databases.platform_url) as connection:
            rows = connection.execute("delete from local_platform.messages where queue = %s returning body", [BUS])
            return [body for (body,) in rows]

    cut_off = LocalBus(Direct("postgresql://nobody@127.0.0.1:1/nothing"))
    return Stand(LocalBus(Direct(databases.platform_url)), arrived, cut_off)


@pytest.fixture
def events() -> Any:
    return moto_client("events")


def _eventbridge(client: Any) -> Stand:
    """A bus whose only rule sends every event of ours to a queue, the envelope alone."""
    name = f"b{uuid.uuid4().hex}"
    sqs = moto_client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    client.create_event_bus(Name=name)
    pattern = json.dumps({"source": ["bidproof"], "detail-type": ["job.queued"]})
    client.put_rule(Name="all", EventBusName=name, EventPattern=pattern)
    target = {"Id": "1", "Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"}
    client.put_targets(Rule="all", EventBusName=name, Targets=[target])

    def arrived() -> list[Any]:
        found: list[Any] = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                found.append(json.loads(message["Body"])["detail"])
        return found

    nowhere = EventBridgeBus(lost_client("events"), bus=name)
    return Stand(EventBridgeBus(client, bus=name), arrived, nowhere)


@pytest.fixture(params=["local", "eventbridge"])
def stand(request: pytest.FixtureRequest) -> Stand:
    if request.param == "eventbridge":
        return _eventbridge(request.getfixturevalue("events"))
    return _local(request.getfixturevalue("databases"))


def ids(events: Sequence[Mapping[str, Any]]) -> set[str]:
    return {event["event_id"] for event in events}


def test_envelopes_arrive_as_they_were_sent(stand: Stand) -> None:
    event = envelope(1, lane="bulk", name='标书 "x"', n=0.5)
    assert list(stand.bus.send_all([event])) == []
    assert stand.arrived() == [event]


def test_no_events_are_no_call(stand: Stand) -> None:
    assert list(stand.bus.send_all([])) == []
    assert list(stand.cut_off.send_all([])) == []
    assert stand.arrived() == []


def test_more_events_than_one_part_holds_all_arrive_once(stand: Stand) -> None:
    sent = [envelope(number) for number in range(23)]
    assert list(stand.bus.send_all(sent)) == []
    found = stand.arrived()
    assert len(found) == 23
    assert ids(found) == ids(sent)


def test_events_that_fill_more_than_256_kib_together_all_arrive(stand: Stand) -> None:
    sent = [of_size(number, 100 * 1024) for number in range(5)]
    assert list(stand.bus.send_all(sent)) == []
    assert ids(stand.arrived()) == ids(sent)


def test_an_event_of_more_than_256_kib_is_refused_and_the_others_arrive(stand: Stand) -> None:
    sent = [envelope(1), of_size(2, EVENT_LIMIT + 1), envelope(3)]
    assert list(stand.bus.send_all(sent)) == ["evt_2"]
    assert ids(stand.arrived()) == {"evt_1", "evt_3"}


def test_the_same_event_may_be_sent_again(stand: Stand) -> None:
    for _ in range(2):
        assert list(stand.bus.send_all([envelope()])) == []
    assert len(stand.arrived()) == 2


def test_a_bus_that_nobody_answers_for_may_be_tried_again(stand: Stand) -> None:
    with pytest.raises(Retryable) as caught:
        stand.cut_off.send_all([envelope()])
    assert caught.value.code == "DEPENDENCY_UNAVAILABLE"


def _accepts(count: int) -> dict[str, Any]:
    return {"FailedEntryCount": 0, "Entries": [{"EventId": str(number)} for number in range(count)]}


def test_the_ids_of_entries_that_eventbridge_refuses_come_back(events: Any) -> None:
    """moto refuses no entry of ours, so botocore's own Stubber answers (W96)."""
    answer = _accepts(3)
    answer["FailedEntryCount"] = 1
    answer["Entries"][1] = {"ErrorCode": "ThrottlingException", "ErrorMessage": "later"}
    with Stubber(events) as stub:
        stub.add_response("put_events", answer, {"Entries": [ANY, ANY, ANY]})
        assert EventBridgeBus(events, bus="b").send_all([envelope(n) for n in (1, 2, 3)]) == ["evt_2"]


def test_eventbridge_gets_source_type_envelope_and_bus_in_parts_of_ten(events: Any) -> None:
    """The exact request, held against botocore's own Stubber."""

    def entry(number: int) -> dict[str, str]:
        detail = wire_text(envelope(number))
        return {"EventBusName": "b", "Source": "bidproof", "DetailType": "job.queued", "Detail": detail}

    with Stubber(events) as stub:
        for part in (range(10), range(10, 12)):
            stub.add_response("put_events", _accepts(len(part)), {"Entries": [entry(n) for n in part]})
        assert EventBridgeBus(events, bus="b").send_all([envelope(n) for n in range(12)]) == []
        stub.assert_no_pending_responses()


def test_no_part_for_eventbridge_is_larger_than_256_kib(events: Any) -> None:
    """moto knows no such limit, so the sizes are read from the requests held against botocore's own Stubber."""
    sizes: list[list[int]] = []

    def note(params: dict[str, Any], **_: Any) -> None:
        sizes.append([len(entry["Detail"]) for entry in params["Entries"]])

    events.meta.events.register("provide-client-params.events.PutEvents", note, unique_id="sizes")
    with Stubber(events) as stub:
        for count in (2, 2, 1):
            stub.add_response("put_events", _accepts(count))
        sent = [of_size(number, size * 1024) for number, size in enumerate((100, 150, 10, 200, 60))]
        assert EventBridgeBus(events, bus="b").send_all(sent) == []
    events.meta.events.unregister("provide-client-params.events.PutEvents", unique_id="sizes")
    assert sizes == [[100 * 1024, 150 * 1024], [10 * 1024, 200 * 1024], [60 * 1024]]


def test_an_outage_after_the_first_part_refuses_only_the_rest(events: Any) -> None:
    """Else the first ten would be sent again with the others; the outage is played by botocore's own Stubber."""
    with Stubber(events) as stub:
        stub.add_response("put_events", _accepts(10))
        stub.add_client_error("put_events", "InternalException", http_status_code=500)
        refused = EventBridgeBus(events, bus="b").send_all([envelope(n) for n in range(25)])
        stub.assert_no_pending_responses()
    assert list(refused) == [f"evt_{n}" for n in range(10, 25)]


def test_without_the_right_to_send_the_bus_says_so_for_good(events: Any) -> None:
    """moto checks no rights here; the answer is played by botocore's own Stubber."""
    with Stubber(events) as stub:
        stub.add_client_error("put_events", "AccessDeniedException", "arn of a role", 400)
        with pytest.raises(Permanent) as caught:
            EventBridgeBus(events, bus="b").send_all([envelope()])
    assert caught.value.code == "INTERNAL_ERROR"
    assert "arn of a role" not in str(caught.value)
