"""Numbers that headings carry, and what only looks like one."""

import pytest

from shared.domain.numbering import heading_number, list_label


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("第三章 评标办法", 1),
        ("第一部分 招标公告", 1),
        ("第二节 资格要求", 2),
        ("一、项目概况", 2),
        ("（三）技术要求", 3),
        ("1 General", 1),
        ("1. General", 1),
        ("2.3 Delivery period", 2),
        ("2.3.1 Penalties", 3),
        ("3.2.1投标报价", 3),
        ("Annex B Price schedule", 1),
        ("ARTICLE IV TERM", 1),
        ("Section 4.2 Warranty", 2),
        ("IV. Confidentiality", 1),
    ],
)
def test_a_heading_number_gives_its_level(text: str, level: int) -> None:
    number = heading_number(text)
    assert number is not None
    assert number.level == level


@pytest.mark.parametrize(
    "text", ["2026年3月1日", "12.5 % of the price", "1,200 units", "3.5万元", "2026-02-21", "General", "30%"]
)
def test_dates_amounts_and_shares_are_no_heading_numbers(text: str) -> None:
    assert heading_number(text) is None


@pytest.mark.parametrize("text", ["• first", "- first", "(a) first", "（1）第一", "①第一", "1) first", "\uf0b7 first"])
def test_a_list_item_is_known_by_its_mark(text: str) -> None:
    assert list_label(text) is not None


@pytest.mark.parametrize("text", ["first", "-5 degrees", "（一）技术要求", "a first"])
def test_other_text_is_no_list_item(text: str) -> None:
    assert list_label(text) is None
