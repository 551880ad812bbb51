"""What a file is by its content, and whether its name and declared type agree (spec P8, P9, P16-P18)."""

import re
import unicodedata
from collections.abc import Sequence

from shared.domain.errors import Permanent, Refused

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
HTML, TEXT, MARKDOWN = "text/html", "text/plain", "text/markdown"
ZIP, OLE, EML = "application/zip", "application/x-ole-storage", "message/rfc822"
UNKNOWN = "application/octet-stream"
READABLE = (PDF, DOCX, HTML, TEXT, MARKDOWN)
ACCEPTED = (*READABLE, ZIP)  # an archive is no text of its own: its files are read (P7)

_EXTENSIONS = {
    "pdf": PDF, "docx": DOCX, "xlsx": XLSX, "pptx": PPTX, "html": HTML, "htm": HTML, "txt": TEXT, "text": TEXT,
    "md": MARKDOWN, "markdown": MARKDOWN, "zip": ZIP, "eml": EML, "png": "image/png", "jpg": "image/jpeg",
    "jpeg": "image/jpeg", "tif": "image/tiff", "tiff": "image/tiff", "doc": OLE, "xls": OLE, "ppt": OLE,
    "ofd": "application/ofd", "jar": "application/java-archive", "apk": "application/vnd.android.package-archive",
    "epub": "application/epub+zip", "odt": "application/vnd.oasis.opendocument.text",
    "ods": "application/vnd.oasis.opendocument.spreadsheet", "xps": "application/vnd.ms-xpsdocument",
}  # fmt: skip
_SAME = {"application/x-zip-compressed": ZIP, "application/x-zip": ZIP}  # what Windows says
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"), (b"GIF8", "image/gif"), (b"BM", "image/bmp"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OLE), (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"), (b"\x1f\x8b", "application/gzip"),
    (b"\x7fELF", "application/x-executable"), (b"MZ", "application/x-executable"),
    (b"\x00\x00\x00\x18ftyp", "video/mp4"), (b"\x00\x00\x00\x20ftyp", "video/mp4"), (b"AC10", "image/vnd.dwg"),
)  # fmt: skip
_OFFICE = (("word/", DOCX), ("xl/", XLSX), ("ppt/", PPTX))
# Formats that are zip containers with other things in them than a person's files.
_PACKAGES = {
    "OFD.xml": "application/ofd", "META-INF/MANIFEST.MF": "application/java-archive",
    "META-INF/container.xml": "application/epub+zip", "FixedDocSeq.fdseq": "application/vnd.ms-xpsdocument",
    "META-INF/manifest.xml": "application/vnd.oasis.opendocument.text",
}  # fmt: skip
_HTML = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<!--.*?-->\s*|<\?xml[^>]*>\s*)*<(?:!doctype\s+html|html|head|body)\b", re.I | re.S
)
_MAIL = re.compile(
    rb"(?:(?:From|To|Subject|Date|Message-ID|MIME-Version|Received|Return-Path):[^\n]*\r?\n(?:[ \t][^\n]*\r?\n)*){3}",
    re.I,
)
_FAMILY = {MARKDOWN: TEXT}
LONGEST_NAME = 255  # bytes of UTF-8 (P16)


def sniff(head: bytes, tail: bytes, names: Sequence[str] | None = None) -> str:
    """The media type of a file by its first and last kilobytes; `names` are the entries of its zip container,
    None when it is none or cannot be listed. Unknown content is application/octet-stream."""
    if b"%PDF-" in head[:1024]:
        return PDF
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _container(names)
    for magic, media_type in _MAGIC:
        if head.startswith(magic):
            return media_type
    if _HTML.match(head[:2048]):
        return HTML
    if _MAIL.match(head):
        return EML
    return TEXT if _looks_like_text(head) and _looks_like_text(tail) else UNKNOWN


def _container(names: Sequence[str] | None) -> str:
    if names is not None and "[Content_Types].xml" in names:
        for folder, media_type in _OFFICE:
            if any(name.startswith(folder) for name in names):
                return media_type
    packages = [media_type for name, media_type in _PACKAGES.items() if name in (names or ())]
    return packages[0] if packages else ZIP


def _looks_like_text(data: bytes) -> bool:
    """No control characters but blanks; with a UTF-16 mark anything goes, decoding decides later."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    return not any(byte < 9 or 13 < byte < 27 or 27 < byte < 32 or byte == 127 for byte in data)


def type_of_name(filename: str) -> str | None:
    """The media type an extension stands for; None for no or an unknown extension."""
    return _EXTENSIONS.get(filename.rpartition(".")[2].lower()) if "." in filename else None


def declared_type(declared: str | None) -> str:
    """The declared media type without parameters, under its usual name; empty for none."""
    stated = (declared or "").partition(";")[0].strip().lower()
    return _SAME.get(stated, stated)


def check_declared(found: str, filename: str, declared: str | None) -> str:
    """The media type to read the file as. Raises Permanent INPUT_UNSUPPORTED_FORMAT for anything but PDF, DOCX,
    HTML, plain text, Markdown and ZIP, INPUT_TYPE_MISMATCH (naming both types) when name or declared type
    contradict the content. A zip container counts as an archive only where name or declared type say so, because
    many formats are zip containers."""
    named = type_of_name(filename)
    stated = declared_type(declared)
    if named in ACCEPTED:
        _compare(found, named, "name")
    if stated in ACCEPTED:
        _compare(found, stated, "declared")
    if found not in ACCEPTED or (found == ZIP and ZIP not in (named, stated)):
        details = {"found": found, "accepted": list(ACCEPTED)}
        raise Permanent("INPUT_UNSUPPORTED_FORMAT", f"{found} is not accepted", details=details)
    if named is not None and named not in ACCEPTED:
        _compare(found, named, "name")
    return MARKDOWN if found == TEXT and MARKDOWN in (named, stated) else found


def _compare(found: str, expected: str, source: str) -> None:
    """Text may be anything a text reader takes; everything else must be what it says."""
    if _FAMILY.get(found, found) == _FAMILY.get(expected, expected):
        return
    if found == TEXT and expected == HTML:
        return  # a fragment without <html>: the HTML reader takes it
    raise Permanent(
        "INPUT_TYPE_MISMATCH",
        f"the content is {found}, the {'name says' if source == 'name' else 'declared type is'} {expected}",
        details={"found": found, "expected": expected, "source": source},
    )


def check_filename(filename: str) -> str:
    """The name in NFC. Raises Refused INPUT_FILENAME_UNSAFE for an empty name, path parts, control or
    direction characters, or more than 255 bytes (P16)."""
    name = unicodedata.normalize("NFC", filename)
    is_unsafe = (
        not name.strip(" .")
        or any(c in "/\\:" for c in name)
        or any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in name)
        or len(name.encode("utf-8", "replace")) > LONGEST_NAME
    )
    if is_unsafe:
        raise Refused("INPUT_FILENAME_UNSAFE")
    return name
