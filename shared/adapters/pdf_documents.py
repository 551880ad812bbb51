"""Open a PDF, and say what is wrong with one that does not open (spec P20, P21)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pypdfium2
from pypdfium2 import raw

from shared.domain.errors import Permanent


@contextmanager
def opened_pdf(path: Path) -> Iterator[pypdfium2.PdfDocument]:
    """A pypdfium2 document; raises Permanent DOC_PARSE_ENCRYPTED or DOC_PARSE_PDF_CORRUPT."""
    try:
        document = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        code = "DOC_PARSE_ENCRYPTED" if error.err_code == raw.FPDF_ERR_PASSWORD else "DOC_PARSE_PDF_CORRUPT"
        raise Permanent(code) from error
    try:
        yield document
    finally:
        document.close()
