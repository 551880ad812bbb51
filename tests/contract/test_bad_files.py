"""Every bad file ends with its exact code before any parsing (spec P13-P27, P106)."""

import io
import zipfile
from pathlib import Path

import docx
import pypdfium2
import pytest

from shared.adapters.file_inspection import inspect
from shared.adapters.parser_process import ParserRegistry, ProcessInspector
from shared.domain.errors import CodedError, Permanent
from shared.domain.file_types import DOCX, HTML, MARKDOWN, PDF, TEXT, ZIP
from shared.ports.reading import Inspected
from tests.contract.parsing_samples import PROSE, make_pdf, offer_docx, offer_html, offer_pdf, write_lines, zipped

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 64
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600
TYPES = b'<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'
BODY = b'<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body/></w:document>'


def code_of(path: Path, name: str | None = None, media_type: str | None = None) -> str:
    """The code a file is refused with."""
    with pytest.raises(CodedError) as caught:
        inspect(path, name or path.name, media_type)
    return caught.value.code


def wrote(path: Path, body: bytes) -> Path:
    path.write_bytes(body)
    return path


def test_good_files_pass_with_type_and_page_count(tmp_path: Path) -> None:
    assert inspect(offer_pdf(tmp_path), "offer.pdf", PDF) == Inspected(PDF, 2)
    assert inspect(offer_docx(tmp_path), "offer.docx", DOCX) == Inspected(DOCX, None)
    assert inspect(offer_html(tmp_path), "offer.html", "text/html; charset=utf-8") == Inspected(HTML, None)
    assert inspect(wrote(tmp_path / "a.txt", "投标".encode("gb18030") * 9), "a.txt", TEXT) == Inspected(TEXT, None)
    assert inspect(wrote(tmp_path / "a.md", b"# Title"), "a.md", None) == Inspected(MARKDOWN, None)


def test_nothing_is_empty(tmp_path: Path) -> None:
    assert code_of(wrote(tmp_path / "a.pdf", b"")) == "INPUT_EMPTY_FILE"
    assert code_of(wrote(tmp_path / "a.txt", b" \n\n ")) == "INPUT_EMPTY_FILE"


@pytest.mark.parametrize("name", ["../a.pdf", "a/b.pdf", "a\x00.pdf", "x" * 256 + ".pdf", "..", "a\u202efdp.exe"])
def test_an_unsafe_name_is_refused(tmp_path: Path, name: str) -> None:
    assert code_of(offer_pdf(tmp_path), name) == "INPUT_FILENAME_UNSAFE"


@pytest.mark.parametrize(
    ("name", "body"), [("a.png", PNG), ("a.doc", OLE), ("a.bin", b"\x00\x01\x02"), ("a", b"\x7fELF123")]
)
def test_other_types_are_unsupported_and_the_accepted_ones_named(tmp_path: Path, name: str, body: bytes) -> None:
    with pytest.raises(Permanent) as caught:
        inspect(wrote(tmp_path / name, body), name, None)
    assert caught.value.code == "INPUT_UNSUPPORTED_FORMAT"
    assert PDF in caught.value.details["accepted"]


def test_spreadsheets_and_slides_come_later(tmp_path: Path) -> None:
    for name, part in (("a.xlsx", "xl/workbook.xml"), ("a.pptx", "ppt/presentation.xml")):
        assert (
            code_of(zipped(tmp_path / name, {"[Content_Types].xml": TYPES, part: b"x"})) == "INPUT_UNSUPPORTED_FORMAT"
        )


def test_a_zip_container_is_an_archive_only_by_its_name_or_declared_type(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"b.txt": b"x"})
    assert inspect(path, "a.zip", None) == inspect(path, "a", "application/x-zip-compressed") == Inspected(ZIP, None)
    assert code_of(path, "a.foo") == code_of(path, "a") == "INPUT_UNSUPPORTED_FORMAT"
    assert code_of(path, "a.pdf") == code_of(path, "a.zip", PDF) == "INPUT_TYPE_MISMATCH"
    ofd = zipped(tmp_path / "b.zip", {"OFD.xml": b"<x/>", "Doc_0/Document.xml": b"<x/>"})
    assert (code_of(ofd), code_of(ofd, "b.ofd")) == ("INPUT_TYPE_MISMATCH", "INPUT_UNSUPPORTED_FORMAT")


def test_a_mismatch_names_both_types(tmp_path: Path) -> None:
    with pytest.raises(Permanent) as caught:
        inspect(wrote(tmp_path / "bid.pdf", PNG), "bid.pdf", PDF)
    assert caught.value.code == "INPUT_TYPE_MISMATCH"
    assert (caught.value.details["found"], caught.value.details["expected"]) == ("image/png", PDF)
    assert code_of(offer_pdf(tmp_path), "offer.docx") == "INPUT_TYPE_MISMATCH"
    assert code_of(offer_pdf(tmp_path), "offer", TEXT) == "INPUT_TYPE_MISMATCH"


def test_a_pdf_that_needs_a_password_is_encrypted(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "e.pdf", lambda canvas: write_lines(canvas, PROSE), encrypt="secret")
    assert code_of(path) == "DOC_PARSE_ENCRYPTED"


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9])
def test_a_truncated_pdf_is_corrupt(tmp_path: Path, share: float) -> None:
    whole = offer_pdf(tmp_path).read_bytes()
    assert code_of(wrote(tmp_path / "t.pdf", whole[: int(len(whole) * share)])) == "DOC_PARSE_PDF_CORRUPT"


def test_a_pdf_that_only_begins_like_one_is_corrupt(tmp_path: Path) -> None:
    assert code_of(wrote(tmp_path / "n.pdf", b"%PDF-1.7\n" + b"noise " * 500)) == "DOC_PARSE_PDF_CORRUPT"


def test_a_damaged_pdf_that_loses_nothing_is_repaired(tmp_path: Path) -> None:
    whole = offer_pdf(tmp_path).read_bytes()
    damaged = wrote(tmp_path / "d.pdf", whole.replace(b"startxref\n", b"startxref\n9"))
    assert inspect(damaged, "d.pdf", PDF) == Inspected(PDF, 2, ("repaired",))


def test_more_than_two_thousand_pages_are_too_many(tmp_path: Path) -> None:
    document = pypdfium2.PdfDocument.new()
    for _ in range(2001):
        document.new_page(100, 100)
    document.save(tmp_path / "l.pdf")
    with pytest.raises(Permanent) as caught:
        inspect(tmp_path / "l.pdf", "l.pdf", PDF)
    assert caught.value.code == "DOC_PAGE_LIMIT_EXCEEDED"
    assert caught.value.details == {"limit": 2000, "measured": 2001}


def test_a_broken_docx_is_corrupt(tmp_path: Path) -> None:
    whole = offer_docx(tmp_path).read_bytes()
    assert code_of(wrote(tmp_path / "t.docx", whole[: len(whole) // 2])) == "DOC_PARSE_OFFICE_CORRUPT"
    assert (
        code_of(zipped(tmp_path / "n.docx", {"[Content_Types].xml": TYPES, "word/x.xml": b"<x/>"}))
        == "DOC_PARSE_OFFICE_CORRUPT"
    )
    middle = bytearray(whole)
    at = whole.index(b"word/document.xml") + 300
    middle[at : at + 40] = b"\x00" * 40
    assert code_of(wrote(tmp_path / "m.docx", bytes(middle))) == "DOC_PARSE_OFFICE_CORRUPT"


def bomb(path: Path, megabytes: int) -> Path:
    """A DOCX whose document part expands about a thousandfold."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as container:
        container.writestr("[Content_Types].xml", TYPES)
        with container.open("word/document.xml", "w", force_zip64=True) as part:
            for _ in range(megabytes):
                part.write(b" " * (1 << 20))
    return path


def test_a_docx_bomb_is_stopped_with_limit_and_measure(tmp_path: Path) -> None:
    with pytest.raises(Permanent) as caught:
        inspect(bomb(tmp_path / "b.docx", 30), "b.docx", DOCX)
    assert caught.value.code == "DOC_EXPANSION_LIMIT_EXCEEDED"
    assert caught.value.details["measured"] > caught.value.details["limit"] == 100


def test_a_bomb_that_lies_about_its_size_is_stopped_while_it_expands(tmp_path: Path) -> None:
    body = bytearray(bomb(tmp_path / "b.docx", 30).read_bytes())
    size = (30 << 20).to_bytes(4, "little")
    at = body.rindex(size)
    body[at : at + 4] = (1000).to_bytes(4, "little")
    assert code_of(wrote(tmp_path / "l.docx", bytes(body))) in (
        "DOC_EXPANSION_LIMIT_EXCEEDED",
        "DOC_PARSE_OFFICE_CORRUPT",
    )


def test_too_many_entries_are_a_bomb(tmp_path: Path) -> None:
    parts = {"[Content_Types].xml": TYPES, "word/document.xml": BODY} | {f"word/{n}": b"" for n in range(1000)}
    assert code_of(zipped(tmp_path / "n.docx", parts)) == "DOC_EXPANSION_LIMIT_EXCEEDED"


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "word/../../evil", "C:/evil"])
def test_an_entry_that_leaves_the_container_is_unsafe(tmp_path: Path, name: str) -> None:
    path = zipped(tmp_path / "u.docx", {"[Content_Types].xml": TYPES, "word/document.xml": BODY, name: b"x"})
    assert code_of(path) == "INPUT_ARCHIVE_UNSAFE"


def test_a_document_that_declares_entities_is_unsafe(tmp_path: Path) -> None:
    body = b'<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + BODY
    path = zipped(tmp_path / "x.docx", {"[Content_Types].xml": TYPES, "word/document.xml": body})
    assert code_of(path) == "INPUT_ARCHIVE_UNSAFE"


@pytest.mark.parametrize("body", ["été à la plage, déjà vu".encode("latin-1"), b"caf\xe9 au lait", b"\xff\xfea\xd8"])
def test_other_encodings_are_refused(tmp_path: Path, body: bytes) -> None:
    assert code_of(wrote(tmp_path / "a.txt", body)) == "TEXT_ENCODING_UNSUPPORTED"


def test_a_large_file_of_zeros_is_refused_by_its_type(tmp_path: Path) -> None:
    path = tmp_path / "big.pdf"
    with path.open("wb") as file:
        file.truncate(300 << 20)
    assert code_of(path) == "INPUT_TYPE_MISMATCH"


def test_a_docx_without_text_is_empty(tmp_path: Path) -> None:
    stream = io.BytesIO()
    docx.Document().save(stream)
    path = wrote(tmp_path / "a.docx", stream.getvalue())
    registry = ParserRegistry(size=1)
    try:
        with pytest.raises(Permanent) as caught:
            registry.parser_for(DOCX).survey(path, DOCX)
    finally:
        registry.close()
    assert caught.value.code == "INPUT_EMPTY_FILE"


def test_the_inspector_in_a_child_process_gives_the_same_codes(tmp_path: Path) -> None:
    inspector = ProcessInspector(size=1)
    try:
        assert inspector.inspect(offer_pdf(tmp_path), "offer.pdf", PDF) == Inspected(PDF, 2)
        with pytest.raises(Permanent) as caught:
            inspector.inspect(wrote(tmp_path / "a.pdf", PNG), "a.pdf", PDF)
        assert caught.value.code == "INPUT_TYPE_MISMATCH"
        assert caught.value.details["found"] == "image/png"
    finally:
        inspector.close()


def test_an_unknown_type_has_no_parser() -> None:
    with pytest.raises(Permanent) as caught:
        ParserRegistry().parser_for("image/png")
    assert caught.value.code == "INPUT_UNSUPPORTED_FORMAT"
