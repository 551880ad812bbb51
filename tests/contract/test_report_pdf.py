"""A printed report: same bytes, embedded glyphs, every citation found in the index, dashes with a reason."""

import re
from typing import Any

import pypdfium2
import pytest

from shared.adapters.report_pdf import render
from shared.adapters.report_pdf.fonts import HAN, LATIN, mixed, runs
from shared.adapters.report_pdf.labels import labels, shown

QUOTES = {
    "en": "The delivery period for all stations is 100 calendar days <after> the contract & its annexes are signed.",
    "zh": "合同签订后75日历天内完成全部设备和系统的交货、安装和调试。",
}


def _citation(n: int, quote: str) -> dict[str, Any]:
    return {
        "n": n,
        "document": "bid.pdf",
        "page": 12,
        "locator": "section 9.1",
        "quote": quote,
        "box": [68.0, 120.5, 527.2, 134.0],
    }


def _criterion(code: str, outcome: str, score: str | None, citations: list[dict[str, Any]]) -> dict[str, Any]:
    claims = [{"text": f"Claim of {code}", "stance": "supports", "citations": citations}] if citations else []
    return {
        "code": code,
        "title": f"交货期 {code}",
        "kind": "numeric_limit",
        "outcome": outcome,
        "score": score,
        "max_score": "10",
        "confidence": None,
        "reason": "100 <= 120",
        "decided_by": "rule",
        "claims": claims,
        "overrides": [{"person": "A. Reviewer", "after": "9"}],
        "search_log": {"queries": ["ISO 9001", "质量"]} if outcome == "not_found" else None,
        "review_reasons": [],
    }


def _content(language: str) -> dict[str, Any]:
    first, second = _citation(1, QUOTES[language]), _citation(2, "second place")
    return {
        "title": "评审报告 Report",
        "evaluation_id": "evl_1",
        "project": {"name": "River stations", "code": "ARA-1"},
        "supplier": {"name": "瀚文信息技术有限公司", "code": "91990100MA5HW26A1Y"},
        "kind": "suggestion",
        "version": 1,
        "language": language,
        "totals": {"total": None, "max": "100", "low": "60", "high": "80", "open": ["T-02"]},
        "criteria": [
            _criterion("T-01", "pass", "10", [first, second]),
            _criterion("T-02", "not_found", None, []),
            _criterion("T-03", "pass", "9.5", [first]),
        ],
        "versions": {"rule_pack": {"code": "ARA-1", "version": 1}},
        "audit": {"from_seq": 3, "to_seq": None},
        "generated_at": "2026-11-21T10:00:00Z",
    }


def _text(pdf: bytes) -> str:
    pages = (page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(pdf))
    return re.sub(r"\s+", "", "".join(pages))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_same_content_gives_the_same_bytes(language: str) -> None:
    assert render(_content(language)) == render(_content(language))


def test_other_content_gives_other_bytes() -> None:
    changed = _content("en")
    changed["criteria"][0]["score"] = "9"
    assert render(changed) != render(_content("en"))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_quotes_are_printed_word_for_word(language: str) -> None:
    assert re.sub(r"\s+", "", QUOTES[language]) in _text(render(_content(language)))


def test_chinese_and_latin_glyphs_are_embedded() -> None:
    raw = render(_content("zh"))
    assert b"+DroidSansFallback" in raw
    assert b"+BitstreamVeraSans" in raw
    assert raw.count(b"/FontFile2") >= 2


def test_each_citation_stands_once_in_the_index_with_its_page_and_users() -> None:
    index = _text(render(_content("en"))).split("Citationindex")[1]
    assert index.count("bid.pdf12section9.1") == 2
    assert "T-01,T-03" in index


def test_marks_link_to_existing_rows_of_the_index() -> None:
    raw = render(_content("en"))
    assert len(re.findall(rb"/Subtype /Link", raw)) >= 5


def test_a_missing_value_is_a_dash_with_its_reason() -> None:
    text = _text(render(_content("en")))
    assert "—/10" in text
    assert "—(noscore:theverdictcarriesnone)" in text
    assert "—(notcomputedforthisverdict)" in text
    assert "nototalwhileitemsareopen" in text
    assert "3to—(notrecorded)" in text
    assert shown(0, "why") == "0"


def test_an_absent_field_is_an_error_not_a_blank() -> None:
    content = _content("en")
    del content["totals"]
    with pytest.raises(KeyError):
        render(content)


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(KeyError):
        render(_content("en") | {"language": "fr"})


def test_both_languages_have_the_same_labels() -> None:
    assert labels("en").keys() == labels("zh").keys()
    assert all(labels("zh").values())


def test_a_quote_longer_than_a_page_is_printed_whole() -> None:
    content = _content("en")
    content["criteria"].pop()
    content["criteria"][0]["claims"][0]["citations"][0]["quote"] = "\n".join(f"row{i} | 设备" for i in range(200))
    text = _text(render(content))
    assert all(text.count(f"row{i}|设备") == 2 for i in (0, 99, 199))


def test_a_report_without_citations_says_so() -> None:
    content = _content("en")
    content["criteria"] = [_criterion("T-02", "not_found", None, [])]
    assert "—(noclaimwithaverifiedcitation)" in _text(render(content)).split("Citationindex")[1]


def test_text_is_split_into_runs_of_the_font_that_draws_it() -> None:
    assert runs("ISO 9001 证书，") == [(LATIN, "ISO 9001 "), (HAN, "证书，")]
    assert mixed("a < b\n质") == f'a &lt; b<br/><font name="{HAN}">质</font>'


def test_a_character_that_no_font_draws_is_spelled_out() -> None:
    assert runs("ok \U0001f600") == [(LATIN, "ok [U+1F600]")]
