"""A report as PDF with embedded glyphs: pages, sections, styles, labels, fonts."""

from shared.adapters.report_pdf.pages import render

__all__ = ["render"]
