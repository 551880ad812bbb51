"""DeliverWebhook on a real database (spec A137, W99)."""

from infra.local.postgres import Databases
from tests.records import make_records
from tests.webhooks import deliveries, new_webhook, tell


def test_five_deliveries_of_an_event_leave_one_row_per_endpoint(databases: Databases) -> None:
    records = make_records(databases)
    first, _ = new_webhook(records)
    second, _ = new_webhook(records, "job.queued", "job.failed")
    event_id = tell(records, times=5)
    assert [d.event_id for d in deliveries(records, first)] == [event_id]
    assert [d.event_id for d in deliveries(records, second)] == [event_id]


def test_an_event_goes_only_to_those_of_its_tenant_who_asked_for_its_type(databases: Databases) -> None:
    records, other = make_records(databases), make_records(databases)
    asked, _ = new_webhook(records, "job.failed")
    foreign, _ = new_webhook(other, "job.failed")
    tell(records, "job.queued")
    assert deliveries(records, asked) == []
    tell(records, "job.failed")
    assert len(deliveries(records, asked)) == 1 and deliveries(other, foreign) == []
