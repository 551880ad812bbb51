"""Codes that must stay whole: standards, certificates and company codes with their check digit (P63, R54)."""

import re
from collections.abc import Iterator

from shared.domain.value_types import Value

_BODY = r"(?:GB|GBJ|JGJ|CJJ|DL|YD|SJ|GA|DA|ISO|IEC|EN|DIN|BS|ASTM|IEEE|OHSAS|ETSI|NFPA|ANSI|AQ|HJ|JR|JT|TB|SL)"
_STANDARD = re.compile(
    rf"(?<![A-Za-z0-9]){_BODY}(?:\s?/\s?(?:T|Z|IEC|IEEE|TS|TR))?(?:\s(?:ISO|IEC|EN)(?:/IEC)?)?[\s-]?"
    r"(?P<number>[A-Z]?\d{2,6}(?:[.-]\d{1,3}(?!\d))*)(?:\s?[:-]\s?(?P<year>(?:19|20)\d\d))?(?!\d)"
)
_CREDIT_CODE = re.compile(r"(?<![A-Za-z0-9])[0-9A-HJ-NP-RT-UWXY]{2}\d{6}[0-9A-HJ-NP-RT-UWXY]{10}(?![A-Za-z0-9])")
_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def find_codes(text: str) -> Iterator[Value]:
    """Standards ("GB/T19001-2016", "ISO9001:2015") and unified social credit codes, without inner spaces."""
    for match in _STANDARD.finditer(text):
        yield _value(match, re.sub(r"\s+", "", match.group()), "standard")
    for match in _CREDIT_CODE.finditer(text):
        yield _value(match, match.group(), "credit_code")


def is_credit_code(code: str) -> bool:
    """Check the last sign of a unified social credit code (GB 32100-2015: weights 3^i mod 31)."""
    if len(code) != 18 or any(sign not in _ALPHABET for sign in code):
        return False
    total = sum(_ALPHABET.index(sign) * pow(3, i, 31) for i, sign in enumerate(code[:17]))
    return _ALPHABET[-total % 31] == code[17]


def same_code(left: str, right: str) -> bool:
    """Compare codes without spaces, signs and case: ISO 9001 = ISO9001, GB/T 19001 = GB/T19001."""
    return _bare(left) == _bare(right)


def _bare(code: str) -> str:
    return re.sub(r"[\s\-_/.:]", "", code).upper()


def _value(match: re.Match[str], code: str, code_type: str) -> Value:
    return Value(kind="code", start=match.start(), end=match.end(), raw=match.group(), code=code, code_type=code_type)
