"""ParseRange: a range is saved whole, once."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from infra.local.postgres import Databases
from shared.domain.blocks import Box, ParsedRange
from shared.domain.errors import Permanent, Retryable
from shared.usecases.parse_range import ParsedPages, ParseRange, parse_range
from tests.ingest import CountingParser, Stand, make_stand
from tests.records import clock


@pytest.fixture
def stand(databases: Databases, tmp_path: Path) -> Stand:
    return make_stand(databases, tmp_path)


LONG = "\n\n".join(
    f"{n} Section\n\nParagraph {n} of a long bid, with words enough to fill a line." for n in range(2000)
)


def parse(stand: Stand, document_id: str, parse_run_id: str, range_no: int) -> ParsedPages:
    command = ParseRange(document_id=document_id, parse_run_id=parse_run_id, range_no=range_no)
    return parse_range(
        command,
        records=stand.again(),
        objects=stand.objects,
        parser_for=lambda media_type: stand.parser,
        clock=clock,
    )


def test_blocks_come_back_as_they_were_parsed(stand: Stand) -> None:
    document = stand.uploaded()
    plan = stand.routed(document)
    stand.parsed(document, plan)
    saved = stand.records.parse_runs.blocks(plan.parse_run_id)
    with stand.objects.as_file(stand.records.uploads.blob(document.sha256).object_key) as path:
        found = CountingParser().parse(path, "text/plain", 1, plan.pages).blocks
    assert [replace(block, block_id="") for block in saved] == list(found)
    assert len({block.block_id for block in saved}) == len(saved)
    assert saved == stand.records.parse_runs.blocks(plan.parse_run_id, page=1)
    headings = stand.records.parse_runs.blocks(plan.parse_run_id, type="heading")
    assert headings and headings == [block for block in saved if block.type == "heading"]


def test_parallel_ranges_give_reading_order_and_one_manifest(stand: Stand) -> None:
    document = stand.uploaded(LONG)
    plan = stand.routed(document)
    assert len(plan.ranges) > 1
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: parse(stand, document.document_id, plan.parse_run_id, n), reversed(plan.ranges)))
    blocks = stand.records.parse_runs.blocks(plan.parse_run_id)
    assert [block.page for block in blocks] == sorted(block.page for block in blocks)
    numbers = [int(block.text.split()[1]) for block in blocks if block.text.startswith("Paragraph")]
    assert numbers == list(range(2000))
    run = stand.records.parse_runs.get(plan.parse_run_id)
    assert run.pages_done == run.pages_expected == plan.pages
    assert sorted(part["range_no"] for part in run.manifest["ranges"]) == list(plan.ranges)
    first = next(part for part in run.manifest["ranges"] if part["range_no"] == 0)
    assert (first["first"], first["last"], first["attempts"][0]["adapter"]) == (1, 50, "text")
    assert stand.job(document).progress_done == 55


def test_a_finished_range_is_not_read_again(stand: Stand) -> None:
    document = stand.uploaded(LONG)
    plan = stand.routed(document)
    assert parse(stand, document.document_id, plan.parse_run_id, 0).parsed
    before = stand.records.parse_runs.blocks(plan.parse_run_id)
    assert not parse(stand, document.document_id, plan.parse_run_id, 0).parsed
    assert stand.parser.calls == [(1, 50)]
    assert stand.records.parse_runs.blocks(plan.parse_run_id) == before


def test_two_workers_on_one_range_save_it_once(stand: Stand) -> None:
    document = stand.uploaded(LONG)
    plan = stand.routed(document)
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda _: parse(stand, document.document_id, plan.parse_run_id, 0), range(2)))
    assert sorted(result.parsed for result in results) == [False, True]
    run = stand.records.parse_runs.get(plan.parse_run_id)
    assert (run.pages_done, len(run.manifest["ranges"])) == (50, 1)


class BrokenParser(CountingParser):
    """Answers with a box outside the page."""

    def parse(self, path: Path, media_type: str, first: int, last: int) -> ParsedRange:
        found = super().parse(path, media_type, first, last)
        outside = replace(found.blocks[0], box=Box(10, 10, 5000, 20))
        return replace(found, blocks=(outside, *found.blocks[1:]))


def test_blocks_outside_the_contract_are_not_saved(stand: Stand) -> None:
    document = stand.uploaded()
    plan = stand.routed(document)
    stand.parser = BrokenParser()
    with pytest.raises(Retryable) as caught:
        parse(stand, document.document_id, plan.parse_run_id, 0)
    assert caught.value.code == "DOC_PARSE_SCHEMA_INVALID"
    assert stand.records.parse_runs.blocks(plan.parse_run_id) == []
    assert stand.records.parse_runs.get(plan.parse_run_id).pages_done == 0


def test_a_range_that_was_never_planned_is_refused(stand: Stand) -> None:
    document = stand.uploaded()
    with pytest.raises(Permanent) as caught:
        parse(stand, document.document_id, stand.routed(document).parse_run_id, 7)
    assert caught.value.code == "DOC_PAGES_INCOMPLETE"
