"""A claim says what its quote says, and a quote is what stands in the document (E5, E45-E49)."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.citing import cite, cite_sentence, verify_quote
from shared.domain.claims import citation_coverage, unsupported_parts
from shared.domain.errors import Permanent
from shared.domain.evidence import Claim
from tests.evaluation_parts import chunk

TEXT = (
    "The delivery period is 60 calendar days.\nWe hold ISO 9001:2015, number 9K-70412.\n"
    "质保期为３６个月，自验收之日起。"
)


def test_a_citation_has_the_boxes_of_its_lines() -> None:
    source = chunk(TEXT)
    citation = cite(source, 0, source.text.index("number"))
    assert citation.quote == "The delivery period is 60 calendar days.\nWe hold ISO 9001:2015,"
    assert citation.boxes == (source.positions[0].box, source.positions[1].box)
    assert citation.box == (50, 10, 500, 45)


def test_a_quote_never_leaves_its_page() -> None:
    source = chunk(TEXT, pages=(1, 2, 2))
    first = cite(source, 0, len(TEXT))
    assert (first.page, first.quote, first.boxes) == (
        1,
        "The delivery period is 60 calendar days.",
        (source.positions[0].box,),
    )
    second = cite_sentence(source, TEXT.index("9K"), TEXT.index("9K") + 8)
    assert (second.page, second.quote) == (2, "We hold ISO 9001:2015, number 9K-70412.")


def test_a_sentence_over_a_page_break_is_cited_where_the_fact_stands() -> None:
    text = "The delivery period for all stations\nis 60 calendar days"
    source = chunk(text.replace("\n", " "))
    line = source.positions[0]
    at = text.index("\n")
    places = (replace(line, end=at), replace(line, start=at + 1, page=2))
    split = replace(source, positions=places)
    citation = cite_sentence(split, text.index("60"), text.index("60") + 2)
    assert (citation.page, citation.quote) == (2, "is 60 calendar days")


@pytest.mark.parametrize(("start", "end"), [(5, 5), (-1, 4), (0, 9999), (9, 3)])
def test_a_span_that_is_nowhere_is_refused(start: int, end: int) -> None:
    with pytest.raises(Permanent) as refusal:
        cite(chunk(TEXT), start, end)
    assert refusal.value.code == "CITATION_QUOTE_MISMATCH"


def test_an_exact_quote_is_exact() -> None:
    citation = verify_quote(chunk(TEXT), TEXT[4:39], 4, 39)
    assert (citation.match, citation.quote, citation.start) == ("exact", TEXT[4:39], 4)


def test_a_quote_in_other_width_and_spacing_is_found_and_corrected() -> None:
    citation = verify_quote(chunk(TEXT), "质保期为36个月", 0, 8)
    assert (citation.match, citation.quote) == ("normalised", "质保期为３６个月")
    assert TEXT[citation.start : citation.end] == citation.quote


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(TEXT) - 12), st.integers(10, 40), st.integers(0, 39), st.sampled_from("0987654321xyz是不"))
def test_a_changed_quote_is_refused(start: int, length: int, at: int, sign: str) -> None:
    source = chunk(TEXT)
    quote = TEXT[start : start + length]
    at %= len(quote)
    changed = quote[:at] + sign + quote[at + 1 :]
    if changed == quote or changed in TEXT or quote[at].isspace() or "３６" in quote:
        return
    with pytest.raises(Permanent) as refusal:
        verify_quote(source, changed, start, start + length)
    assert refusal.value.code == "CITATION_QUOTE_MISMATCH"


@pytest.mark.parametrize("quote", ["0 calendar days", "hold ISO 900", "", "   ", "60 calendar days and more"])
def test_a_part_of_a_number_or_nothing_is_no_quote(quote: str) -> None:
    with pytest.raises(Permanent):
        verify_quote(chunk(TEXT), quote, 0, 5)


def claim(text: str, quote: str, stance: str = "supports") -> Claim:
    return Claim(text=text, stance=stance, citations=(cite(chunk(quote), 0, len(quote)),))


@pytest.mark.parametrize(
    ("text", "quote", "missing"),
    [
        ("Delivery takes 60 calendar days.", "The delivery period is 60 calendar days.", []),
        ("Delivery takes 45 calendar days.", "The delivery period is 60 calendar days.", ["45 calendar days"]),
        ("Delivery takes 60 working days.", "The delivery period is 60 calendar days.", ["60 working days"]),
        ("The price is EUR 1,198,450.00.", "Total bid price: 1,198,450.00 EUR", []),
        ("The price is EUR 1,198,405.00.", "Total bid price: 1,198,450.00 EUR", ["EUR 1,198,405.00"]),
        ("报价为300万元。", "投标总价：人民币叁佰万元整", []),
        ("报价为310万元。", "投标总价：人民币叁佰万元整", ["310万元"]),
        ("The certificate ends on 2027-09-14.", "Valid until 14 September 2027", []),
        ("The certificate ends on 2028-09-14.", "Valid until 14 September 2027", ["2028-09-14"]),
        ("The bidder holds ISO 27001.", "The bidder does not hold ISO 27001.", ["negation"]),
        ("The bidder does not hold ISO 27001.", "The bidder holds ISO 27001.", ["negation"]),
        ("我公司具有ISO 27001认证。", "我公司未取得ISO 27001认证。", ["negation"]),
        ("ISO 9001 is held.", "GB/T 19001-2016 certificate is held.", ["ISO 9001"]),
        ("Calder Instruments Ltd is the bidder.", "Westmark Systems Ltd is the bidder.", ["Calder Instruments Ltd"]),
        ("Delivery period: 60 days", "Delivery period | 60 days | no deviation", []),
        ("交货期: 60日历天", "4.1 | 交货期 | 60日历天 | 无", []),
        ("Not later than 60 days.", "The goods come not later than 60 days.", []),
    ],
)
def test_a_claim_needs_its_numbers_names_and_negations_in_the_quote(text: str, quote: str, missing: list[str]) -> None:
    assert unsupported_parts(claim(text, quote)) == missing


def test_a_recorded_calculation_supports_a_number() -> None:
    computed = claim("The average is 55 calendar days.", "60 calendar days and 50 calendar days")
    assert unsupported_parts(computed) == ["55 calendar days"]
    assert unsupported_parts(computed, ["55 calendar_day"]) == []


def test_a_contradicting_claim_may_deny_what_the_quote_says() -> None:
    assert unsupported_parts(claim("ISO 27001 is held.", "ISO 27001 is not held.", "contradicts")) == []


def test_a_claim_without_a_citation_is_unsupported() -> None:
    assert unsupported_parts(Claim(text="It is so.", stance="supports", citations=())) == ["citation"]


@pytest.mark.parametrize(
    ("supported", "produced", "coverage"), [(9, 10, "0.9000"), (8, 9, "0.8889"), (0, 0, "0"), (3, 3, "1.0000")]
)
def test_coverage_counts_claims_before_removal(supported: int, produced: int, coverage: str) -> None:
    assert citation_coverage(supported, produced) == Decimal(coverage)
