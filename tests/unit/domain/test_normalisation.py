"""The normalised form and the way back to the source (P61)."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.normalisation import normalise


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("１２３ＡＢＣ", "123ABC"),
        ("“质量”—‘保证’", "\"质量\"-'保证'"),
        ("ﬁnal  of\u00a0fer\n now", "final of fer now"),
        ("100㎡", "100m2"),
        ("a\u200bb\u00adc\x07", "abc"),
        ("「甲方」", '"甲方"'),
        ("\t lead and trail \n", "lead and trail"),
        ("e\u0301", "é"),
        ("", ""),
    ],
)
def test_forms_are_unified(source: str, expected: str) -> None:
    assert normalise(source).text == expected


def test_a_span_leads_back_to_the_source() -> None:
    source = "the ﬁrst  “offer”"
    normalised = normalise(source)
    start = normalised.text.index('first "offer"')
    a, b = normalised.source_span(start, start + len('first "offer"'))
    assert source[a:b] == "ﬁrst  “offer”"


def test_a_span_outside_the_text_is_refused() -> None:
    with pytest.raises(ValueError, match="not inside"):
        normalise("abc").source_span(1, 4)


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=40))
def test_every_code_point_has_a_source_and_the_form_is_stable(source: str) -> None:
    source = unicodedata.normalize("NFC", source)
    normalised = normalise(source)
    assert len(normalised.text) == len(normalised.offsets)
    assert all(0 <= a < b <= len(source) for a, b in normalised.offsets)
    assert [a for a, _ in normalised.offsets] == sorted(a for a, _ in normalised.offsets)
    assert "  " not in normalised.text
