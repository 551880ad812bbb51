"""ExtractFacts: values of a bid with their places."""

from pathlib import Path

import pytest

from infra.local.postgres import Databases
from shared.usecases.extract_facts import ExtractFacts, extract_facts
from tests.ingest import BID, Stand, make_stand
from tests.records import ids


@pytest.fixture
def stand(databases: Databases, tmp_path: Path) -> Stand:
    return make_stand(databases, tmp_path)


def test_facts_of_a_bid_stand_where_they_say(stand: Stand) -> None:
    document = stand.uploaded()
    plan = stand.chunked(document)
    facts = stand.records.facts.of_project(stand.project_id, supplier_id=stand.supplier_id)
    fields = {fact.field: fact for fact in facts}
    assert {"delivery_period", "bid_price", "warranty_period"} <= fields.keys()
    assert fields["delivery_period"].value["amount"] == "60"
    assert fields["delivery_period"].unit == "calendar_day"
    assert fields["bid_price"].currency == "USD"
    chunks = {chunk.chunk_id: chunk for chunk in stand.records.chunks.of_run(plan.parse_run_id)}
    for fact in facts:
        assert chunks[fact.chunk_id].text[fact.start : fact.end] == fact.raw_text
        assert fact.page == 1 and fact.box.x0 < fact.box.x1
        assert (fact.project_id, fact.supplier_id) == (stand.project_id, stand.supplier_id)


def test_repeating_adds_nothing(stand: Stand) -> None:
    document = stand.uploaded()
    plan = stand.chunked(document)
    before = stand.records.facts.of_project(stand.project_id)
    command = ExtractFacts(document_id=document.document_id, parse_run_id=plan.parse_run_id)
    assert extract_facts(command, records=stand.records, ids=ids).facts == len(before)
    assert stand.records.facts.of_project(stand.project_id) == before


def test_a_tender_states_no_facts_of_a_bid(stand: Stand) -> None:
    stand.chunked(stand.uploaded(tender=True))
    assert stand.records.facts.of_project(stand.project_id) == []


def test_two_delivery_periods_are_a_conflict(stand: Stand) -> None:
    stand.chunked(stand.uploaded(BID + "\n4 Schedule\n\nDelivery period: 90 calendar days\n"))
    found = stand.records.facts.of_project(stand.project_id, field="delivery_period")
    assert {fact.value["amount"] for fact in found} == {"60", "90"}
    assert {fact.state for fact in found} == {"conflict"}


def test_facts_are_listed_by_their_filters_and_only_of_the_current_run(stand: Stand) -> None:
    document = stand.uploaded()
    stand.chunked(document)
    facts = stand.records.facts
    every = facts.list(filters={"project_id": stand.project_id}, before=None, limit=100)
    assert [fact.fact_id for fact in every] == sorted((fact.fact_id for fact in every), reverse=True)
    assert facts.list(filters={"field": "bid_price"}, before=None, limit=100)[0].field == "bid_price"
    assert facts.list(filters={}, before=every[0].fact_id, limit=1) == [every[1]]
    with pytest.raises(ValueError):
        facts.list(filters={"raw_text": "x"}, before=None, limit=1)
    stand.records.session.execute("update documents set parse_run_id = 'prs_other'")
    assert facts.list(filters={}, before=None, limit=100) == []
