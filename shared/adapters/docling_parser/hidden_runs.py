"""Take hidden runs out of a DOCX before it is read: Docling does not tell them from visible ones (spec P45)."""

import io
import zipfile
from pathlib import Path
from typing import Any

from shared.domain.joining import clean

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_SMALLEST_HALF_POINTS = 4  # below 2 pt
_MARKS = (b"w:vanish", b"FFFFFF", b"ffffff", b'w:sz w:val="1"', b'w:sz w:val="2"', b'w:sz w:val="3"')


def split_hidden(path: Path) -> tuple[Path | io.BytesIO, list[str]]:
    """The file to read on and the hidden texts; the same path when nothing is hidden. Raises zipfile.BadZipFile
    or KeyError for a broken container."""
    with zipfile.ZipFile(path) as container:
        body = container.read("word/document.xml")
    if not any(mark in body for mark in _MARKS):
        return path, []
    import docx  # python-docx costs 0.2 s; few files need it

    document = docx.Document(str(path))
    hidden = []
    for run in list(document.element.body.iter(f"{_W}r")):
        if _is_hidden(run):
            text = clean("".join(node.text or "" for node in run.iter(f"{_W}t")))
            hidden += [text] if text else []
            run.getparent().remove(run)
    if not hidden:
        return path, []
    copy = io.BytesIO()
    document.save(copy)
    copy.seek(0)
    return copy, hidden


def _is_hidden(run: Any) -> bool:
    """Vanished, smaller than 2 pt, or white without shading behind it."""
    style = run.find(f"{_W}rPr")
    if style is None:
        return False
    vanish = style.find(f"{_W}vanish")
    if vanish is not None and vanish.get(f"{_W}val", "1") not in ("0", "false"):
        return True
    size = style.find(f"{_W}sz")
    if size is not None and size.get(f"{_W}val", "").isdigit() and int(size.get(f"{_W}val")) < _SMALLEST_HALF_POINTS:
        return True
    color = style.find(f"{_W}color")
    if color is None or color.get(f"{_W}val", "").upper() != "FFFFFF":
        return False
    levels = [run, *run.iterancestors()]
    return not any(
        level.find(f"{_W}{kind}/{_W}shd") is not None for level in levels for kind in ("rPr", "pPr", "tcPr", "tblPr")
    )
