"""Lines become a paragraph whose spans still point at each line (P62)."""

import pytest

from shared.domain.joining import clean, join_lines, language


def test_chinese_lines_join_without_a_space() -> None:
    assert join_lines(["投标人须", "知前附表"]).text == "投标人须知前附表"


def test_other_lines_join_with_one_space() -> None:
    assert join_lines(["the bid", "bond"]).text == "the bid bond"
    assert join_lines(["符合", "ISO 9001"]).text == "符合 ISO 9001"


def test_a_hyphen_before_a_lower_case_letter_is_removed_and_recorded() -> None:
    joined = join_lines(["the docu-", "ment"])
    assert joined.text == "the document"
    assert joined.hyphens == (8,)
    assert [joined.text[a:b] for a, b in joined.spans] == ["the docu", "ment"]


def test_a_hyphen_before_a_capital_or_a_number_stays() -> None:
    assert join_lines(["GB/T-", "19001"]).text == "GB/T- 19001"
    assert join_lines(["Non-", "Disclosure"]).text == "Non- Disclosure"


def test_every_span_is_its_line() -> None:
    lines = ["甲方", "Party A", "乙方。", "ends"]
    joined = join_lines(lines)
    assert [joined.text[a:b] for a, b in joined.spans] == lines


def test_clean_gives_nfc_without_control_characters() -> None:
    assert clean(" cafe\u0301\x00 \t noir\x07 ") == "café noir"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("投标保证金", "zh"), ("bid bond", "en"), ("采用 ISO management system 标准", "mixed"), ("12.5 %", "other")],
)
def test_language_is_told_from_the_signs(text: str, expected: str) -> None:
    assert language(text) == expected
