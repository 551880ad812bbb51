"""RoutePages: the page plan of a parse run."""

from pathlib import Path

import pytest

from infra.local.postgres import Databases
from shared.domain.errors import Permanent
from tests.ingest import Stand, make_stand


@pytest.fixture
def stand(databases: Databases, tmp_path: Path) -> Stand:
    return make_stand(databases, tmp_path)


LONG = "\n\n".join(f"Paragraph {n} of a long tender, with words enough to fill a line." for n in range(3000))


def test_pages_are_planned_in_ranges_of_50(stand: Stand) -> None:
    document = stand.uploaded(LONG)
    plan = stand.routed(document)
    pages = stand.records.parse_runs.pages(plan.parse_run_id)
    assert plan.pages == len(pages) > 50
    assert plan.ranges == tuple(range((len(pages) + 49) // 50))
    assert [page.page.number for page in pages] == list(range(1, len(pages) + 1))
    assert {page.range_no for page in pages[:50]} == {0} and pages[50].range_no == 1
    assert (pages[0].page.width, pages[0].page.height, pages[0].page.kind) == (595.0, 842.0, "virtual")
    assert stand.records.documents.get(document.document_id).page_count == len(pages)
    run = stand.records.parse_runs.get(plan.parse_run_id)
    assert (run.status, run.attempt, run.pages_expected, run.pages_done) == ("running", 1, len(pages), 0)


def test_a_running_parse_run_is_gone_on_with(stand: Stand) -> None:
    document = stand.uploaded()
    first = stand.routed(document)
    assert stand.routed(document) == first
    assert stand.parser.surveys == 1


def test_another_parser_version_makes_another_run(stand: Stand) -> None:
    document = stand.uploaded()
    first = stand.routed(document)
    stand.parser.version = "other"
    assert stand.routed(document).parse_run_id != first.parse_run_id


def test_scanned_pages_are_named_and_nothing_is_made_up(stand: Stand) -> None:
    document = stand.uploaded()
    stand.parser.scans = {1}
    for attempt in (1, 2):
        with pytest.raises(Permanent) as caught:
            stand.routed(document)
        assert caught.value.code == "INPUT_UNSUPPORTED_FORMAT"
        assert caught.value.details == {"pages": [1]}
        runs = stand.records.session.rows("select status, attempt, parse_run_id from parse_runs order by attempt")
        assert [(run["status"], run["attempt"]) for run in runs] == [("failed", n + 1) for n in range(attempt)]
    page = stand.records.parse_runs.pages(runs[0]["parse_run_id"])[0]
    assert (page.page.route, page.readable, page.done) == ("ocr", False, False)
    stand.parser.scans = set()
    assert stand.routed(document).ranges == (0,)


def test_a_document_without_text_is_refused(stand: Stand) -> None:
    document = stand.uploaded(" \n\n ")
    with pytest.raises(Permanent) as caught:
        stand.routed(document)
    assert caught.value.code == "INPUT_EMPTY_FILE"
