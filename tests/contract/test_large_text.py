"""Text that cannot be laid out is given up early, without holding it in memory (spec P24, P26, P87)."""

from pathlib import Path

import pytest

from shared.adapters.file_inspection import inspect
from shared.adapters.parser_process import ParserRegistry
from shared.domain.errors import Permanent
from shared.domain.file_types import MARKDOWN, TEXT
from shared.domain.virtual_pages import least_pages

MIB = 1 << 20
SENTENCE = b"The supplier delivers all goods within sixty days after the contract is signed.\n"


def refused(path: Path, media_type: str = TEXT) -> Permanent:
    with pytest.raises(Permanent) as caught:
        inspect(path, path.name, media_type)
    return caught.value


def repeated(path: Path, piece: bytes, times: int) -> Path:
    path.write_bytes(piece * times)
    return path


def test_a_text_of_too_many_pages_is_refused_with_limit_measure_and_estimate(tmp_path: Path) -> None:
    path = repeated(tmp_path / "long.txt", SENTENCE, 30 * MIB // len(SENTENCE))
    error = refused(path)
    assert error.code == "DOC_PAGE_LIMIT_EXCEEDED"
    assert error.details["limit"] == 2000 < error.details["measured"] < 3000
    assert 4000 < error.details["estimated"] < 9000


def test_only_the_beginning_of_a_long_text_is_read(tmp_path: Path) -> None:
    path = repeated(tmp_path / "long.txt", SENTENCE, 30 * MIB // len(SENTENCE))
    with path.open("r+b") as file:
        file.seek(25 * MIB)
        file.write(b"\xff\xff\xff")  # no encoding allows it, but the page limit is reached before
    assert refused(path).code == "DOC_PAGE_LIMIT_EXCEEDED"
    with path.open("r+b") as file:
        file.seek(2 * MIB)
        file.write(b"\xff\xff\xff")
    assert refused(path).code == "TEXT_ENCODING_UNSUPPORTED"


def test_a_large_chinese_text_is_counted_in_its_own_encoding(tmp_path: Path) -> None:
    path = repeated(tmp_path / "long.txt", "投标人承诺按期交货。\n".encode("gb18030"), MIB // 2)
    assert refused(path).code == "DOC_PAGE_LIMIT_EXCEEDED"


def test_megabytes_of_blanks_are_empty(tmp_path: Path) -> None:
    assert refused(repeated(tmp_path / "blank.txt", b"   \n", 2 * MIB)).code == "INPUT_EMPTY_FILE"


def test_markup_too_large_to_be_read_as_a_whole_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "large.md"
    with path.open("wb") as file:
        file.write(SENTENCE * 200)
        file.truncate(65 * MIB)
        file.seek(0, 2)
        file.write(SENTENCE * 200)
    error = refused(path, MARKDOWN)
    assert (error.code, error.details["limit_bytes"]) == ("DOC_EXPANSION_LIMIT_EXCEEDED", 64 * MIB)


@pytest.mark.parametrize(("name", "media_type"), [("many.txt", TEXT), ("many.md", MARKDOWN)])
def test_short_lines_end_at_the_page_limit_inside_the_memory_of_a_parser(
    tmp_path: Path, name: str, media_type: str
) -> None:
    path = repeated(tmp_path / name, b"- a\n", MIB // 2)
    registry = ParserRegistry(size=1)
    try:
        with pytest.raises(Permanent) as caught:
            registry.parser_for(media_type).survey(path, media_type)
    finally:
        registry.close()
    assert (caught.value.code, caught.value.details["measured"]) == ("DOC_PAGE_LIMIT_EXCEEDED", 2001)


def test_the_least_number_of_pages_counts_what_is_seen() -> None:
    assert least_pages({}) == least_pages({" ": 10**9, "\n": 10**9, "-": 10**9}) == 0
    assert least_pages({"国": 46 * 45}) == 1
    assert least_pages({"国": 46 * 45 * 3}) == 3
