"""Numbers in Arabic digits, Chinese numerals (common and formal) and English words (P63)."""

import re
from decimal import Decimal

_DIGITS = {**{c: i for i, c in enumerate("零一二三四五六七八九")}, "〇": 0, "○": 0, "两": 2, "兩": 2}
_DIGITS |= {c: i for i, c in enumerate("零壹贰叁肆伍陆柒捌玖")} | {"貳": 2, "參": 3, "叄": 3, "陸": 6, "弍": 2}
_TENS = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000}
_GROUPS = {"万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}
CHINESE_SIGNS = "".join([*_DIGITS, *_TENS, *_GROUPS])
_MULTIPLIER = {"十": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000, "thousand": 1000, "million": 10**6, "mn": 10**6}
_MULTIPLIER |= _GROUPS | {"百万": 10**6, "千万": 10**7, "仟万": 10**7, "十万": 10**5, "万亿": 10**12}
_MULTIPLIER |= {"billion": 10**9, "bn": 10**9, "k": 1000, "m": 10**6}

_UNITS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen".split()
_WORDS = {word: n for n, word in enumerate([*_UNITS, "seventeen", "eighteen", "nineteen"])}
_WORDS |= {w: 20 + 10 * i for i, w in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split())}
_SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
_WORD = "(?:" + "|".join(sorted([*_WORDS, *_SCALES], key=len, reverse=True)) + ")"

ARABIC = r"\d(?:[\d.,']{0,30}\d)?"
CHINESE = rf"[{CHINESE_SIGNS}]{{1,32}}(?:点[{CHINESE_SIGNS}]{{1,16}})?"
ENGLISH = rf"\b(?:a\s+)?{_WORD}(?:[\s-]{{1,3}}(?:and\s{{1,3}})?{_WORD}){{0,24}}\b"
ENDLESS = re.compile(
    rf"[\d.,']{{33,}}|[{CHINESE_SIGNS}]{{33,}}|\s{{33,}}|\b(?:{_WORD}(?:\s+and)?[\s-]+){{25,}}{_WORD}?"
)
SCALE = r"(?:\s?(?:百万|千万|仟万|十万|万亿|万|萬|亿|億|千|百)|\s?(?:thousand|million|billion|mn|bn)\b)"
_PLAIN = re.compile(r"\d+(?:\.\d+)?")
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,3}(?:'\d{3})+(?:\.\d+)?")
_SECTION = re.compile(r"\d{1,2}(?:\.\d{1,2}){2,}")


class Unreadable(ValueError):
    """The text is a number of which two readings are possible, or none."""


def is_section_number(text: str) -> bool:
    """Tell whether the digits number a clause (1.2.3) and are no amount."""
    return _SECTION.fullmatch(text) is not None


def read_arabic(text: str) -> Decimal:
    """Digits with thousands groups and a decimal point; raises Unreadable for 1.234,56, 1,23 or 12,34,567."""
    if _PLAIN.fullmatch(text):
        return Decimal(text)
    if _GROUPED.fullmatch(text):
        return Decimal(text.replace(",", "").replace("'", ""))
    raise Unreadable(text)


def read_chinese(text: str) -> Decimal:
    """Chinese numerals: 三百二十万, 壹佰贰拾万, 二〇二六, 三点五; raises Unreadable for 一百二 and malformed ones."""
    whole, _, fraction = text.partition("点")
    if fraction:
        if any(sign not in _DIGITS for sign in fraction):
            raise Unreadable(text)
        return Decimal(f"{read_chinese(whole)}.{''.join(str(_DIGITS[sign]) for sign in fraction)}")
    if all(sign in _DIGITS for sign in whole):
        return Decimal("".join(str(_DIGITS[sign]) for sign in whole))
    return Decimal(_large(whole))


def _large(text: str) -> int:
    """The part before the greatest of 亿 and 万 counts that group; the rest must be smaller."""
    for sign, size in sorted(_GROUPS.items(), key=lambda item: -item[1]):
        if sign in text:
            head, _, tail = text.rpartition(sign)
            if not head or (len(tail) == 1 and tail in _DIGITS):
                raise Unreadable(text)
            rest = _large(tail) if tail.strip("零〇") else 0
            if rest >= size:
                raise Unreadable(text)
            return _large(head) * size + rest
    return _small(text)


def _small(text: str) -> int:
    """A number below ten thousand; tens must fall, and a last digit after 百 or 千 needs 零 before it (一百二)."""
    total, digit, last = 0, None, 10**4
    for i, sign in enumerate(text):
        if sign in _DIGITS:
            if digit not in (None, 0):
                raise Unreadable(text)
            digit = _DIGITS[sign]
            if i == len(text) - 1 and digit and last > 10 and i and text[i - 1] in _TENS:
                raise Unreadable(text)
        else:
            size = _TENS[sign]
            if size >= last or (digit is None and not (size == 10 and total == 0)):
                raise Unreadable(text)
            total, digit, last = total + (1 if digit is None else digit) * size, None, size
    return total + (digit or 0)


def read_english(text: str) -> Decimal:
    """Number words: "three", "twenty-four", "one million two hundred thousand"; raises Unreadable if malformed."""
    total, group, last = 0, 0, 10**12
    for word in re.split(r"[\s-]+", text.lower()):
        if word in ("and", "a"):
            continue
        if word == "hundred":
            group = (group or 1) * 100
        elif word in _SCALES:
            size = _SCALES[word]
            if size >= last:
                raise Unreadable(text)
            total, group, last = total + (group or 1) * size, 0, size
        else:
            number = _WORDS[word]
            room = 10 if number < 10 else 100
            if group % room and not (number < 10 and group % 100 >= 20 and group % 10 == 0):
                raise Unreadable(text)
            group += number
    return Decimal(total + group)


def read_number(text: str) -> Decimal:
    """Any number of this module, with its multiplier (1.2 million, 300万); raises Unreadable."""
    text = text.strip()
    body = re.match(ARABIC, text)
    if body is None:
        return read_chinese(text) if text[:1] in CHINESE_SIGNS else read_english(text)
    rest = text[body.end() :].strip().lower()
    if rest and rest not in _MULTIPLIER:
        raise Unreadable(text)
    return read_arabic(body.group()) * _MULTIPLIER.get(rest, 1)
