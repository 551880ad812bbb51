"""The judge of citations: it accepts what stands on the page and rejects every way of being a little wrong."""

from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from reportlab.pdfgen.canvas import Canvas

from bench.cited_places import PdfPages, fonts_not_embedded, problems
from shared.adapters.pdf_text import PdfTextParser
from shared.domain.chunking import cut_chunks
from shared.domain.citing import cite

LINES = ("The warranty period is 36 months from acceptance.", "It covers parts, labour and travel.")


def a_page(rotation: int, crop: tuple[float, float, float, float]) -> bytes:
    """A page with two lines of Helvetica, turned and cropped as asked."""
    raw = BytesIO()
    canvas = Canvas(raw, pagesize=(595, 842))
    for number, text in enumerate(LINES):
        canvas.drawString(90, 700 - 14 * number, text)
    canvas.save()
    pdf = pypdfium2.PdfDocument(raw.getvalue())
    pdf[0].set_cropbox(*crop)
    pdf[0].set_rotation(rotation)
    out = BytesIO()
    pdf.save(out)
    pdf.close()
    return out.getvalue()


def cited(content: bytes, folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """A citation of the first sentence as our parser places it, and its chunk, as the API shows them."""
    path = folder / "page.pdf"
    path.write_bytes(content)
    blocks = PdfTextParser().parse(path, "application/pdf", 1, 1).blocks
    (chunk,) = cut_chunks(blocks, tenant_id="t", document_id="d", parse_run_id="r")
    start = chunk.text.index("36 months")
    citation = asdict(cite(chunk, start, start + len("36 months")))
    citation["boxes"] = [list(box) for box in citation["boxes"]]
    shown = asdict(chunk)
    return citation | {"box": list(citation["box"])}, shown | {"positions": list(shown["positions"])}


def upright(folder: Path) -> tuple[dict[str, Any], dict[str, Any], PdfPages]:
    content = a_page(0, (0, 0, 595, 842))
    return *cited(content, folder), PdfPages(content)


@pytest.mark.parametrize("crop", [(0, 0, 595, 842), (50, 100, 500, 800)])
def test_what_our_parser_places_is_found_there(tmp_path: Path, crop: tuple[float, float, float, float]) -> None:
    content = a_page(0, crop)
    citation, chunk = cited(content, tmp_path)
    pages = PdfPages(content)
    assert list(problems(citation, chunk, pages)) == []
    pages.close()


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_boxes_are_those_of_the_page_as_displayed(rotation: int) -> None:
    content = a_page(rotation, (50, 100, 500, 800))
    x0, y0, x1, y1 = 90 - 50, 800 - 712, 390 - 50, 800 - 697  # of the first line while the page is upright
    displayed = {
        90: (700 - y1, x0, 700 - y0, x1),
        180: (450 - x1, 700 - y1, 450 - x0, 700 - y0),
        270: (y0, 450 - x1, y1, 450 - x0),
    }
    pages = PdfPages(content)
    assert pages.text_in(1, displayed[rotation]).strip() == LINES[0]
    pages.close()


@pytest.mark.parametrize(("dx", "dy"), [(0, 30), (0, -14), (60, 0), (-400, 0)])
def test_a_box_beside_the_words_is_rejected(tmp_path: Path, dx: float, dy: float) -> None:
    citation, chunk, pages = upright(tmp_path)
    for place in chunk["positions"]:
        x0, y0, x1, y1 = place["box"]
        place["box"] = [x0 + dx, y0 + dy, x1 + dx, y1 + dy]
    citation["boxes"] = [chunk["positions"][0]["box"]]
    citation["box"] = citation["boxes"][0]
    assert any("inside" in problem for problem in problems(citation, chunk, pages))
    pages.close()


def test_a_quote_that_is_not_at_its_span_is_rejected(tmp_path: Path) -> None:
    citation, chunk, pages = upright(tmp_path)
    assert any("stored text" in p for p in problems(citation | {"quote": "48 months"}, chunk, pages))
    assert any("stored text" in p for p in problems(citation | {"start": citation["start"] + 1}, chunk, pages))
    pages.close()


def test_a_span_without_a_place_is_rejected(tmp_path: Path) -> None:
    citation, chunk, pages = upright(tmp_path)
    place = chunk["positions"][0]
    chunk["positions"][0] = place | {"end": citation["start"] + 3}
    assert any("stands in no box" in p for p in problems(citation, chunk, pages))
    pages.close()


def test_a_font_that_a_pdf_does_not_carry_is_named() -> None:
    assert fonts_not_embedded(a_page(0, (0, 0, 595, 842))) == {"Helvetica"}
