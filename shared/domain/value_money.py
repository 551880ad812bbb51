"""Money and shares: decimal amounts with currency and tax flag, shares as fractions (P63)."""

import re
from collections.abc import Iterator
from decimal import Decimal

from shared.domain.value_numbers import ARABIC, CHINESE, ENGLISH, SCALE, Unreadable, read_chinese, read_number
from shared.domain.value_types import Conventions, Value

_CODES = "CNY RMB USD EUR GBP JPY HKD AUD CAD SGD CHF".split()
_NAMES = {"人民币": "CNY", "rmb": "CNY", "renminbi": "CNY", "yuan": "CNY", "¥": "CNY", "￥": "CNY", "元": "CNY"}
_NAMES |= {"圆": "CNY", "us$": "USD", "美元": "USD", "us dollars": "USD", "us dollar": "USD", "hk$": "HKD"}
_NAMES |= {"港元": "HKD", "港币": "HKD", "€": "EUR", "euro": "EUR", "euros": "EUR", "欧元": "EUR", "£": "GBP"}
_NAMES |= {"pounds sterling": "GBP", "英镑": "GBP", "日元": "JPY", "yen": "JPY", "swiss francs": "CHF"}
_NAMES |= {code.lower(): code for code in _CODES if code != "RMB"}
_SIGN = r"(?:人民币|港币|美元|欧元|英镑|日元|"
_SIGN += r"RMB|US\$|HK\$|US\s+dollars?|U\.S\.\s+dollars?|renminbi|euros?|pounds\s+sterling|[¥￥$€£]|"
_SIGN += "|".join(rf"(?<![A-Za-z]){code}" for code in _CODES if code != "RMB") + r")"
_PREFIX = rf"(?P<prefix>{_SIGN}(?:\s*(?:\(大写\)|大写|小写)[:\s]*)?(?:\s*[¥￥$€£])?)"
_SUFFIX = r"(?P<suffix>美元|欧元|英镑|日元|港元|港币|人民币|元|圆|(?:US\s+dollars?|dollars?|euros?|pounds\s+sterling|"
_SUFFIX += r"yuan|yen|Swiss\s+francs|RMB|" + "|".join(_CODES) + r")\b)"
_CENTS_CN = (
    r"(?P<jiao>[零壹贰叁肆伍陆柒捌玖一二三四五六七八九\d])角(?:(?P<fen>[壹贰叁肆伍陆柒捌玖一二三四五六七八九\d])分)?"
)
_TAIL = rf"(?:\s?{_CENTS_CN})?(?:整|正)?"
_CENTS_EN = rf"(?:\s+and\s+(?P<cents>{ENGLISH}|\d{{1,2}})\s*(?:cents|/100))?(?:\s+only)?"
_AMOUNT = rf"(?P<number>{ARABIC}(?:{SCALE}|(?:m|k)\b)?|{CHINESE}|{ENGLISH}(?P<tail>\s+cents\b)?)"
_AMOUNT += r"(?P<split>(?: \d{3})+(?!\d))?"
_MONEY = re.compile(
    rf"{_PREFIX}\s?:?\s*{_AMOUNT}(?:\s?{_SUFFIX})?{_TAIL}{_CENTS_EN}|"
    + re.sub(r"\?P<(\w+)>", r"?P<\g<1>2>", rf"(?<![A-Za-z0-9.,]){_AMOUNT}\s?{_SUFFIX}{_TAIL}{_CENTS_EN}"),
    re.IGNORECASE,
)
_TAX = re.compile(
    r"(?P<excl>不含(?:增值)?税|未含税|未税|除税|excl(?:uding|usive\s+of|\.)?\s+(?:of\s+)?(?:any\s+)?(?:VAT|tax|GST)|"
    r"net\s+of\s+(?:VAT|tax)|(?:VAT|tax)\s+exclu(?:ded|sive))|"
    r"(?P<incl>含(?:\d+%)?(?:增值)?税|价税合计|incl(?:uding|usive\s+of|\.)?\s+(?:of\s+)?(?:all\s+)?(?:VAT|tax(?:es)?|GST)|"
    r"(?:VAT|tax)\s+inclu(?:ded|sive))",
    re.IGNORECASE,
)
_SHARE = re.compile(
    rf"(?<![A-Za-z0-9.,])(?P<number>{ARABIC}|{CHINESE})\s?(?P<unit>%|‰|percent\b|per\s+cent\b|per\s+mille\b|个百分点)|"
    rf"(?P<of>百分之|千分之|万分之)(?P<rest>{CHINESE}|{ARABIC})|"
    r"(?P<tenths>[一二三四五六七八九])成(?P<half>[半一二三四五六七八九])?(?![立员功果本交品熟型套份分长绩])",
    re.IGNORECASE,
)
_PARTS = {"%": 100, "percent": 100, "per cent": 100, "个百分点": 100, "‰": 1000, "per mille": 1000}
_PARTS |= {"百分之": 100, "千分之": 1000, "万分之": 10000}


def find_money(text: str, conventions: Conventions) -> Iterator[Value]:
    """Every amount with a currency; a bare $ without a convention, 1.234,56 and "1 200" are ambiguous."""
    for match in _MONEY.finditer(text):
        parts = {key: match[key] or match[f"{key}2"] for key in ("number", "split", "suffix", "jiao", "fen", "cents")}
        currency = _currency(match["prefix"], parts["suffix"], conventions)
        amount = None if parts["split"] else _amount(parts)
        bad = amount is None or currency is None or _thousands_by_dot(parts["number"])
        yield Value(
            kind="money",
            start=match.start(),
            end=match.start() + len(match.group().rstrip()),
            raw=match.group().rstrip(),
            low=None if bad else amount,
            high=None if bad else amount,
            currency=currency,
            tax=_tax(text, match.start(), match.end()),
            words=not parts["number"][0].isdigit(),
            ambiguous=bad,
        )


def _thousands_by_dot(number: str) -> bool:
    """Money never has three decimals, so 1.234 may be a thousand (EUR 1.234) unless a multiplier follows."""
    return re.fullmatch(r"\d{1,3}\.\d{3}", number) is not None


def _amount(parts: dict[str, str | None]) -> Decimal | None:
    try:
        whole = parts["number"] or ""
        if whole.lower().endswith("cents"):
            whole, _, cents = whole.rpartition(" and ")
            return read_number(whole) + read_number(cents[: -len("cents")]) / 100
        amount = read_number(whole)
        for key, size in (("jiao", 10), ("fen", 100), ("cents", 100)):
            if parts[key]:
                amount += read_number(parts[key] or "") / size
    except Unreadable:
        return None
    return amount


def _currency(prefix: str | None, suffix: str | None, conventions: Conventions) -> str | None:
    """The one currency that prefix and suffix name; two different ones leave it unknown."""
    if (suffix or "").lower().strip() in ("dollar", "dollars") or (prefix or "").strip() == "$":
        return conventions.dollar
    if re.match("港币|美元|欧元|英镑|日元", prefix or "") and suffix in ("元", "圆"):
        return _named(prefix)
    found = {code for code in (_named(prefix), _named(suffix)) if code}
    if found == {"CNY"} and prefix and re.search("[$€£]", prefix):
        return None
    return found.pop() if len(found) == 1 else None


def _named(text: str | None) -> str | None:
    bare = re.sub(r"\s+", " ", (text or "").lower().replace("u.s.", "us")).strip()
    if bare in _NAMES:
        return _NAMES[bare]
    for name in sorted(_NAMES, key=len, reverse=True):
        if bare.startswith(name):
            return _NAMES[name]
    return None


def _tax(text: str, start: int, end: int) -> str | None:
    """The tax words nearest to the amount, at most 16 characters before or 24 after, in the same clause."""
    before = re.split(r"[。;；\n|]", text[max(0, start - 16) : start])[-1]
    after = re.split(r"[。;；\n|]", text[end : end + 24])[0]
    found = [(len(before) - m.end(), m) for m in _TAX.finditer(before)] + [(m.start(), m) for m in _TAX.finditer(after)]
    if not found:
        return None
    return str(min(found, key=lambda item: item[0])[1].lastgroup)


def find_shares(text: str) -> Iterator[Value]:
    """Percent, per mille, 千分之三 and 三成 as fractions of one."""
    for match in _SHARE.finditer(text):
        try:
            share = _share(match)
        except Unreadable:
            share = None
        yield Value(
            kind="share",
            start=match.start(),
            end=match.end(),
            raw=match.group(),
            low=share,
            high=share,
            words=not match.group()[0].isdigit(),
            ambiguous=share is None,
        )


def _share(match: re.Match[str]) -> Decimal:
    if match["tenths"]:
        half = match["half"]
        tail = Decimal("0.5") if half == "半" else read_chinese(half) if half else Decimal(0)
        return (read_chinese(match["tenths"]) + tail / (1 if half == "半" else 10)) / 10
    if match["of"]:
        return read_number(match["rest"]) / _PARTS[match["of"]]
    return read_number(match["number"]) / _PARTS[re.sub(r"\s+", " ", match["unit"].lower())]
