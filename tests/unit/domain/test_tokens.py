"""bp-tok-1 against a reference table (P65)."""

import pytest

from shared.domain.tokens import count_tokens


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        ("   \n\t", 0),
        ("a", 1),
        ("word", 1),
        ("words", 2),
        ("two words", 3),
        ("投标保证金", 5),
        ("ISO9001:2015", 4),
        ("GB/T 19001-2016", 7),
        ("30天", 2),
        ("￥3,000,000.00", 8),
        ("a_b", 3),
        ("第3章 总则", 5),
        ("𠮷", 1),
        ("naïveté", 2),
    ],
)
def test_the_reference_table_holds(text: str, tokens: int) -> None:
    assert count_tokens(text) == tokens


def test_blanks_never_count() -> None:
    assert count_tokens("alpha beta，伽马") == count_tokens("  alpha \n beta ， 伽 马 ")
