"""Heading numbers and their levels: 1.2.3, 第三章, 一、, (一), Article IV (spec 03 section 5, `level`)."""

import re
from dataclasses import dataclass

MAX_LEVEL = 6
_CN = r"[一二三四五六七八九十百零〇两\d]"
_FIXED_LEVELS: tuple[tuple[int, re.Pattern[str]], ...] = (
    (1, re.compile(rf"第\s*{_CN}+\s*(?:章|部分|篇|卷)")),
    (2, re.compile(rf"第\s*{_CN}+\s*节")),
    (3, re.compile(rf"第\s*{_CN}+\s*条")),
    (1, re.compile(rf"附(?:件|录|表)\s*(?:{_CN}+|[A-Z])?(?=[\s:：、.．]|$)")),
    (2, re.compile(r"[一二三四五六七八九十]{1,3}\s*[、．.]")),
    (3, re.compile(r"[（(]\s*[一二三四五六七八九十]{1,3}\s*[)）]")),
    (
        1,
        re.compile(
            r"(?:Annex|Schedule|Appendix|Exhibit|Part|Chapter|Article)\s+(?:[A-Z]|[IVXLC]+|\d{1,3})\b[.:]?", re.I
        ),
    ),
    (1, re.compile(r"[IVX]{1,5}\.(?=\s+\S)")),
)
_SECTION = re.compile(r"(?:Section|Clause|§)\s*(\d{1,3}(?:\.\d{1,3}){0,5})[.:]?(?=\s|$)", re.I)
_DECIMAL = re.compile(r"(\d{1,3}(?:[.．]\d{1,3}){0,5})[.．、]?(?=\s*[^\d\s.．%％,，年月日/\-:：元万亿)）])")
_ITEM = re.compile(r"(?:[（(](?:\d{1,3}|[a-z]{1,4}|[A-Z])[)）]|(?:\d{1,2}|[a-z]|[ivx]{1,5})[)）]|[①-⑳])\s*(?=\S)")
_BULLET = re.compile(r"(?:[•·▪◦‣●○■□◆➢\uf0b7\uf0a7\uf0d8]|[-–—*](?=\s))\s*(?=\S)")


@dataclass(frozen=True, slots=True)
class HeadingNumber:
    """The label as written, its level from 1, and whether it is one of the strong kinds (第三章, Article IV, 1.2)."""

    label: str
    level: int
    strong: bool


def heading_number(text: str) -> HeadingNumber | None:
    """The number a heading starts with, or None. Dates, amounts and shares are no heading numbers."""
    for level, pattern in _FIXED_LEVELS:
        match = pattern.match(text)
        if match:
            return HeadingNumber(match.group(), level, level == 1 or "第" in match.group())
    match = _SECTION.match(text) or _DECIMAL.match(text)
    if match is None:
        return None
    depth = len(re.split(r"[.．]", match.group(1)))
    return HeadingNumber(match.group(), min(depth, MAX_LEVEL), depth > 1)


def list_label(text: str) -> str | None:
    """The bullet or item mark a list item starts with: •, -, (a), (1), a), ①; None for other text."""
    match = _BULLET.match(text) or _ITEM.match(text)
    return match.group() if match else None
