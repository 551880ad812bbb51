"""Plain text, Markdown and HTML on virtual pages, as a DocumentParser (spec P6, P24, P55)."""

from dataclasses import replace
from pathlib import Path

from shared.adapters.text_parser.html_reader import read_html
from shared.adapters.text_parser.plain_reader import read_markdown, read_plain
from shared.domain.block_sequence import arrange
from shared.domain.blocks import Page, ParsedRange
from shared.domain.errors import Permanent
from shared.domain.file_types import HTML, MARKDOWN
from shared.domain.flow import with_locators
from shared.domain.text_encodings import decode
from shared.domain.virtual_pages import Laid, lay_out

NAME, VERSION = "text", "1"


class TextParser:
    """Reads text files without scripts or network."""

    name = NAME
    version = VERSION

    def survey(self, path: Path, media_type: str) -> list[Page]:
        """The virtual pages. Raises Permanent TEXT_ENCODING_UNSUPPORTED or INPUT_EMPTY_FILE."""
        return list(_laid(path, media_type).pages)

    def parse(self, path: Path, media_type: str, first: int, last: int) -> ParsedRange:
        """Blocks that begin on pages first..last; raises ValueError for a range outside the document."""
        laid = _laid(path, media_type)
        if not 1 <= first <= last <= len(laid.pages):
            raise ValueError(f"pages {first}-{last} of a document of {len(laid.pages)}")
        blocks = [
            replace(b, parser=NAME, parser_version=VERSION) for b in arrange(laid.blocks) if first <= b.page <= last
        ]
        return ParsedRange(first, last, tuple(replace(b, seq=i) for i, b in enumerate(blocks)))


def _laid(path: Path, media_type: str) -> Laid:
    text, _ = decode(path.read_bytes())
    read = {HTML: read_html, MARKDOWN: read_markdown}.get(media_type, read_plain)
    laid = lay_out(with_locators(read(text)))
    if not any("hidden" not in block.flags for block in laid.blocks):
        raise Permanent("INPUT_EMPTY_FILE", "there is no text in the file")
    return laid
