"""Text files: unknown encoding, nothing in them, or more than can be laid out, found in pieces (spec P13, P24, P26)."""

import codecs
from collections import Counter
from pathlib import Path

from shared.domain.errors import Permanent
from shared.domain.file_types import TEXT
from shared.domain.ingest_plan import PAGE_LIMIT
from shared.domain.text_encodings import candidates, check_characters, decode
from shared.domain.virtual_pages import check_limit, least_pages

LARGEST_TEXT = 64 << 20  # bytes: text larger than that does not fit the memory of the text route (P87)
SMALL = 4 << 20  # bytes that cannot fill 2,000 pages, whatever the characters
PIECE = 1 << 20


def check_text(path: Path, media_type: str) -> None:
    """Raise Permanent TEXT_ENCODING_UNSUPPORTED, INPUT_EMPTY_FILE, DOC_PAGE_LIMIT_EXCEEDED, or
    DOC_EXPANSION_LIMIT_EXCEEDED for markup too large to be read as a whole."""
    size = path.stat().st_size
    if size > SMALL and media_type == TEXT:
        _check_in_pieces(path, size)
    if size > LARGEST_TEXT:
        details = {"limit_bytes": LARGEST_TEXT, "measured_bytes": size}
        raise Permanent("DOC_EXPANSION_LIMIT_EXCEEDED", "the text is too large", details=details)
    text, _ = decode(path.read_bytes())
    if not text.strip():
        raise Permanent("INPUT_EMPTY_FILE", "there is no text in the file")


def _check_in_pieces(path: Path, size: int) -> None:
    """Stop with a code at the first piece that decides; memory holds one piece."""
    with path.open("rb") as file:
        head = file.read(4)
    for mark, encoding in candidates(head):
        try:
            counts = _counted(path, size, mark, encoding)
        except UnicodeDecodeError:
            continue
        if not any(not char.isspace() for char in counts):
            raise Permanent("INPUT_EMPTY_FILE", "there is no text in the file")
        return
    raise Permanent("TEXT_ENCODING_UNSUPPORTED")


def _counted(path: Path, size: int, mark: int, encoding: str) -> Counter[str]:
    """How often each character occurs; raises UnicodeDecodeError where the encoding is another one."""
    decoder = codecs.getincrementaldecoder(encoding)()
    counts: Counter[str] = Counter()
    with path.open("rb") as file:
        file.seek(mark)
        while piece := file.read(PIECE):
            counts.update(decoder.decode(piece))
            pages = least_pages(counts)
            if pages > PAGE_LIMIT:
                check_characters(counts, encoding)
                check_limit(pages, share=file.tell() / size)
    decoder.decode(b"", final=True)
    check_characters(counts, encoding)
    return counts
