"""Ranges, refusals before parsing, and the contract of a parser's blocks."""

from dataclasses import replace

import pytest

from shared.domain.blocks import Block, Box, Cell, Line, Page
from shared.domain.errors import Permanent, Retryable
from shared.domain.ingest_plan import check_blocks, check_pages, config_hash, main_language, range_of, unreadable

PAGES = [Page(number=1, width=595, height=842), Page(number=2, width=595, height=842)]
LINE = Line(1, Box(50, 50, 100, 60), 0, 4)
BLOCK = Block(page=1, seq=0, type="paragraph", text="text", box=Box(50, 50, 100, 60), lines=(LINE,), lang="en")


def test_a_range_holds_50_pages() -> None:
    assert [range_of(n) for n in (1, 50, 51, 100, 2000)] == [0, 0, 1, 1, 39]


def test_a_document_without_pages_or_with_too_many_is_refused() -> None:
    check_pages([PAGES[0]] * 2000)
    for pages, code in (([], "INPUT_EMPTY_FILE"), ([PAGES[0]] * 2001, "DOC_PAGE_LIMIT_EXCEEDED")):
        with pytest.raises(Permanent) as caught:
            check_pages(pages)
        assert caught.value.code == code


def test_scanned_pages_are_named() -> None:
    assert unreadable([PAGES[0], replace(PAGES[1], route="ocr")]) == [2]
    assert unreadable([replace(PAGES[0], route="blank")]) == []


def test_another_parser_version_is_another_configuration() -> None:
    first = config_hash(media_type="application/pdf", parser="pdf", parser_version="1")
    assert first == config_hash(media_type="application/pdf", parser="pdf", parser_version="1")
    assert first != config_hash(media_type="application/pdf", parser="pdf", parser_version="2")
    assert first != config_hash(media_type="text/plain", parser="pdf", parser_version="1")


def test_blocks_within_their_pages_are_accepted() -> None:
    runs_on = replace(BLOCK, lines=(LINE, replace(LINE, page=2)))
    hidden = replace(BLOCK, box=Box(-90, 50, -50, 60), lines=(), flags=("hidden",))
    check_blocks([BLOCK, runs_on, hidden], PAGES, first=1, last=1)


CELL = Cell(0, 0, 1, 1, "x", 1, LINE.box, 0, 9)


@pytest.mark.parametrize(
    "broken",
    [
        replace(BLOCK, page=2),
        replace(BLOCK, page=3),
        replace(BLOCK, box=Box(50, 50, 600, 60)),
        replace(BLOCK, box=Box(50, -9, 100, 60)),
        replace(BLOCK, box=Box(50, 50, 50.001, 60)),
        replace(BLOCK, lines=(replace(LINE, end=5),)),
        replace(BLOCK, lines=(replace(LINE, start=3, end=2),)),
        replace(BLOCK, lines=(replace(LINE, page=3),)),
        replace(BLOCK, cells=(CELL,)),
    ],
)
def test_blocks_outside_the_contract_are_refused(broken: Block) -> None:
    with pytest.raises(Retryable) as caught:
        check_blocks([BLOCK, broken], PAGES, first=1, last=1)
    assert caught.value.code == "DOC_PARSE_SCHEMA_INVALID"
    assert caught.value.details["type"] == "paragraph"


def test_the_language_is_that_of_most_characters() -> None:
    assert main_language([BLOCK, replace(BLOCK, text="投标文件正本", lang="zh")]) == "zh"
    assert main_language([]) == "other"
