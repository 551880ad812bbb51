"""Print a report as a PDF with embedded fonts, linked citations and the same bytes for the same content (E88)."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

from reportlab.lib.pagesizes import A4
from reportlab.platypus import BaseDocTemplate, Frame, PageTemplate

from shared.adapters.report_pdf.fonts import register_fonts
from shared.adapters.report_pdf.labels import labels, word
from shared.adapters.report_pdf.sections import citation_index, details, matrix, provenance, title_block
from shared.adapters.report_pdf.styles import MARGIN, WIDTH, numbered_canvas


def render(content: Mapping[str, Any]) -> bytes:
    """The report as PDF bytes. `content` holds title, evaluation_id, project, supplier, kind (reviewed or
    suggestion), version, language (en or zh), totals, criteria with claims and citations, versions, audit and
    generated_at; raises KeyError when one of them is absent. A stored value that is missing is printed as a
    dash with its reason (E87), never as a number."""
    register_fonts()
    language = content["language"]
    say = labels(language)
    target = BytesIO()
    document = BaseDocTemplate(
        target,
        pagesize=A4,
        invariant=1,
        title=content["title"],
        author="Bidproof",
        subject=content["evaluation_id"],
        lang=language,
    )
    frame = Frame(MARGIN, 52, WIDTH, A4[1] - 52 - 46, leftPadding=0, rightPadding=0, topPadding=0, bottomPadding=0)
    document.addPageTemplates([PageTemplate("page", [frame])])
    story = [*title_block(content), *matrix(content), *details(content), *citation_index(content), *provenance(content)]
    footer = f"{content['supplier']['name']} · {word(language, content['kind'])} · {content['evaluation_id']}"
    document.build(story, canvasmaker=numbered_canvas(footer, say["pages"]))
    return target.getvalue()
