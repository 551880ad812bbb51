"""The relay between the real outbox and a bus that fails, vanishes or sees the relay killed (W96, W97)."""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
import pytest

from infra.local.postgres import Databases
from shared.adapters.postgres.outbox import PostgresOutbox
from shared.adapters.postgres.records import PostgresRecords
from shared.domain.errors import Retryable
from shared.domain.events import ENVELOPE, is_envelope
from tests.records import make_records, pool
from tests.rows import a_document, an_ingest_job


class Killed(BaseException):
    """The relay's process is gone: nothing after this line runs."""


class Bus:
    """Keeps what it gets; `dies` before or after, `out` of order, or refuses."""

    def __init__(self, *, dies: str = "", out: bool = False, refuses: bool = False) -> None:
        self.dies, self.out, self.refuses = dies, out, refuses
        self.parts: list[list[Mapping[str, Any]]] = []

    @property
    def got(self) -> list[str]:
        return [str(event["event_id"]) for part in self.parts for event in part]

    def send_all(self, events: Sequence[Mapping[str, Any]]) -> Sequence[str]:
        if self.out:
            raise Retryable("DEPENDENCY_UNAVAILABLE")
        if self.dies == "before":
            raise Killed
        if self.refuses:
            return [str(event["event_id"]) for event in events]
        self.parts.append(list(events))
        if self.dies == "after":
            raise Killed
        return []


@pytest.fixture
def records(databases: Databases) -> PostgresRecords:
    """A new tenant; nothing else is pending."""
    with psycopg.connect(databases.relay_url) as connection:
        connection.execute("update outbox_events set status = 'published' where status = 'pending'")
    return make_records(databases)


def relay(databases: Databases, bus: Bus) -> int:
    return PostgresOutbox(pool(databases.relay_url), bus).publish_pending(limit=100)


def later(databases: Databases, minutes: int = 10) -> None:
    """Move the clock of all pending events."""
    with psycopg.connect(databases.relay_url) as connection:
        connection.execute(
            """update outbox_events set lease_expires_at = lease_expires_at - %(t)s * interval '1 minute',
                 available_at = available_at - %(t)s * interval '1 minute' where status = 'pending'""",
            {"t": minutes},
        )


def rows(records: PostgresRecords) -> list[tuple[str, str]]:
    found = records.session.rows("select event_id, status from outbox_events order by event_id")
    return [(row["event_id"], row["status"]) for row in found]


@pytest.mark.parametrize(("point", "times"), [("before", 1), ("after", 2)])
def test_a_relay_killed_around_the_sending_loses_nothing(
    databases: Databases, records: PostgresRecords, point: str, times: int
) -> None:
    an_ingest_job(records, a_document(records))
    event_id = rows(records)[0][0]
    killed = Bus(dies=point)
    with pytest.raises(Killed):
        relay(databases, killed)
    bus = Bus()
    assert relay(databases, bus) == 0, "the lease of the killed relay still holds"
    later(databases)
    assert relay(databases, bus) == 1
    assert (killed.got + bus.got).count(event_id) == times
    assert rows(records) == [(event_id, "published")]


def test_events_go_out_in_order_in_parts_of_ten(databases: Databases, records: PostgresRecords) -> None:
    for _ in range(12):
        an_ingest_job(records, a_document(records))
    bus = Bus()
    assert relay(databases, bus) == 12
    assert [len(part) for part in bus.parts] == [10, 2]
    assert bus.got == [event_id for event_id, _ in rows(records)]
    assert all(is_envelope(event) and event.keys() == ENVELOPE for part in bus.parts for event in part)


def test_another_relay_does_not_wait_for_the_one_that_sends(databases: Databases, records: PostgresRecords) -> None:
    an_ingest_job(records, a_document(records))
    inner: list[int] = []

    class Meanwhile(Bus):
        def send_all(self, events: Sequence[Mapping[str, Any]]) -> Sequence[str]:
            inner.append(relay(databases, Bus()))
            an_ingest_job(records, a_document(records))
            inner.append(relay(databases, Bus()))
            return super().send_all(events)

    assert relay(databases, Meanwhile()) == 1
    assert inner == [0, 1]


def test_f07_what_is_not_committed_is_never_sent_and_what_is_committed_always(
    databases: Databases, records: PostgresRecords
) -> None:
    bus = Bus()
    with pytest.raises(Killed), records.transaction():
        an_ingest_job(records, a_document(records))
        raise Killed
    assert relay(databases, bus) == 0
    assert rows(records) == []
    job = an_ingest_job(records, a_document(records))
    assert relay(databases, bus) == 1
    assert [event["job_id"] for part in bus.parts for event in part] == [job.job_id]


def test_f32_a_backlog_of_ten_minutes_without_the_bus_goes_out_afterwards(
    databases: Databases, records: PostgresRecords
) -> None:
    an_ingest_job(records, a_document(records))
    for _ in range(10):
        assert relay(databases, Bus(out=True)) == 0
        an_ingest_job(records, a_document(records))
        later(databases, minutes=1)
    bus = Bus()
    assert relay(databases, bus) == 11
    assert bus.got == [event_id for event_id, _ in rows(records)]
    assert records.session.rows("select 1 from dlq_items") == []


def test_the_fifth_refusal_fails_the_event_and_leaves_its_dead_letter(
    databases: Databases, records: PostgresRecords
) -> None:
    job = an_ingest_job(records, a_document(records))
    event_id = rows(records)[0][0]
    for refusal in range(5):
        assert rows(records) == [(event_id, "pending")], refusal
        assert records.session.rows("select 1 from dlq_items") == []
        assert relay(databases, Bus(refuses=True)) == 0
        later(databases)
    assert rows(records) == [(event_id, "failed")]
    (item,) = records.session.rows("select * from dlq_items")
    assert (item["kind"], item["status"], item["event_id"]) == ("message", "open", event_id)
    assert (item["consumer"], item["error_code"]) == ("relay_outbox", "DEPENDENCY_UNAVAILABLE")
    assert item["dlq_id"].startswith("dlq_")
    assert is_envelope(item["payload"])
    assert item["payload"]["job_id"] == job.job_id
    assert relay(databases, Bus()) == 0


def test_the_age_of_the_oldest_pending_event_is_a_figure(databases: Databases, records: PostgresRecords) -> None:
    outbox = PostgresOutbox(pool(databases.relay_url), Bus())
    assert outbox.oldest_pending_seconds() == 0
    an_ingest_job(records, a_document(records))
    with psycopg.connect(databases.owner_url) as connection:
        connection.execute("select set_config('app.tenant_id', %s, true)", [records.actor.tenant_id])
        connection.execute("update outbox_events set created_at = created_at - interval '90 seconds'")
    assert 90 <= outbox.oldest_pending_seconds() < 120
    outbox.publish_pending(limit=100)
    assert outbox.oldest_pending_seconds() == 0
