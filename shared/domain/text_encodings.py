"""Bytes of a text file to text: UTF-8, UTF-16 with mark, GB18030, or a typed refusal (spec P24)."""

import codecs

from shared.domain.errors import Permanent

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
LEAST_COMMON = 0.85  # of the non-ASCII characters must be of GB2312: Latin-1 read as GB18030 is not


def decode(data: bytes) -> tuple[str, str]:
    """Text with newlines as "\\n", and the encoding. Raises Permanent TEXT_ENCODING_UNSUPPORTED."""
    text, encoding = _decode(data)
    if "\x00" in text:
        raise Permanent("TEXT_ENCODING_UNSUPPORTED", "the text holds binary zeros")
    return text.replace("\r\n", "\n").replace("\r", "\n"), encoding


def _decode(data: bytes) -> tuple[str, str]:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            try:
                return data[len(mark) :].decode(encoding), encoding
            except UnicodeDecodeError as error:
                raise Permanent("TEXT_ENCODING_UNSUPPORTED", f"the text is no {encoding}") from error
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return _decode_gb(data), "gb18030"


def _decode_gb(data: bytes) -> str:
    try:
        text = data.decode("gb18030")
    except UnicodeDecodeError as error:
        raise Permanent("TEXT_ENCODING_UNSUPPORTED") from error
    wide = [c for c in text if c > "\x7f"]
    if sum(_in_gb2312(c) for c in wide) < LEAST_COMMON * len(wide):
        raise Permanent("TEXT_ENCODING_UNSUPPORTED")
    return text


def _in_gb2312(char: str) -> bool:
    try:
        char.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True
