"""Text becomes the same terms on every engine (R53, R54)."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.terms import codes, fold, terms, unique_terms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Deliveries running", ["deliveri", "run"]),
        ("投标保证金", ["投标", "标保", "保证", "证金"]),
        ("资", ["资"]),
        ("ＡＢＣ１２３", ["abc123"]),
        ("交货期60天", ["交货", "货期", "60", "天"]),
        ("3,000,000.00 and 1.2.3 and v2.0", ["3000000.00", "and", "1.2.3", "and", "v2.0"]),
        ("the end.Start again", ["the", "end", "start", "again"]),
        ("the bidder's offer, don't", ["the", "bidder", "offer", "don't"]),
        ("GB/T 19001-2016", ["gb", "t", "19001", "2016"]),
        ("not of the to", ["not", "of", "the", "to"]),
        ("snake_case", ["snake", "case"]),
        ("Größe und façade", ["größe", "und", "façade"]),
        ("がラ한국", ["がラ", "ラ한", "한국"]),
        ("a|b—c\u200bd", ["a", "b", "cd"]),
        ("", []),
        ("—…，。", []),
    ],
)
def test_a_text_has_these_terms(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


def test_a_spread_title_and_a_broken_line_are_one_chinese_run() -> None:
    assert terms("投 标\u3000函") == terms("投标函")
    assert terms("投标保\n证金") == terms("投标保证金")
    assert terms("第一段\n\n第二段") == [*terms("第一段"), *terms("第二段")]


def test_query_terms_come_once_each_in_order() -> None:
    assert unique_terms("bid the bids the bid") == ["bid", "the"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("GB/T 19001-2016", ["gb/t19001", "gb/t19001-2016"]),
        ("ISO9001", ["iso9001"]),
        ("ISO 9001", ["iso9001"]),
        ("certificate no. QY-2024-00123", ["qy-2024-00123"]),
        ("91110108MA01ABCD2X", ["91110108ma01abcd2x"]),
        ("2026年12月1日", ["2026-12-01"]),
        ("1 December 2026", ["2026-12-01"]),
        ("no codes here", []),
        ("in 2024 and 12 pages", []),
    ],
)
def test_codes_and_dates_survive_as_single_tokens(text: str, expected: list[str]) -> None:
    assert codes(text) == expected


@pytest.mark.parametrize("text", ["叁佰万元", "300万元", "RMB 3,000,000", "¥3,000,000.00", "不低于300万元"])
def test_spellings_of_one_amount_meet(text: str) -> None:
    assert {"cny3000000", "3000000"} <= set(codes(text))


def test_a_standard_with_a_year_is_found_without_it() -> None:
    assert set(codes("ISO 9001")) <= set(codes("certified to ISO 9001:2015"))
    assert set(codes("GB/T24001")) <= set(codes("符合GB/T 24001-2016标准"))


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=80))
def test_terms_never_hold_blanks_and_survive_a_second_cut_of_themselves(text: str) -> None:
    found = terms(text)
    assert all(term and not any(c.isspace() for c in term) for term in found)
    assert all(code and not any(c.isspace() for c in code) for code in codes(text))
    assert terms(fold(text)) == terms(fold(fold(text)))


def test_threads_cut_alike() -> None:
    text = "running bidders' deliveries 投标保证金 " * 20
    with ThreadPoolExecutor(8) as pool:
        assert len({tuple(found) for found in pool.map(terms, [text] * 64)}) == 1
