"""Files that cannot be read, one per way of being broken, each with the code it has to end with (spec 03 section 2)."""

import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from tests.contract.parsing_samples import PROSE, make_pdf, offer_docx, offer_pdf, write_lines

MIB = 1 << 20
TYPES = b'<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c63606060000000040001f61738550000000049454e44ae426082"
)
LINE = b"The supplier delivers all goods within sixty days after the contract is signed.\n"


@dataclass(frozen=True)
class BadFile:
    """How to make it, the code of its job, and what the details of the error have to say."""

    name: str
    code: str
    write: Callable[[Path], None]
    details: dict[str, Any] = field(default_factory=dict)


def _encrypted(path: Path) -> None:
    make_pdf(path, lambda canvas: write_lines(canvas, PROSE), encrypt="secret")


def _truncated_pdf(path: Path) -> None:
    whole = offer_pdf(path.parent).read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])


def _truncated_docx(path: Path) -> None:
    whole = offer_docx(path.parent).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def _pdf_called_docx(path: Path) -> None:
    path.write_bytes(offer_pdf(path.parent).read_bytes())


def _bomb(path: Path) -> None:
    """A DOCX of some 60 kB whose document part has 60 MiB."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as container:
        container.writestr("[Content_Types].xml", TYPES)
        with container.open("word/document.xml", "w") as part:
            for _ in range(60):
                part.write(b" " * MIB)


def _entities(path: Path) -> None:
    body = b'<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><w:document>&x;</w:document>'
    with zipfile.ZipFile(path, "w") as container:
        container.writestr("[Content_Types].xml", TYPES)
        container.writestr("word/document.xml", body)


def _scan(path: Path) -> None:
    """A page of text between two pages that are pictures only."""
    picture = path.with_suffix(".png")
    picture.write_bytes(PNG)

    def draw(canvas: Canvas) -> None:
        canvas.drawImage(ImageReader(str(picture)), 0, 0, width=595, height=842)

    make_pdf(path, draw, lambda canvas: write_lines(canvas, PROSE), draw)


BAD_FILES = [
    BadFile(
        "picture.pdf",
        "INPUT_TYPE_MISMATCH",
        lambda path: path.write_bytes(PNG) and None,
        {"found": "image/png", "expected": "application/pdf"},
    ),
    BadFile("renamed.docx", "INPUT_TYPE_MISMATCH", _pdf_called_docx, {"found": "application/pdf"}),
    BadFile("encrypted.pdf", "DOC_PARSE_ENCRYPTED", _encrypted),
    BadFile("truncated.pdf", "DOC_PARSE_PDF_CORRUPT", _truncated_pdf),
    BadFile("truncated.docx", "DOC_PARSE_OFFICE_CORRUPT", _truncated_docx),
    BadFile("bomb.docx", "DOC_EXPANSION_LIMIT_EXCEEDED", _bomb, {"limit": 100, "what": "compression ratio"}),
    BadFile("entities.docx", "INPUT_ARCHIVE_UNSAFE", _entities),
    BadFile("scan.pdf", "INPUT_UNSUPPORTED_FORMAT", _scan, {"pages": [1, 3]}),
    BadFile("latin.txt", "TEXT_ENCODING_UNSUPPORTED", lambda path: path.write_bytes(b"caf\xe9 au lait") and None),
    BadFile("blank.txt", "INPUT_EMPTY_FILE", lambda path: path.write_text(" \n\n ") and None),
]


def write_large(path: Path, megabytes: int) -> Path:
    """A text file of that many MiB, written piece by piece."""
    piece = (LINE * (MIB // len(LINE) + 1))[:MIB]
    with path.open("wb") as file:
        for _ in range(megabytes):
            file.write(piece)
    return path
