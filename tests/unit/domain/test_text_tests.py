"""Words are tested statement by statement, and a denial proves the contrary (E36, R80, E43)."""

from typing import Any

import pytest

from shared.domain.material_tests import evaluate_material
from shared.domain.statement_spans import statements
from shared.domain.text_matching import Matchable
from shared.domain.text_tests import Finding, evaluate_text
from tests.evaluation_parts import chunk, passages


def says(text: dict[str, Any], *documents: str, op: str = "exists", **more: Any) -> Finding:
    return evaluate_text({"text": text, "op": op, **more}, passages(*documents))


ISO: dict[str, Any] = {"any": ["ISO 27001"]}


@pytest.mark.parametrize(
    ("sentence", "truth"),
    [
        ("The bidder holds ISO 27001.", True),
        ("The bidder does not hold ISO 27001.", False),
        ("We do not hold an ISO 27001 certificate at this time.", False),
        ("Without ISO 27001 no data is stored.", None),
        ("The bidder lacks ISO 27001.", False),
        ("ISO 27001 has not been obtained.", False),
        ("ISO 27001 certification has expired.", False),
        ("We have applied for ISO 27001.", False),
        ("We hold not only ISO 9001 and ISO 27001.", True),
        ("ISO 27001 is held; the certificate is renewed no later than May.", True),
        ("If ISO 27001 were asked for, we would obtain it.", False),
        ("Bidders shall hold ISO 27001.", False),
        ("投标人具有ISO 27001认证。", True),
        ("我公司未取得ISO27001认证。", False),
        ("我公司不具备ISO 27001认证。", False),
        ("ISO 27001认证正在办理中。", False),
        ("如有ISO 27001要求，我公司将申请。", False),
        ("我公司持有ISO 27001证书，有效期不少于三年。", True),
        ("ISO 27001 | held", True),
        ("ISO 27001 | not held", False),
        ("ISO 27001 | no", False),
        ("ISO 27001 | 无", False),
        ("ISO 270012 is something else.", False),
    ],
)
def test_holding_and_not_holding_are_told_apart(sentence: str, truth: bool | None) -> None:
    assert says(ISO, sentence).truth is truth


def test_a_denial_is_cited_and_a_condition_is_not() -> None:
    denied = says(ISO, "We do not hold ISO 27001.")
    assert [support.affirms for support in denied.supports] == [False]
    conditional = says(ISO, "If ISO 27001 is required, it will be obtained.")
    assert (conditional.supports, conditional.missing) == ((), True)


def test_both_statements_in_one_bid_are_a_conflict() -> None:
    result = says(ISO, "We hold ISO 27001.", "We do not hold ISO 27001.")
    assert (result.truth, result.cause, len(result.supports)) == (None, "FACT_CONFLICT", 2)


def test_a_negation_inside_the_phrase_is_no_denial() -> None:
    assert says({"any": ["no ground for exclusion"]}, "We declare that no ground for exclusion exists.").truth is True
    assert says({"any": ["未被列入失信名单"]}, "我单位未被列入失信名单。").truth is True
    assert says({"any": ["被列入失信名单"]}, "我单位未被列入失信名单。").truth is False


def test_near_words_must_stand_in_the_same_statement() -> None:
    near = {"any": ["service centre"], "near": ["km", ["Riverton", "Norwell"]]}
    assert says(near, "Our service centre in Riverton is 12 km away.").truth is True
    assert says(near, "Our service centre is in Riverton. The river is 12 km long.").missing is True
    assert says(near, "Our service centre in Brackwell is 12 km away.").missing is True


def test_contains_all_needs_every_term_and_contains_any_one() -> None:
    both = {"terms": ["hotline", "spare parts"]}
    assert says(both, "A hotline is open.", "We stock spare parts.", op="contains_all").truth is True
    partly = says(both, "A hotline is open.", op="contains_all")
    assert (partly.truth, partly.missing, len(partly.supports)) == (False, True, 1)
    assert says(both, "A hotline is open.", op="contains_any").truth is True
    assert says(both, "Nothing here.", op="contains_any").missing is True


def test_not_exists_turns_the_answer_around() -> None:
    assert says(ISO, "We hold ISO 27001.", op="not_exists").truth is False
    absent = says(ISO, "We make pumps.", op="not_exists")
    assert (absent.truth, absent.missing) == (True, True)


def test_count_ge_counts_different_statements() -> None:
    same = says({"any": ["reference"]}, "A reference is X.", "A reference is X.", op="count_ge", value=2)
    assert same.truth is False
    two = says({"any": ["reference"]}, "A reference is X.", "A reference is Y.", op="count_ge", value=2)
    assert (two.truth, len(two.supports)) == (True, 2)


def test_matches_knows_denials_too() -> None:
    grade = {"pattern": r"Grade [12]"}
    assert says(grade, "We are entered in Grade 2.", op="matches").truth is True
    assert says(grade, "We are not entered in Grade 2.", op="matches").truth is False
    assert says(grade, "We are entered in Grade 3.", op="matches").missing is True


def test_phrases_match_whatever_their_width_spacing_and_case() -> None:
    form = Matchable("提供７×２４小时 热线，ISO9001  Certificate")
    assert len(form.find("7×24小时热线")) == 1
    assert len(form.find("iso9001 certificate")) == 1
    assert form.find("certificat") == []
    span = form.find("小时热线")[0]
    assert "提供７×２４小时 热线，ISO9001  Certificate"[span.start : span.end] == "小时 热线"


def test_a_statement_ends_at_its_full_stop_and_not_at_an_abbreviation() -> None:
    text = "Calder Ltd. is named in No. 7. The rest follows.\n第一句。第二句；1.2 Delivery"
    assert [text[s.start : s.end] for s in statements(text)] == [
        "Calder Ltd. is named in No. 7.",
        "The rest follows.",
        "第一句。",
        "第二句；",
        "1.2 Delivery",
    ]


def valid(material: str, on: str, *documents: str) -> Finding:
    return evaluate_material({"material": material, "op": "valid_on", "value": on}, passages(*documents))


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("The certificate ISO 9001:2015 number 7 is valid until 1 December 2026.", True),
        ("The certificate ISO 9001:2015 number 7 is valid until 30 November 2026.", False),
        ("The certificate ISO 9001 was issued on 1 May 2030.", None),
        ("Certificate | Number | Valid until\nISO 9001 | 7 | 14 September 2027", True),
        ("Certificate | Number | Issued\nISO 9001 | 7 | 14 September 2027", None),
        ("Certificate: ISO 9001\nNumber: 7\nValid until: 31 January 2027", True),
        ("Certificate: ISO 9001\nCertificate: ISO 14001\nValid until: 31 January 2027", None),
        ("质量管理体系认证证书（ISO 9001），有效期至2027年5月22日。", True),
        ("质量管理体系认证证书（ISO9001），有效期：2023年5月1日至2026年4月30日。", False),
        ("证书 | 编号 | 有效期至\nISO 9001 | 123 | 2026年11月", False),
        ("ISO 9001 valid until 02/03/2027.", None),
        ("We do not hold ISO 9001.", False),
    ],
)
def test_validity_needs_a_labelled_expiry(text: str, truth: bool | None) -> None:
    assert valid("ISO 9001", "2026-12-01", text).truth is truth


def test_two_expiries_that_disagree_are_a_conflict() -> None:
    result = valid(
        "ISO 9001", "2026-12-01", "ISO 9001 is valid until 1 May 2026.", "ISO 9001 is valid until 1 May 2027."
    )
    assert (result.truth, result.cause) == (None, "FACT_CONFLICT")


def test_a_material_that_nobody_names_is_missing() -> None:
    assert valid("ISO 9001", "2026-12-01", "We make pumps.").missing is True


def test_a_signature_is_never_concluded_from_text() -> None:
    result = evaluate_material({"material": "公章", "op": "exists"}, passages("投标人（盖公章）：某某有限公司"))
    assert (result.truth, result.missing) == (None, False)
    assert result.supports


def test_supports_point_into_their_chunk() -> None:
    text = "Intro.\nThe bidder holds ISO 27001."
    result = evaluate_text({"text": ISO, "op": "exists"}, passages(text))
    support = result.supports[0]
    assert chunk(text).text[support.start : support.end] == "The bidder holds ISO 27001."
