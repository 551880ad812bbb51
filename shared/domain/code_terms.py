"""Read codes, dates and money out of folded text as single canonical tokens (spec R54)."""

import re
from collections.abc import Iterator

# Bodies whose standards bids and tenders name; the list only joins "ISO 9001" to "iso9001", other codes
# still survive as written.
_BODIES = (
    "gb/t|gb/z|gbj|gb|gjb|gbz/t|gbz|jgj/t|jgj|jtg/t|jtg|jt/t|jb/t|jb|dl/t|dl|yd/t|yd|hj/t|hj|sj/t|sj|sl/t|sl|"
    "cjj/t|cjj|cj/t|cj|da/t|da|ga/t|ga|qb/t|yy/t|nb/t|sh/t|hg/t|tsg|cecs|db\\d{2}/t|db\\d{2}|"
    "iso/iec ts|iso/iec|iso/ts|iso|iec|ieee|ansi|astm|asme|bs en iso|bs en|bs|din en iso|din en|din|en iso|en|ul|"
    "ohsas|iatf|sa|itu-t|cmmi|itss|rfc|nist sp|nfpa|as/nzs|jis"
)
_STANDARD = re.compile(
    rf"(?<![a-z0-9])(?P<body>{_BODIES})[ \-]?(?P<number>\d{{2,6}}(?:\.\d+)*(?:-\d{{1,3}}(?!\d))?)"
    r"(?:\s?[-:]\s?(?P<year>(?:19|20)\d{2}))?(?![a-z0-9])"
)
_MONTHS = {
    name: number
    for number, names in enumerate(
        "january jan|february feb|march mar|april apr|may|june jun|july jul|august aug|september sept sep|"
        "october oct|november nov|december dec".split("|"),
        start=1,
    )
    for name in names.split()
}
_MONTH = "|".join(_MONTHS)
_DATE = re.compile(
    r"(?<!\d)(?P<y>(?:19|20)\d{2})\s?(?:年|[-/.])\s?(?P<m>\d{1,2})\s?(?:月|[-/.])\s?(?P<d>\d{1,2})(?:\s?日)?(?!\d)"
    rf"|(?<!\d)(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<m2>{_MONTH})\.?,?\s+(?P<y2>(?:19|20)\d{{2}})(?!\d)"
    rf"|(?<![a-z])(?P<m3>{_MONTH})\.?\s+(?P<d3>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<y3>(?:19|20)\d{{2}})(?!\d)"
)
_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_CURRENCIES = {
    "人民币": "cny", "rmb": "cny", "cny": "cny", "¥": "cny", "元": "cny", "圆": "cny", "yuan": "cny",
    "usd": "usd", "us$": "usd", "$": "usd", "美元": "usd", "eur": "eur", "€": "eur", "euro": "eur",
    "euros": "eur", "欧元": "eur", "gbp": "gbp", "£": "gbp",
}  # fmt: skip
_SCALES = {"万": 4, "百万": 6, "千万": 7, "亿": 8, "thousand": 3, "million": 6, "billion": 9}
_MONEY = re.compile(
    rf"(?P<before>人民币|rmb|cny|usd|us\$|eur|gbp|[¥$€£])?\s?[¥$]?\s?(?P<amount>{_NUMBER})\s?"
    r"(?P<scale>百万|千万|万|亿|thousand|million|billion)?\s?(?P<after>元|圆|美元|欧元|yuan|euros?|usd|eur|gbp|cny|rmb)?"
)
_MIXED = re.compile(r"[a-z0-9]+(?:[-/._][a-z0-9]+)*")
_LONG_NUMBER = re.compile(r"(?<![\d.,])\d{6,}(?![\d.,]\d)(?!\d)")


def code_forms(folded: str) -> Iterator[str]:
    """Canonical tokens of a folded text: `gb/t19001-2016` and `gb/t19001`, `2026-12-01`, `cny3000000`, numbers."""
    for match in _STANDARD.finditer(folded):
        base = match["body"].replace(" ", "") + match["number"]
        yield base
        if match["year"]:
            yield f"{base}-{match['year']}"
    for match in _DATE.finditer(folded):
        yield from _date(match)
    for match in _MONEY.finditer(folded):
        yield from _money(match)
    for match in _MIXED.finditer(folded):
        token = match.group()
        if len(token) >= 4 and any(c.isdigit() for c in token) and any(c.isalpha() for c in token):
            yield token
    for match in _LONG_NUMBER.finditer(folded):
        yield match.group()


def _date(match: re.Match[str]) -> Iterator[str]:
    year = match["y"] or match["y2"] or match["y3"]
    month_text = match["m"] or match["m2"] or match["m3"]
    month = _MONTHS.get(month_text) or int(month_text)
    day = int(match["d"] or match["d2"] or match["d3"])
    if 1 <= month <= 12 and 1 <= day <= 31:
        yield f"{year}-{month:02d}-{day:02d}"


def _money(match: re.Match[str]) -> Iterator[str]:
    currency = _CURRENCIES.get(match["before"] or "") or _CURRENCIES.get(match["after"] or "")
    if currency is None:
        return
    whole, _, cents = match["amount"].replace(",", "").partition(".")
    places = _SCALES.get(match["scale"] or "", 0)
    # Decimal text, not float: 1.2 million is 1200000 exactly.
    digits = (whole + cents[:places].ljust(places, "0")).lstrip("0") or "0"
    rest = cents[places:].rstrip("0")
    yield f"{currency}{digits}" + (f".{rest}" if rest else "")
