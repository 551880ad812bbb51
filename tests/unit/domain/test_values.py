"""The table of labelled values (P63, P64) and what may never be guessed."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.value_codes import is_credit_code, same_code
from shared.domain.value_dates import day_bounds
from shared.domain.value_pairs import amount_pairs
from shared.domain.value_types import Conventions
from shared.domain.values import read_values

TABLE = [
    line.split("\t") for line in (Path(__file__).parent / "fixtures" / "values.tsv").read_text("utf-8").splitlines()
]


def _read(text: str, conventions: Conventions | None = None) -> str:
    return " ; ".join(value.canonical for value in read_values(text, conventions))


def test_the_table_holds_at_least_400_labelled_values_in_two_languages() -> None:
    assert len(TABLE) >= 400
    chinese = sum(any("\u4e00" <= sign <= "\u9fff" for sign in text) for text, _ in TABLE)
    assert min(chinese, len(TABLE) - chinese) >= 150


def test_at_least_99_percent_of_the_table_is_read_exactly() -> None:
    wrong = [(text, label, _read(text)) for text, label in TABLE if _read(text) != label]
    assert len(wrong) <= len(TABLE) // 100, wrong


def test_no_ambiguous_value_gets_a_reading() -> None:
    ambiguous = [text for text, label in TABLE if label == "ambiguous"]
    assert len(ambiguous) >= 40
    assert [(text, _read(text)) for text in ambiguous if _read(text) != "ambiguous"] == []


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="0123456789.,-%三百万年月日天元¥€( )期至不超过EURdays\n", max_size=24))
def test_every_value_stands_where_it_says(text: str) -> None:
    end = 0
    for value in read_values(text):
        assert text[value.start : value.end] == value.raw
        assert value.start >= end
        assert value.ambiguous or value.low is not None or value.high is not None or value.date or value.code
        end = value.end


def test_full_width_text_keeps_its_spans() -> None:
    text = "总价：￥１，２３４，５６７．８９元，含税"
    value = read_values(text)[0]
    assert value.canonical == "1234567.89 CNY incl"
    assert value.raw == "￥１，２３４，５６７．８９元"


def test_a_document_that_states_its_date_order_is_believed() -> None:
    assert _read("02/03/2026", Conventions(date_order="DMY")) == "2026-03-02"
    assert _read("02/03/2026", Conventions(date_order="MDY")) == "2026-02-03"
    assert _read("26/2/21", Conventions(date_order="YMD")) == "2026-02-21"


def test_a_document_that_states_its_dollar_is_believed() -> None:
    assert _read("$1,200.00", Conventions(dollar="AUD")) == "1200 AUD"


def test_brackets_mean_minus_only_in_numeric_cells() -> None:
    assert _read("(1,200)", Conventions(numeric_cell=True)) == "-1200"
    assert _read("(1,200)") == "1200"


def test_words_and_figures_of_one_amount_are_compared() -> None:
    (same,) = amount_pairs("人民币叁佰贰拾万元整（小写：¥3,200,000.00）")
    (other,) = amount_pairs("EUR 1,200.00 (in words: one thousand three hundred euros)")
    (unclear,) = amount_pairs("人民币叁佰万元整（¥3.000.000,00）")
    assert (same.agrees, other.agrees, unclear.agrees) == (True, False, None)
    assert other.words.raw == "one thousand three hundred euros"
    assert other.figures.raw == "EUR 1,200.00"


def test_two_neighbouring_amounts_in_figures_are_no_pair() -> None:
    assert amount_pairs("EUR 1,200.00 and EUR 1,300.00") == []


@pytest.mark.parametrize(
    ("code", "valid"), [("91350100M000100Y43", True), ("91350100M000100Y44", False), ("9135", False)]
)
def test_a_credit_code_has_a_check_digit(code: str, valid: bool) -> None:
    # 91350100M000100Y43 is the example of GB 32100-2015.
    assert is_credit_code(code) is valid


def test_codes_compare_without_spaces_and_signs() -> None:
    assert same_code("GB/T 19001-2016", "GB/T19001-2016")
    assert same_code("ISO 9001:2015", "ISO9001:2015")
    assert not same_code("ISO 9001", "ISO 90011")


def test_a_date_covers_its_precision() -> None:
    assert [day.isoformat() for day in day_bounds("2028-02")] == ["2028-02-01", "2028-02-29"]
    assert [day.isoformat() for day in day_bounds("2026")] == ["2026-01-01", "2026-12-31"]
    assert [day.isoformat() for day in day_bounds("2026-12")] == ["2026-12-01", "2026-12-31"]


@pytest.mark.parametrize("run", ["1" * 4000, "零" * 4000, "EUR" + " " * 4000, "one hundred and " * 250, "1," * 2000])
def test_endless_runs_are_no_values(run: str) -> None:
    assert [value.canonical for value in read_values(f"{run} EUR 5.00") if not value.ambiguous][-1:] == ["5 EUR"]
