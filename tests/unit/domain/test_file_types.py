"""Types are told by content and compared with name and declaration (P8, P9, P16-P18)."""

import pytest

from shared.domain.errors import Permanent, Refused
from shared.domain.file_types import (
    DOCX,
    EML,
    HTML,
    MARKDOWN,
    PDF,
    TEXT,
    UNKNOWN,
    XLSX,
    ZIP,
    check_declared,
    check_filename,
    sniff,
)


@pytest.mark.parametrize(
    ("head", "names", "expected"),
    [
        (b"%PDF-1.7\n", None, PDF),
        (b"\x00junk before\n%PDF-1.4", None, PDF),
        (b"PK\x03\x04", ["[Content_Types].xml", "word/document.xml"], DOCX),
        (b"PK\x03\x04", ["[Content_Types].xml", "xl/workbook.xml"], XLSX),
        (b"PK\x03\x04", ["readme.txt"], ZIP),
        (b"PK\x03\x04", None, ZIP),
        (b"\xef\xbb\xbf <!-- c --> <!DOCTYPE html><html>", None, HTML),
        (b"From: a@b\r\nTo: c@d\r\nSubject: offer\r\n\r\nhello", None, EML),
        ("投标文件".encode("gb18030"), None, TEXT),
        ("投标".encode("utf-16"), None, TEXT),
        (b"\x00\x01\x02\x03", None, UNKNOWN),
        (b"\x89PNG\r\n\x1a\n", None, "image/png"),
    ],
)
def test_content_tells_the_type(head: bytes, names: list[str] | None, expected: str) -> None:
    assert sniff(head, head, names) == expected


def test_text_with_a_binary_end_is_no_text() -> None:
    assert sniff(b"plain", b"\x00\x00\x01") == UNKNOWN


@pytest.mark.parametrize(
    ("found", "name", "declared", "expected"),
    [
        (PDF, "a.pdf", PDF, PDF),
        (PDF, "a", None, PDF),
        (PDF, "A.PDF", "application/octet-stream", PDF),
        (TEXT, "a.md", TEXT, MARKDOWN),
        (TEXT, "a.html", HTML, TEXT),
    ],
)
def test_agreeing_names_and_types_pass(found: str, name: str, declared: str | None, expected: str) -> None:
    assert check_declared(found, name, declared) == expected


@pytest.mark.parametrize(
    ("found", "name", "declared", "code"),
    [
        (PDF, "a.docx", None, "INPUT_TYPE_MISMATCH"),
        (PDF, "a.pdf", DOCX, "INPUT_TYPE_MISMATCH"),
        (PDF, "a.png", None, "INPUT_TYPE_MISMATCH"),
        ("image/png", "a.pdf", None, "INPUT_TYPE_MISMATCH"),
        ("image/png", "a.png", "image/png", "INPUT_UNSUPPORTED_FORMAT"),
        (XLSX, "a.xlsx", None, "INPUT_UNSUPPORTED_FORMAT"),
        (UNKNOWN, "a.dwg", None, "INPUT_UNSUPPORTED_FORMAT"),
    ],
)
def test_contradictions_and_other_types_have_their_code(found: str, name: str, declared: str | None, code: str) -> None:
    with pytest.raises(Permanent) as caught:
        check_declared(found, name, declared)
    assert caught.value.code == code


def test_a_name_comes_back_in_nfc() -> None:
    assert check_filename("re\u0301sume\u0301 投标.pdf") == "résumé 投标.pdf"


@pytest.mark.parametrize("name", ["", "  ", "..", "a/b", "a\\b", "C:x", "a\nb", "a\u202eb", "投" * 86])
def test_unsafe_names_are_refused(name: str) -> None:
    with pytest.raises(Refused):
        check_filename(name)
