"""Bytes of a text file to text: UTF-8, UTF-16 with mark, GB18030, or a typed refusal (spec P24)."""

import codecs
from collections import Counter
from collections.abc import Mapping

from shared.domain.errors import Permanent

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
LEAST_COMMON = 0.85  # of the non-ASCII characters must be of GB2312: Latin-1 read as GB18030 is not


def candidates(head: bytes) -> list[tuple[int, str]]:
    """The encodings to try in order, each with the length of its mark, by the first bytes of a file."""
    marked = [(len(mark), encoding) for mark, encoding in _MARKS if head.startswith(mark)]
    return marked[:1] or [(0, "utf-8"), (0, "gb18030")]


def check_characters(counts: Mapping[str, int], encoding: str) -> None:
    """Raise Permanent TEXT_ENCODING_UNSUPPORTED for binary zeros, and for text that is GB18030 only by chance."""
    if counts.get("\x00"):
        raise Permanent("TEXT_ENCODING_UNSUPPORTED", "the text holds binary zeros")
    if encoding == "gb18030":
        wide = sum(n for c, n in counts.items() if c > "\x7f")
        if sum(n for c, n in counts.items() if c > "\x7f" and _in_gb2312(c)) < LEAST_COMMON * wide:
            raise Permanent("TEXT_ENCODING_UNSUPPORTED")


def decode(data: bytes) -> tuple[str, str]:
    """Text with newlines as "\\n", and the encoding. Raises Permanent TEXT_ENCODING_UNSUPPORTED."""
    text, encoding = _decode(data)
    return text.replace("\r\n", "\n").replace("\r", "\n"), encoding


def _decode(data: bytes) -> tuple[str, str]:
    tried = candidates(data[:4])
    for mark, encoding in tried:
        try:
            text = data[mark:].decode(encoding)
        except UnicodeDecodeError:
            continue
        check_characters(Counter(text) if encoding == "gb18030" else {"\x00": text.count("\x00")}, encoding)
        return text, encoding
    names = " or ".join(encoding for _, encoding in tried)
    raise Permanent("TEXT_ENCODING_UNSUPPORTED", f"the text is no {names}")


def _in_gb2312(char: str) -> bool:
    try:
        char.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True
