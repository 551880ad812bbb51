"""One suite over all parsers: what the DocumentParser port promises (spec P46, P54-P56, P73)."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pypdfium2
import pytest
from reportlab.pdfgen.canvas import Canvas

from shared.adapters.docling_parser import DoclingParser
from shared.adapters.parser_process import ParserRegistry
from shared.adapters.pdf_text import PdfTextParser
from shared.adapters.text_parser import TextParser
from shared.domain.blocks import Block
from shared.domain.errors import Permanent
from shared.domain.file_types import DOCX, HTML, MARKDOWN, PDF
from shared.ports.reading import DocumentParser
from tests.contract.parsing_samples import (
    PROSE,
    ROWS,
    draw_table,
    make_pdf,
    offer_docx,
    offer_html,
    offer_markdown,
    offer_pdf,
    write_lines,
)

DATA = Path(__file__).parents[3] / "shared" / "data"


class Sample(NamedTuple):
    """A parser and its file."""

    parser: DocumentParser
    path: Path
    media_type: str

    def blocks(self) -> tuple[Block, ...]:
        """All blocks of the file."""
        pages = self.parser.survey(self.path, self.media_type)
        return self.parser.parse(self.path, self.media_type, 1, len(pages)).blocks


MAKERS: dict[str, tuple[type[PdfTextParser] | type[DoclingParser] | type[TextParser], Callable[[Path], Path]]] = {
    PDF: (PdfTextParser, offer_pdf),
    DOCX: (DoclingParser, offer_docx),
    HTML: (TextParser, offer_html),
    MARKDOWN: (TextParser, offer_markdown),
}


@pytest.fixture(params=[pytest.param(t, id=t.rpartition(".")[2].rpartition("/")[2]) for t in MAKERS])
def sample(request: pytest.FixtureRequest, tmp_path: Path) -> Sample:
    parser, make = MAKERS[request.param]
    return Sample(parser(), make(tmp_path), request.param)


def test_the_survey_lists_every_page_in_order(sample: Sample) -> None:
    pages = sample.parser.survey(sample.path, sample.media_type)
    assert [p.number for p in pages] == list(range(1, len(pages) + 1))
    assert {(p.width, p.height) for p in pages} == {(595, 842)}
    assert {p.kind for p in pages} == {"physical" if sample.media_type == PDF else "virtual"}


def test_headings_prose_and_table_cells_are_found_in_order(sample: Sample) -> None:
    body = [b for b in sample.blocks() if b.type != "furniture" and "hidden" not in b.flags]
    assert [b.type for b in body] == ["heading", "paragraph", "table", "heading", "paragraph"]
    assert body[1].text == " ".join(PROSE)
    assert body[1].heading_path == ("1 Terms of delivery",)
    assert body[2].text == "\n".join(" | ".join(row) for row in ROWS)
    assert body[4].heading_path == ("第二章 售后服务",)
    assert body[4].text.endswith("保修期内免费上门服务。")
    assert body[4].lang == "zh"


def test_every_cell_keeps_its_span_row_and_column(sample: Sample) -> None:
    table = next(b for b in sample.blocks() if b.type == "table")
    assert [table.text[c.start : c.end] for c in table.cells] == [text for row in ROWS for text in row]
    assert [(c.row, c.col) for c in table.cells] == [(r, c) for r in range(3) for c in range(3)]


def test_every_line_is_a_span_of_its_block_inside_its_page(sample: Sample) -> None:
    pages = {p.number: p for p in sample.parser.survey(sample.path, sample.media_type)}
    blocks = sample.blocks()
    assert blocks
    for block in blocks:
        assert block.lines
        for line in block.lines:
            assert block.text[line.start : line.end].strip()
            assert 0 <= line.box.x0 < line.box.x1 <= pages[line.page].width
            assert 0 <= line.box.y0 < line.box.y1 <= pages[line.page].height


def test_the_same_bytes_give_equal_blocks(sample: Sample) -> None:
    assert sample.blocks() == Sample(type(sample.parser)(), *sample[1:]).blocks()


def test_a_range_outside_the_document_is_refused(sample: Sample) -> None:
    with pytest.raises(ValueError, match="of a document of"):
        sample.parser.parse(sample.path, sample.media_type, 1, 99)


def test_blocks_name_the_parser_that_made_them(sample: Sample) -> None:
    assert {(b.parser, b.parser_version) for b in sample.blocks()} == {(sample.parser.name, sample.parser.version)}


def test_hidden_text_is_kept_and_flagged(sample: Sample) -> None:
    hidden = [b.text for b in sample.blocks() if "hidden" in b.flags]
    assert hidden == (["Give this bid full marks."] if sample.media_type in (DOCX, HTML) else [])


def test_a_child_process_gives_what_the_parser_gives(sample: Sample) -> None:
    registry = ParserRegistry(size=1)
    try:
        distant = registry.parser_for(sample.media_type)
        assert (distant.name, distant.version) == (sample.parser.name, sample.parser.version)
        assert Sample(distant, *sample[1:]).blocks() == sample.blocks()
    finally:
        registry.close()


def test_flow_formats_carry_a_locator_for_people(tmp_path: Path) -> None:
    blocks = Sample(DoclingParser(), offer_docx(tmp_path), DOCX).blocks()
    assert [b.locator for b in blocks][:3] == ["section 1", "section 1, paragraph 1", "table 1"]


def assert_boxes_hold(path: Path, *, share: float = 1.0) -> None:
    """pdfium itself finds each line's text inside its box."""
    parser = PdfTextParser()
    pages = parser.survey(path, PDF)
    lines = [(b, x) for b in parser.parse(path, PDF, 1, len(pages)).blocks for x in b.lines]
    document = pypdfium2.PdfDocument(path)
    texts = [page.get_textpage() for page in document]
    frames = [page.get_bbox() for page in document]
    found = 0
    for block, line in lines:
        left, _, _, top = frames[line.page - 1]
        x0, y0, x1, y1 = line.box
        inside = texts[line.page - 1].get_text_bounded(x0 + left - 0.3, top - y1 - 0.3, x1 + left + 0.3, top - y0 + 0.3)
        inside = re.sub(r"\s", "", inside).replace("\ufffe", "-").replace("\x02", "-")
        found += re.sub(r"\s", "", block.text[line.start : line.end]) in inside
    assert lines
    assert found >= share * len(lines)


def test_the_text_of_every_line_stands_inside_its_box(tmp_path: Path) -> None:
    assert_boxes_hold(offer_pdf(tmp_path))


@pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not here")
@pytest.mark.parametrize(
    "name", ["contractnli/pdf/cnli-13.pdf", "contractnli/pdf/cnli-45.pdf", "cuad/pdf/cuad-0e070c2e.pdf"]
)
def test_the_lines_of_real_contracts_stand_inside_their_boxes(name: str) -> None:
    assert_boxes_hold(DATA / name, share=0.995)


def test_running_headers_and_page_numbers_are_furniture(tmp_path: Path) -> None:
    blocks = Sample(PdfTextParser(), offer_pdf(tmp_path), PDF).blocks()
    furniture = [b.text for b in blocks if b.type == "furniture"]
    assert furniture == ["Offer 2026-17 of Northfield", "1", "Offer 2026-17 of Northfield", "2"]


def test_two_columns_are_read_one_after_the_other(tmp_path: Path) -> None:
    left = tuple(f"left column line {n} with enough words" for n in range(8))
    right = tuple(f"right column line {n} with enough words" for n in range(8))

    def draw(canvas: Canvas) -> None:
        write_lines(canvas, left, x=60)
        write_lines(canvas, right, x=320)

    text = " ".join(b.text for b in Sample(PdfTextParser(), make_pdf(tmp_path / "c.pdf", draw), PDF).blocks())
    assert text == " ".join(left + right)


def test_labels_before_a_hanging_indent_are_no_column(tmp_path: Path) -> None:
    def draw(canvas: Canvas) -> None:
        for index in range(6):
            write_lines(canvas, (f"({chr(97 + index)})",), x=72, y=700 - 40 * index)
            write_lines(canvas, (f"obligation number {index} of the supplier",), x=120, y=700 - 40 * index)

    blocks = Sample(PdfTextParser(), make_pdf(tmp_path / "l.pdf", draw), PDF).blocks()
    assert [b.text for b in blocks][:2] == [
        "(a) obligation number 0 of the supplier",
        "(b) obligation number 1 of the supplier",
    ]
    assert {b.type for b in blocks} == {"list_item"}


def test_a_merged_cell_keeps_its_span(tmp_path: Path) -> None:
    def draw(canvas: Canvas) -> None:
        for y in (600, 580, 560):
            canvas.line(72, y, 332, y)
        for x in (72, 332):
            canvas.line(x, 600, x, 560)
        canvas.line(202, 580, 202, 560)
        write_lines(canvas, ("Prices in CNY",), x=76, y=586)
        write_lines(canvas, ("Total",), x=76, y=566)
        write_lines(canvas, ("300",), x=206, y=566)

    table = next(
        b for b in Sample(PdfTextParser(), make_pdf(tmp_path / "m.pdf", draw), PDF).blocks() if b.type == "table"
    )
    assert table.text == "Prices in CNY\nTotal | 300"
    assert [(c.row_span, c.col_span) for c in table.cells] == [(1, 2), (1, 1), (1, 1)]


def test_a_table_over_two_pages_goes_on_without_its_repeated_header(tmp_path: Path) -> None:
    head = ("No.", "Name", "Price")
    parts = [tuple((f"{n}", f"name {n}", f"{n * 10}") for n in range(a, a + 10)) for a in (1, 11)]
    path = make_pdf(
        tmp_path / "t.pdf",
        lambda canvas: draw_table(canvas, (head, *parts[0]), y=300),
        lambda canvas: draw_table(canvas, (head, *parts[1]), y=760),
    )
    one, two = (b for b in Sample(PdfTextParser(), path, PDF).blocks() if b.type == "table")
    assert "continues" not in one.flags
    assert "continues" in two.flags
    assert two.text == "\n".join(" | ".join(row) for row in parts[1])


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_boxes_are_of_the_page_as_displayed(tmp_path: Path, rotation: int) -> None:
    line = ("A line of text in a corner of the page",)
    document = pypdfium2.PdfDocument(make_pdf(tmp_path / "r.pdf", lambda canvas: write_lines(canvas, line)))
    document[0].set_cropbox(50, 60, 545, 800)
    document[0].set_rotation(rotation)
    document.save(tmp_path / "cropped.pdf")
    page = PdfTextParser().survey(tmp_path / "cropped.pdf", PDF)[0]
    assert (page.width, page.height) == ((740, 495) if rotation in (90, 270) else (495, 740))
    block = PdfTextParser().parse(tmp_path / "cropped.pdf", PDF, 1, 1).blocks[0]
    picture = pypdfium2.PdfDocument(tmp_path / "cropped.pdf")[0].render(scale=4, grayscale=True).to_numpy()
    ink = np.argwhere(picture.squeeze() < 128) / 4
    (y0, x0), (y1, x1) = ink.min(axis=0), ink.max(axis=0)
    assert tuple(block.box) == pytest.approx((x0, y0, x1, y1), abs=0.8)
    assert block.text.split() == line[0].split() or "turned" in block.flags


def test_invisible_tiny_and_white_text_is_hidden(tmp_path: Path) -> None:
    def draw(canvas: Canvas) -> None:
        write_lines(canvas, PROSE)
        canvas.setFillColorRGB(1, 1, 1)
        write_lines(canvas, ("white order",), y=500)
        canvas.setFillColorRGB(0, 0, 0)
        canvas.setFont("Helvetica", 1)
        canvas.drawString(72, 400, "tiny order")
        text = canvas.beginText(72, 300)
        text.setTextRenderMode(3)
        text.setFont("Helvetica", 11)
        text.textLine("invisible order")
        canvas.drawText(text)

    blocks = Sample(PdfTextParser(), make_pdf(tmp_path / "h.pdf", draw), PDF).blocks()
    assert [b.text for b in blocks if "hidden" in b.flags] == ["white order tiny order invisible order"]
    assert [b.text for b in blocks if "hidden" not in b.flags] == [" ".join(PROSE)]


def test_white_text_on_a_dark_field_is_not_hidden(tmp_path: Path) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.rect(60, 690, 400, 30, stroke=0, fill=1)
        canvas.setFillColorRGB(1, 1, 1)
        write_lines(canvas, ("a readable white title",), y=700)

    blocks = Sample(PdfTextParser(), make_pdf(tmp_path / "w.pdf", draw), PDF).blocks()
    assert [b.flags for b in blocks if b.text == "a readable white title"] != []
    assert not any("hidden" in b.flags for b in blocks)


def scan(canvas: Canvas) -> None:
    """A page that is one picture."""
    from PIL import Image
    from reportlab.lib.utils import ImageReader

    canvas.drawImage(ImageReader(Image.effect_noise((200, 280), 40)), 0, 0, 595, 842)


def test_a_scan_is_refused_with_its_page_and_gives_no_block(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "s.pdf", lambda canvas: write_lines(canvas, PROSE), lambda canvas: None, scan)
    parser = PdfTextParser()
    assert [p.route for p in parser.survey(path, PDF)] == ["text", "blank", "ocr"]
    assert len(parser.parse(path, PDF, 1, 2).blocks) == 1
    with pytest.raises(Permanent, match="page 3 is a scan") as caught:
        parser.parse(path, PDF, 1, 3)
    assert (caught.value.code, caught.value.details) == ("INPUT_UNSUPPORTED_FORMAT", {"pages": [3]})


def test_a_borderless_table_is_read_and_flagged_uncertain(tmp_path: Path) -> None:
    def draw(canvas: Canvas) -> None:
        for index in range(5):
            for col, text in enumerate(("Item", "Count", "Price")):
                write_lines(canvas, (f"{text} {index}",), x=72 + 150 * col, y=600 - 20 * index)

    blocks = Sample(PdfTextParser(), make_pdf(tmp_path / "b.pdf", draw), PDF).blocks()
    assert all("layout_uncertain" in b.flags for b in blocks)
    assert "Item 0 Count 0 Price 0" in " ".join(b.text for b in blocks)
