"""PDF text layer: characters, boxes and rules of digital pages become blocks, without any model."""

from shared.adapters.pdf_text.parser import NAME, VERSION, PdfTextParser

__all__ = ["NAME", "VERSION", "PdfTextParser"]
