"""Reader of DOCX files with Docling's office back end; Docling itself is imported when a file is read."""

from shared.adapters.docling_parser.parser import NAME, VERSION, DoclingParser

__all__ = ["NAME", "VERSION", "DoclingParser"]
