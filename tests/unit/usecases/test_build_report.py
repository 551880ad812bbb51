"""The report: immutable versions with the same bytes for the same rows, every citation resolvable."""

import json
from typing import Any

import pytest

from infra.local.postgres import Databases
from shared.domain.errors import Permanent
from shared.usecases.build_report import BuildReport, build_report
from tests.evaluation_seed import BID, DELIVERY, Seed, criterion, limit_and_judged
from tests.records import ids, make_records


def reviewed(databases: Databases) -> tuple[Seed, str]:
    made = Seed(make_records(databases), limit_and_judged(), url=databases.app_url)
    started, _ = made.suggest(made.bid("S-1", *BID))
    evaluation_id, review_id = started.evaluation.evaluation_id, made.ask(started)
    made.answer(made.person(databases), review_id, "edit_scores", made.points("T-2", "48"))
    made.settle(evaluation_id, review_id)
    return made, evaluation_id


def stored(made: Seed, evaluation_id: str) -> dict[str, Any]:
    report = made.records.reports.of_evaluation(evaluation_id)[0]
    content: dict[str, Any] = json.loads(made.objects.read(report.object_key))
    return content


def test_a_reviewed_report_says_who_decided_what(databases: Databases) -> None:
    made, evaluation_id = reviewed(databases)
    built = made.report(evaluation_id)
    content, report = stored(made, evaluation_id), made.records.reports.get(built.report_id)
    assert (content["kind"], content["totals"]["total"], content["version"]) == ("reviewed", "88", 1)
    override = content["criteria"][1]["overrides"][0]
    assert override["from"] == {"outcome": "needs_human", "score": None}
    assert override["to"] == {"outcome": "pass", "score": "48"}
    assert override["by"] == report.approved_by == content["review"]["by"]
    assert content["criteria"][1]["review_reasons"][0]["code"] == "MODEL_UNAVAILABLE"
    assert made.records.evaluations.get(evaluation_id).status == "report_generated"
    assert content["audit"]["from_seq"] < content["audit"]["to_seq"]


def test_every_citation_of_a_report_stands_in_its_chunk(databases: Databases) -> None:
    made, evaluation_id = reviewed(databases)
    made.report(evaluation_id)
    citations = [
        citation
        for entry in stored(made, evaluation_id)["criteria"]
        for claim in entry["claims"]
        for citation in claim["citations"]
    ]
    assert [citation["n"] for citation in citations] == list(range(1, len(citations) + 1))
    for citation in citations:
        chunk = made.records.chunks.get(citation["chunk_id"])
        assert chunk.text[citation["start"] : citation["end"]] == citation["quote"]
        assert made.records.verdicts.citation(citation["citation_id"]).quote == citation["quote"]


def test_a_clean_bid_gets_a_suggestion_report(databases: Databases) -> None:
    one = [criterion("T-1", "numeric_limit", points="100", test=DELIVERY)]
    made = Seed(make_records(databases), one, url=databases.app_url)
    started, _ = made.suggest(made.bid("S-1", *BID))
    made.report(started.evaluation.evaluation_id)
    content = stored(made, started.evaluation.evaluation_id)
    assert (content["kind"], content["review"], content["totals"]["total"]) == ("suggestion", None, "100")


def test_a_repeat_after_a_crash_accepts_the_same_bytes(databases: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    made, evaluation_id = reviewed(databases)

    def crash(self: object, *args: object, **more: object) -> None:
        raise RuntimeError("killed between the put and the commit")

    with monkeypatch.context() as patch:
        patch.setattr(type(made.records.reports), "add", crash)
        with pytest.raises(RuntimeError):
            made.report(evaluation_id)
    assert made.records.reports.of_evaluation(evaluation_id) == []
    assert made.records.evaluations.get(evaluation_id).status == "approved"
    built = made.report(evaluation_id)
    assert made.report(evaluation_id) == built
    assert [report.version for report in made.records.reports.of_evaluation(evaluation_id)] == [1]


def test_other_bytes_under_the_key_are_refused(databases: Databases) -> None:
    made, evaluation_id = reviewed(databases)
    key = f"tenants/{made.records.actor.tenant_id}/reports/{evaluation_id}/v1.json"
    made.objects.put(key, b"{}", media_type="application/json")
    with pytest.raises(Permanent) as raised:
        made.report(evaluation_id)
    assert raised.value.code == "REPORT_IMMUTABLE"


def test_the_files_are_locked_for_the_retention_of_the_tenant(databases: Databases) -> None:
    made, evaluation_id = reviewed(databases)
    made.report(evaluation_id)
    report = made.records.reports.of_evaluation(evaluation_id)[0]
    assert report.locked_until is not None and report.approved_at is not None
    assert (report.locked_until - report.approved_at).days == 180


def test_an_open_evaluation_has_no_report(databases: Databases) -> None:
    made = Seed(make_records(databases), limit_and_judged(), url=databases.app_url)
    started = made.start(made.bid("S-1", *BID))
    with pytest.raises(Permanent) as raised:
        build_report(
            BuildReport(evaluation_id=started.evaluation.evaluation_id),
            records=made.records,
            objects=made.objects,
            ids=ids,
            report_pages=lambda content: b"",
        )
    assert raised.value.code == "EVALUATION_INCOMPLETE"
