"""Constraints are read with exact spans in both languages, and passages are held against them (R11-R16, R80)."""

from decimal import Decimal

import pytest

from shared.domain.constraint_matching import match_constraints, verify_rewrite
from shared.domain.query_constraints import query_constraints

LABELLED = [
    ("交货期不超过60天", [("numeric", "不超过60天", "le")]),
    ("注册资本不低于3000万元", [("numeric", "不低于3000万元", "ge")]),
    ("质保期不少于三年", [("numeric", "不少于三年", "ge")]),
    ("至少5名工程师", [("numeric", "至少5", "ge")]),
    ("最多10%", [("numeric", "最多10%", "le")]),
    ("5年以上经验", [("numeric", "5年以上", "ge")]),
    ("预付款不高于30%", [("numeric", "不高于30%", "le")]),
    ("60天以内交货", [("time", "60天以内", "le")]),
    ("自合同签订之日起30日内", [("time", "30日内", "le")]),
    ("收到通知后10个工作日内", [("time", "10个工作日内", "le")]),
    ("近三年类似业绩", [("time", "近三年", "last")]),
    ("近5年无重大违法记录", [("time", "近5年", "last")]),
    ("3-5年", [("numeric", "3-5年", "between")]),
    ("违约金为千分之三", [("numeric", "千分之三", "eq")]),
    ("有效期至2027年6月30日", [("time", "2027年6月30日", "eq")]),
    ("ISO 9001证书", [("entity", "ISO 9001", None)]),
    ("符合GB/T 19001-2016", [("entity", "GB/T 19001-2016", None)]),
    ("具备二级资质", [("entity", "二级", None)]),
    ("具备甲级资质", [("entity", "甲级", None)]),
    ("通过CCC认证", [("entity", "CCC", None)]),
    ("北京某某科技有限公司", [("entity", "北京某某科技有限公司", None)]),
    ("必须包含营业执照", [("must_include", "必须包含营业执照", None)]),
    ("须具备安全生产许可证", [("must_include", "须具备安全生产许可证", None)]),
    ("不得包含分包", [("must_exclude", "不得包含分包", None)]),
    ("禁止转包", [("negation", "禁止转包", None)]),
    ("未被列入失信名单", [("negation", "未被列入失信名单", None)]),
    ("招标文件中的要求", [("scope", "招标文件中", None)]),
    ("第2标段", [("scope", "第2标段", None)]),
    ("未来发展计划", []),
    ("售后服务方案", []),
    ("delivery within 60 calendar days", [("time", "within 60 calendar days", "le")]),
    ("within 10 business days of notice", [("time", "within 10 business days", "le")]),
    ("warranty of at least 24 months", [("numeric", "at least 24 months", "ge")]),
    ("no less than EUR 2.5 million", [("numeric", "no less than EUR 2.5 million", "ge")]),
    ("at most 5 %", [("numeric", "at most 5 %", "le")]),
    ("no more than 3 subcontractors", [("numeric", "no more than 3", "le")]),
    ("minimum 98 % uptime", [("numeric", "minimum 98 %", "ge")]),
    ("in the last 3 years", [("time", "last 3 years", "last")]),
    ("over the past five years", [("time", "past five years", "last")]),
    ("3 to 5 years", [("numeric", "3 to 5 years", "between")]),
    ("valid until 1 December 2026", [("time", "1 December 2026", "eq")]),
    ("ISO 9001:2015 certificate", [("entity", "ISO 9001:2015", None)]),
    ("Class A contractor", [("entity", "Class A", None)]),
    ("Grade 1 licence", [("entity", "Grade 1", None)]),
    ("bears the CE mark", [("entity", "CE", None)]),
    ("Acme Water Systems Ltd offer", [("entity", "Acme Water Systems Ltd", None)]),
    ("must include audited accounts", [("must_include", "must include audited accounts", None)]),
    ("shall have a site manager", [("must_include", "shall have a site manager", None)]),
    ("excluding draft statements", [("must_exclude", "excluding draft statements", None)]),
    ("without deviations", [("negation", "without deviations", None)]),
    ("in the tender documents", [("scope", "in the tender documents", None)]),
    ("lot 3", [("scope", "lot 3", None)]),
    ("method statement for installation", []),
]


@pytest.mark.parametrize(("text", "expected"), LABELLED)
def test_a_constraint_is_read_with_its_span(text: str, expected: list[tuple[str, str, str | None]]) -> None:
    assert [(c.kind, text[c.start : c.end], c.operator) for c in query_constraints(text)] == expected


def test_units_and_numbers_are_kept_apart() -> None:
    (calendar,) = query_constraints("within 30 days")
    (working,) = query_constraints("within 30 working days")
    assert (calendar.high, calendar.unit) == (Decimal(30), "calendar_day")
    assert working.unit == "working_day"


def test_the_same_text_always_gives_the_same_constraints() -> None:
    text = "近三年ISO9001，交货期不超过60天，不得包含分包，第2标段"
    assert query_constraints(text) == query_constraints(text)
    assert [c.kind for c in query_constraints(text)] == ["time", "entity", "numeric", "must_exclude", "scope"]


@pytest.mark.parametrize(
    ("passage", "expected"),
    [
        ("We deliver within 30 days.", "satisfied"),
        ("We deliver in 45 days.", "violated"),
        ("Delivery takes 60 calendar days.", "violated"),
        ("Delivery takes four weeks.", "satisfied"),
        ("我方承诺交货期为45天。", "violated"),
        ("We deliver within 30 working days.", "unknown"),
        ("Delivery in 20 days, complete set in 45 days.", "unknown"),
        ("We deliver soon.", "unknown"),
    ],
)
def test_thirty_days_or_less_is_satisfied_violated_or_left_open(passage: str, expected: str) -> None:
    assert match_constraints(query_constraints("delivery of 30 days or less, at most 30 days")[-1:], passage) == [
        expected
    ]


@pytest.mark.parametrize(
    ("query", "passage", "expected"),
    [
        ("uptime at least 99.95 %", "uptime is 98.5 %", "violated"),
        ("uptime at least 99.95 %", "uptime is 99.97 %", "satisfied"),
        ("质保期不少于2年", "质保期36个月", "satisfied"),
        ("质保期不少于2年", "warranty of 18 months", "violated"),
        ("注册资本不低于3000万元", "registered capital EUR 3,000,000", "unknown"),
        ("注册资本不低于3000万元", "注册资本人民币壹仟万元", "violated"),
        ("ISO 9001", "certified to ISO9001:2015", "satisfied"),
        ("ISO 9001", "certified to ISO 14001", "unknown"),
        ("must include audited accounts", "the audited account of 2024", "satisfied"),
        ("must include audited accounts", "accounts are audited", "unknown"),
        ("不得包含分包", "土建工程分包给第三方", "violated"),
    ],
)
def test_a_passage_is_held_against_a_constraint_by_rules(query: str, passage: str, expected: str) -> None:
    assert match_constraints(query_constraints(query), passage) == [expected]


@pytest.mark.parametrize(
    ("original", "rewrite"),
    [
        ("交货期不超过60天", "交货期不超过90天"),
        ("交货期不超过60天", "交货期不超过60个工作日"),
        ("交货期不超过60天", "交货期不少于60天"),
        ("近三年业绩", "近五年业绩"),
        ("近三年业绩", "业绩"),
        ("未被列入失信名单", "被列入失信名单"),
        ("不得包含分包", "包含分包"),
        ("ISO 9001证书", "ISO 14001证书"),
        ("ISO 9001证书", "ISO 9001证书，二级资质"),
        ("within 30 days", "within 30 business days"),
        ("at least EUR 3,000,000", "at least USD 3,000,000"),
        ("at least 98 %", "at least 98.5 %"),
        ("in the tender documents", "in the bid documents"),
        ("Acme Water Ltd offer", "Delta Water Ltd offer"),
    ],
)
def test_a_rewrite_that_changes_a_constraint_is_rejected(original: str, rewrite: str) -> None:
    assert verify_rewrite(original, rewrite) != []
    assert verify_rewrite(original, original) == []


@pytest.mark.parametrize(
    ("original", "rewrite"),
    [
        ("交货期不超过60天", "供货期最多60日"),
        ("warranty of at least 24 months", "minimum 24 months guarantee"),
        ("注册资本不低于300万元", "注册资金至少RMB 3,000,000"),
    ],
)
def test_a_rewrite_in_other_words_is_accepted(original: str, rewrite: str) -> None:
    assert verify_rewrite(original, rewrite) == []
