"""Facts are read with their place, and what disagrees is marked at every place (E39-E42)."""

from dataclasses import replace
from typing import Any

import pytest

from shared.domain.fact_extraction import reconcile, same_value
from shared.domain.facts import SEARCH_FIELDS, Fact
from tests.evaluation_parts import chunk, fact, facts_in

EN_FORM = """Bidder: Calder Instruments Ltd
Registration number: 7245CALD19980722RV27
Registered capital: EUR 3,400,000.00
Qualification level: Grade 2
Bid price: EUR 1,198,450.00
Delivery period: 110 calendar days after the contract is signed
Warranty period: 36 months from acceptance"""
ZH_FORM = """统一社会信用代码：91990100MA7QH31K4M
注册资本（万元）：800
资质等级：乙级
投标总价（小写）：¥5,838,000.00元
投标总价（大写）：伍佰捌拾叁万捌仟元整
交货期：合同签订后60日历天
质保期：最终验收合格后36个月"""
EN_TEXT = (
    "Calder Instruments Ltd has the company registration number 7245CALD19980722RV27 and a registered capital of "
    "EUR 3,400,000.00. We hold a Grade 2 contractor qualification. "
    "Our total bid price is EUR 1,198,450.00 excluding VAT. "
    "The delivery period is 110 calendar days. We grant a warranty period of 36 months."
)
ZH_TEXT = (
    "我单位统一社会信用代码为91990100MA7QH31K4M，注册资本为人民币800万元，资质等级为乙级。投标总价为人民币伍佰捌拾叁万捌仟元整"
    "（¥5,838,000.00元）。交货期为合同签订后60日历天，质保期为36个月。"
)
EN_TABLE = """Item | Entry
Registration number | 7245CALD19980722RV27
Registered capital | EUR 3,400,000.00
Qualification level | Grade 2
Total bid price | EUR 1,198,450.00
Delivery period | 110 calendar days
Warranty period | 36 months"""
ZH_TABLE = """项目 | 内容
统一社会信用代码 | 91990100MA7QH31K4M
注册资本 | 800万元
资质等级 | 乙级
投标总价 | ¥5,838,000.00元
交货期 | 60日历天
质保期 | 36个月"""
WANTED = {
    "en": ["7245CALD19980722RV27", "Grade 2", "3400000 EUR", "1198450 EUR", "110 calendar_day", "36 month"],
    "zh": ["91990100MA7QH31K4M", "乙级", "8000000 CNY", "5838000 CNY", "60 calendar_day", "36 month"],
}


def said(found: Fact) -> str:
    body = found.value.get("text") or found.value.get("amount") or f"{found.value['low']}..{found.value['high']}"
    return " ".join(part for part in (body, found.unit, found.currency) if part)


def of(field: str, facts: list[Fact]) -> list[str]:
    return [said(found) for found in facts if found.field == field]


@pytest.mark.parametrize(
    ("language", "text", "extractor"),
    [
        ("en", EN_FORM, "form_field"),
        ("zh", ZH_FORM, "form_field"),
        ("en", EN_TEXT, "pattern"),
        ("zh", ZH_TEXT, "pattern"),
        ("en", EN_TABLE, "table_cell"),
        ("zh", ZH_TABLE, "table_cell"),
    ],
)
def test_each_extractor_reads_the_six_search_facts(language: str, text: str, extractor: str) -> None:
    facts = facts_in(text)
    assert [sorted(set(of(field, facts))) for field in SEARCH_FIELDS] == [[wanted] for wanted in WANTED[language]]
    assert {found.extractor for found in facts if found.field in SEARCH_FIELDS} == {extractor}


@pytest.mark.parametrize("text", [EN_FORM, ZH_FORM, EN_TEXT, ZH_TEXT, EN_TABLE, ZH_TABLE])
def test_a_fact_quotes_its_chunk_and_lies_in_the_box_of_its_line(text: str) -> None:
    source = chunk(text)
    for found in facts_in(text):
        assert source.text[found.start : found.end] == found.raw_text
        line = next(p for p in source.positions if p.start <= found.start < p.end)
        assert (found.box, found.page) == (line.box, line.page)


def test_two_extractors_that_agree_are_sure_and_one_is_less() -> None:
    together = {f.field: f.confidence for f in facts_in(EN_FORM, EN_TEXT) if f.field in SEARCH_FIELDS}
    assert set(together.values()) == {1.0}
    assert {f.confidence for f in facts_in(EN_FORM)} == {0.7}


CONFLICTS = [
    ("delivery_period", "Delivery period: 110 calendar days", "Delivery period | 140 calendar days"),
    ("delivery_period", "交货期：60日历天", "交货期：60个工作日"),
    ("delivery_period", "Delivery period: 60 days", "The delivery period is 2 months."),
    ("warranty_period", "质保期：36个月", "质保期为24个月。"),
    ("bid_price", "投标总价：¥5,838,000.00元", "投标总价 | ¥5,883,000.00元"),
    ("bid_price", "Bid price: EUR 100.00", "Bid price: USD 100.00"),
    ("qualification_level", "资质等级：甲级", "资质等级：乙级"),
]


@pytest.mark.parametrize(("field", "first", "second"), CONFLICTS)
def test_a_contradiction_marks_every_place(field: str, first: str, second: str) -> None:
    facts = [found for found in facts_in(first, second) if found.field == field]
    assert len(facts) == 2
    assert {(found.state, found.confidence) for found in facts} == {("conflict", 0.0)}


def test_a_price_that_differs_in_words_and_figures_is_a_conflict() -> None:
    facts = facts_in("投标总价：人民币叁佰万元整（¥3,200,000.00元）")
    assert sorted((f.value["amount"], f.value.get("form"), f.state) for f in facts) == [
        ("3000000", "words", "conflict"),
        ("3200000", None, "conflict"),
    ]


AGREEMENTS = [
    ("warranty_period", "Warranty period: 2 years", "Warranty period: 24 months"),
    ("delivery_period", "Delivery period: 8 weeks", "Delivery period: 56 days"),
    ("bid_price", "Bid price: EUR 120.00 including VAT", "Bid price: EUR 100.00 excluding VAT"),
    ("supplier_code", "Registration number: HRB 123456", "Registration number: HRB-123456"),
]


@pytest.mark.parametrize(("field", "first", "second"), AGREEMENTS)
def test_the_same_in_other_words_is_no_contradiction(field: str, first: str, second: str) -> None:
    facts = [found for found in facts_in(first, second) if found.field == field]
    assert [found.state for found in facts] == ["extracted", "extracted"]


NOT_OWN = [
    ("delivery_period", "The tender requires a delivery period of at most 90 calendar days."),
    ("delivery_period", "Delivery period of spare parts: 24 hours"),
    ("delivery_period", "备件交货期：3天"),
    ("warranty_period", "After the warranty period we offer maintenance for 5 years."),
    ("warranty_period", "质保期满后提供5年有偿维护。"),
    ("warranty_period", "During the warranty period a technician comes within 2 days."),
    ("bid_price", "The budget for the bid price is EUR 1,500,000.00."),
    ("bid_price", "最高限价为人民币680万元。"),
    ("supplier_code", "VAT registration number: DE123456789"),
    ("bid_price", "投标保证金：人民币100,000.00元"),
]


@pytest.mark.parametrize(("field", "text"), NOT_OWN)
def test_what_others_ask_or_another_matter_is_no_fact_of_the_bid(field: str, text: str) -> None:
    assert of(field, facts_in(text)) == []


def test_the_offer_is_read_beside_the_requirement() -> None:
    table = "Item | Required | Offered\nDelivery period | 90 calendar days | 60 calendar days"
    assert of("delivery_period", facts_in(table)) == ["60 calendar_day"]
    swapped = "序号 | 项目 | 投标响应 | 招标要求\n1 | 质保期 | 48个月 | 不少于36个月"
    assert of("warranty_period", facts_in(swapped)) == ["48 month"]
    sentence = "招标文件要求交货期90日历天，我方承诺交货期60日历天。"
    assert of("delivery_period", facts_in(sentence)) == ["60 calendar_day"]


def test_a_price_schedule_gives_its_total_and_no_line_price() -> None:
    schedule = (
        "No. | Description | Unit price EUR | Amount EUR\n1 | Sonde | 8,590.00 | 206,160.00\n"
        "2 | Subtotal |  | EUR 206,160.00\n3 | Grand total |  | EUR 1,198,450.00"
    )
    assert of("bid_price", facts_in(schedule, heading_path=("5 Price schedule",))) == ["1198450 EUR"]
    assert of("bid_price", facts_in(schedule, heading_path=("7 Staff",))) != []  # the heads speak of prices
    other = "No. | Name | Days\n1 | A | 3\n2 | Total | 5"
    assert facts_in(other) == []


def test_a_unit_in_the_head_of_a_column_counts() -> None:
    table = "投标总价（万元） | 交货期（日历天）\n583.8 | 60"
    assert of("bid_price", facts_in(table)) == ["5838000 CNY"]
    assert of("delivery_period", facts_in(table)) == ["60 calendar_day"]


def test_references_to_other_projects_state_nothing_about_this_bid() -> None:
    text = "Delivery period: 200 calendar days"
    assert facts_in(text, heading_path=("6 References", "6.1 Similar projects")) == []
    assert of("delivery_period", facts_in(text, heading_path=("1 Form of tender",))) == ["200 calendar_day"]


def test_a_tender_document_states_no_facts_of_a_bid() -> None:
    assert facts_in(EN_FORM, doc_type="tender") == []


def test_text_repeated_from_the_chunk_before_is_not_counted_twice() -> None:
    assert facts_in("Delivery period: 60 days", overlap_chars=24) == []


def test_a_place_without_a_box_is_no_fact() -> None:
    assert facts_in("Delivery period: 60 days", positions=()) == []


def test_a_bound_is_kept_as_the_promise_it_is() -> None:
    (found,) = facts_in("We deliver all goods and the goods are delivered within 60 calendar days.")
    assert (found.value, found.unit) == ({"amount": "60", "bound": "le"}, "calendar_day")


def test_an_unclear_value_is_kept_as_unclear() -> None:
    (found,) = facts_in("Bid price: EUR 1.198.450,00")
    assert found.value["ambiguous"] is True
    assert (found.confidence, "amount" in found.value) == (0.0, False)


def test_a_person_ends_the_comparison() -> None:
    facts = facts_in("Delivery period: 60 days", "Delivery period: 70 days")
    corrected = replace(facts[0], fact_id="fct_p", state="corrected")
    states = [found.state for found in reconcile([*facts, corrected])]
    assert states == ["extracted", "extracted", "corrected"]


PAIRS: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
    ({"value": {"amount": "60"}, "unit": "calendar_day"}, {"value": {"amount": "60"}, "unit": "working_day"}, False),
    ({"value": {"low": "4", "high": "6"}, "unit": "week"}, {"value": {"amount": "5"}, "unit": "week"}, False),
    ({"value": {"text": "Grade 1"}}, {"value": {"text": "GRADE 1"}}, True),
]


@pytest.mark.parametrize(("left", "right", "same"), PAIRS)
def test_two_readings_are_compared_by_value_and_unit(left: dict[str, Any], right: dict[str, Any], same: bool) -> None:
    assert same_value(fact("f", **left), fact("f", **right)) is same
