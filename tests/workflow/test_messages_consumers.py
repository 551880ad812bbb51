"""Consumers behind functions.entry.queue: repeated, shuffled, forged, stripped and late messages (W98-W101, W126)."""

import json
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from functions import entry
from infra.local.postgres import Databases
from shared.adapters.postgres.outbox import envelope
from shared.adapters.postgres.records import PostgresRecords
from shared.adapters.prometheus import PrometheusTelemetry
from shared.domain.errors import Refused
from shared.ports.records import Records
from tests.records import clock, make_records, new_tenant
from tests.rows import a_document, an_ingest_job


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What a consumer gets."""

    event: dict[str, Any]


@dataclass
class Context:
    """What is left of the function's time."""

    seconds: float = 60.0

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


class Parts:
    """The parts of a call for an actor."""

    def __init__(self, databases: Databases, actor: Any) -> None:
        self.records = make_records(databases, actor.tenant_id, actor_id=actor.actor_id, kind="system")
        self.telemetry, self.clock = PrometheusTelemetry(), clock


@pytest.fixture
def consume(databases: Databases, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Hand records to a consumer with a use case; the message ids it reports as failed."""

    class Services:
        def bind(self, actor: Any, *, time_left: Callable[[], float]) -> Parts:
            return Parts(databases, actor)

    monkeypatch.setattr(entry, "services", Services)

    def call(usecase: Any, records: list[dict[str, Any]], seconds: float = 60.0) -> list[str]:
        answer = entry.queue("tester", Command, usecase)({"Records": records}, Context(seconds))
        return [item["itemIdentifier"] for item in answer["batchItemFailures"]]

    return call


def record(event: Any, n: int = 0, attribute: str | None = None) -> dict[str, Any]:
    tenant = {"tenant_id": {"dataType": "String", "stringValue": attribute}} if attribute else {}
    return {"messageId": str(n), "body": json.dumps(event), "messageAttributes": tenant}


def events(records: PostgresRecords) -> list[dict[str, Any]]:
    return [envelope(row) for row in records.session.rows("select * from outbox_events order by event_id")]


def an_event(records: PostgresRecords) -> dict[str, Any]:
    an_ingest_job(records, a_document(records))
    return events(records)[-1]


def denied(records: PostgresRecords) -> list[dict[str, Any]]:
    found = records.session.rows("select entry from audit_log where entry->>'result' = 'denied'")
    return [row["entry"] for row in found]


def seen_by(done: list[str]) -> Any:
    def usecase(command: Command, *, records: Records) -> None:
        done.append(command.event["event_id"])

    return usecase


def test_f08_each_message_five_times_and_shuffled_has_one_effect(
    databases: Databases, consume: Callable[..., list[str]]
) -> None:
    mine = make_records(databases)
    told = [an_event(mine) for _ in range(4)]
    messages = [record(event, n) for n, event in enumerate(told * 5)]
    random.Random(8).shuffle(messages)
    effects: list[str] = []

    def usecase(command: Command, *, records: Records) -> None:
        with records.transaction():
            if records.trail.consume(command.event["event_id"], "tester"):
                effects.append(command.event["event_id"])
                records.trail.audit("effect", "event", command.event["event_id"])

    assert consume(usecase, messages) == []
    assert sorted(effects) == sorted(event["event_id"] for event in told)
    assert len(mine.session.rows("select 1 from consumed_events where consumer = 'tester'")) == 4


def test_an_effect_that_fails_leaves_its_event_for_the_next_delivery(
    databases: Databases, consume: Callable[..., list[str]]
) -> None:
    event = an_event(make_records(databases))
    tries: list[bool] = []

    def usecase(command: Command, *, records: Records) -> None:
        with records.transaction():
            tries.append(records.trail.consume(command.event["event_id"], "tester"))
            if len(tries) == 1:
                raise Refused("VERSION_CONFLICT")

    assert consume(usecase, [record(event)]) == ["0"]
    assert consume(usecase, [record(event)]) == []
    assert consume(usecase, [record(event)]) == []
    assert tries == [True, True, False]


def test_a_consumer_whose_effect_is_elsewhere_is_noted_when_it_succeeds(
    databases: Databases, consume: Callable[..., list[str]]
) -> None:
    mine = make_records(databases)
    event = an_event(mine)

    def fail(command: Command, *, records: Records) -> None:
        raise Refused("VERSION_CONFLICT")

    noted = "select 1 from consumed_events where event_id = %(id)s and consumer = 'tester'"
    assert consume(fail, [record(event)]) == ["0"]
    assert mine.session.rows(noted, id=event["event_id"]) == []
    assert consume(seen_by([]), [record(event)]) == []
    assert len(mine.session.rows(noted, id=event["event_id"])) == 1


def test_with_five_seconds_left_all_ids_come_back_and_none_is_begun(
    databases: Databases, consume: Callable[..., list[str]]
) -> None:
    mine = make_records(databases)
    done: list[str] = []
    messages = [record(an_event(mine), n) for n in range(3)]
    assert consume(seen_by(done), messages, seconds=5.0) == ["0", "1", "2"]
    assert done == []
    assert consume(seen_by(done), messages) == []
    assert len(done) == 3


def test_f34_a_message_with_another_tenants_job_is_dropped_audited_and_raises_an_alarm(
    databases: Databases, consume: Callable[..., list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    mine, other = make_records(databases), make_records(databases)
    event, foreign = an_event(mine), an_event(other)
    swapped = {**event, "job_id": foreign["job_id"]}
    stolen = {**foreign, "tenant_id": mine.actor.tenant_id}
    done: list[str] = []
    with caplog.at_level(logging.ERROR):
        assert consume(seen_by(done), [record(swapped, 1), record(stolen, 2)]) == []
    assert done == []
    assert [entry["changes"]["code"] for entry in denied(mine)] == ["TENANT_SCOPE_VIOLATION"] * 2
    assert {entry["resource_id"] for entry in denied(mine)} == {swapped["event_id"], stolen["event_id"]}
    assert denied(other) == []
    assert [r.message for r in caplog.records].count("BP_SECURITY_MESSAGE_DROPPED") == 2
    alerts = [event for event in events(mine) if event["event_type"] == "alert.raised"]
    assert {alert["aggregate"]["id"] for alert in alerts} == {swapped["event_id"], stolen["event_id"]}
    assert {(alert["payload"]["code"], alert["payload"]["severity"]) for alert in alerts} == {
        ("TENANT_SCOPE_VIOLATION", "critical")
    }
    assert not [event for event in events(other) if event["event_type"] == "alert.raised"]


def test_an_attribute_that_names_another_tenant_is_a_forged_message(
    databases: Databases, consume: Callable[..., list[str]]
) -> None:
    mine = make_records(databases)
    event = an_event(mine)
    done: list[str] = []
    assert consume(seen_by(done), [record(event, attribute=new_tenant(databases))]) == []
    assert (done, len(denied(mine))) == ([], 1)
    assert consume(seen_by(done), [record(event, attribute=mine.actor.tenant_id)]) == []
    assert done == [event["event_id"]]


@pytest.mark.parametrize("body", ["not json", "[]", "{}", '{"tenant_id": null}', '{"tenant_id": "ten_1"}'])
def test_a_message_without_a_readable_tenant_is_a_failure(consume: Callable[..., list[str]], body: str) -> None:
    done: list[str] = []
    assert consume(seen_by(done), [{"messageId": "7", "body": body}]) == ["7"]
    assert done == []
