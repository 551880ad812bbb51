"""Reader of plain text, Markdown and HTML."""

from shared.adapters.text_parser.parser import NAME, VERSION, TextParser

__all__ = ["NAME", "VERSION", "TextParser"]
