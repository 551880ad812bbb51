"""Render a demo source as a DOCX with real styles, header, page-number field, page breaks and tables."""

import zipfile
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from docx import Document
from docx.enum.text import WD_BREAK
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Pt

from infra.local.demo_source import Element, Source

# Every date inside the file is this one, so that the same source gives the same bytes.
WRITTEN = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
_HEADING_POINTS = {1: 17, 2: 13, 3: 11}


def render_docx(source: Source, target: Path) -> None:
    """Write the DOCX; the same source gives the same bytes."""
    document = Document()
    _prepare(document, source)
    _cover(document, source)
    for element in source.elements:
        _add(document, element)
    raw = BytesIO()
    document.save(raw)
    target.write_bytes(_dated(raw.getvalue()))


def _prepare(document: Any, source: Source) -> None:
    """Properties, fonts by name, running header and page number."""
    properties = document.core_properties
    properties.title, properties.author, properties.language = (
        source.meta["title"],
        source.meta["author"],
        source.language,
    )
    properties.last_modified_by, properties.comments, properties.revision = source.meta["author"], "", 1
    properties.created = properties.modified = WRITTEN.replace(tzinfo=None)
    normal = document.styles["Normal"]
    normal.font.name, normal.font.size = "Arial", Pt(10.5)
    normal.element.rPr.rFonts.set(qn("w:eastAsia"), "SimSun")
    normal.paragraph_format.line_spacing, normal.paragraph_format.space_after = 1.5, Pt(8)
    for level, points in _HEADING_POINTS.items():
        document.styles[f"Heading {level}"].font.size = Pt(points)
    section = document.sections[0]
    section.header.paragraphs[0].text = source.meta["header"]
    _page_number(section.footer.paragraphs[0])


def _page_number(paragraph: Any) -> None:
    field = OxmlElement("w:fldSimple")
    field.set(qn("w:instr"), "PAGE")
    paragraph._p.append(field)


def _cover(document: Any, source: Source) -> None:
    document.add_paragraph(source.meta["kicker"])
    document.add_paragraph(source.meta["title"], style="Title")
    for line in source.meta["cover"].split(";"):
        document.add_paragraph(line.strip())
    document.add_paragraph().add_run().add_break(WD_BREAK.PAGE)
    document.add_paragraph("目　录" if source.language == "zh" else "Contents")
    for element in source.elements:
        if element.kind == "heading" and element.level == 1:
            document.add_paragraph(element.text)


def _add(document: Any, element: Element) -> None:
    if element.kind == "heading":
        heading = document.add_heading(element.text, element.level)
        heading.paragraph_format.page_break_before = element.level == 1
    elif element.kind == "table":
        _table(document, element)
    elif element.kind == "field":
        colon = "：" if not element.label.isascii() else ": "
        document.add_paragraph(f"{element.label}{colon}{element.text}")
    elif element.kind == "item":
        document.add_paragraph(element.text, style="List Bullet")
    elif element.kind == "break":
        document.add_paragraph().add_run().add_break(WD_BREAK.PAGE)
    elif element.kind == "space":
        document.add_paragraph().paragraph_format.space_after = Pt(element.points)
    else:
        document.add_paragraph(element.text, style="Caption" if element.kind == "caption" else None)


def _table(document: Any, element: Element) -> None:
    """A ruled table; its header row repeats on each page."""
    table = document.add_table(rows=len(element.rows), cols=len(element.rows[0]), style="Table Grid")
    for cells, row in zip(element.rows, table.rows, strict=True):
        for text, cell in zip(cells, row.cells, strict=True):
            cell.text = text
    mark = OxmlElement("w:tblHeader")
    table.rows[0]._tr.get_or_add_trPr().append(mark)
    for cell in table.rows[0].cells:
        for run in cell.paragraphs[0].runs:
            run.bold = True
    document.add_paragraph()


def _dated(raw: bytes) -> bytes:
    """The same container with a fixed time in every entry."""
    result = BytesIO()
    with zipfile.ZipFile(BytesIO(raw)) as before, zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as after:
        for name in before.namelist():
            entry = zipfile.ZipInfo(name, WRITTEN.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            after.writestr(entry, before.read(name))
    return result.getvalue()
