"""Totals are sums of decided scores; while something is open there is only an interval (E4, E81-E83)."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.totals import Totals, rank, totals
from tests.evaluation_parts import criterion, verdict

D = Decimal
VETO = criterion("veto", code="V", points="0", weight="0")
A = criterion("numeric_limit", code="A", points="30", weight="0.3")
B = criterion("judged", code="B", points="70", weight="0.7")
ALL = [VETO, A, B]
CLEAR = verdict(VETO, "pass")


def test_a_pack_in_points_adds_up_to_the_plain_sum() -> None:
    result = totals(ALL, [CLEAR, verdict(A, "pass", "30"), verdict(B, "partial", "41.5")])
    assert (result.total, result.low, result.high, result.open_items) == (D("71.50"), D("71.50"), D("71.50"), ())
    assert result.deviation_pct is None


def test_declared_weights_scale_the_scores() -> None:
    light = criterion("numeric_limit", code="A", points="10", weight="0.8")
    heavy = criterion("judged", code="B", points="50", weight="0.2")
    result = totals([light, heavy], [verdict(light, "pass", "5"), verdict(heavy, "pass", "50")])
    assert result.total == D("60.00")


def test_an_open_score_leaves_an_interval_and_no_total() -> None:
    result = totals(ALL, [CLEAR, verdict(A, "pass", "30"), verdict(B, "needs_human")])
    assert (result.total, result.low, result.high, result.open_items) == (None, D(30), D(100), ("B",))
    assert result.deviation_pct == 70
    narrower = totals(
        ALL, [CLEAR, verdict(A, "pass", "30"), verdict(B, "needs_human")], intervals={"crt_B": (D(20), D(40))}
    )
    assert (narrower.low, narrower.high) == (D(50), D(70))


def test_open_checklist_items_widen_a_total_that_stands() -> None:
    result = totals(
        ALL, [CLEAR, verdict(A, "partial", "10"), verdict(B, "pass", "70")], intervals={"crt_A": (D(10), D(25))}
    )
    assert (result.total, result.low, result.high) == (D("80.00"), D(80), D(95))
    decided = verdict(A, "partial", "10", source="person")
    assert totals(ALL, [CLEAR, decided, verdict(B, "pass", "70")], intervals={"crt_A": (D(10), D(25))}).high == D(80)


def test_a_confirmed_red_line_makes_the_total_0() -> None:
    verdicts = [verdict(VETO, "fail", source="person"), verdict(A, "pass", "30"), verdict(B, "needs_human")]
    result = totals(ALL, verdicts)
    assert (result.total, result.high, result.red_lines, result.open_items) == (D(0), D(0), ("V",), ())


def test_a_suspected_red_line_leaves_the_total_open_down_to_0() -> None:
    result = totals(ALL, [verdict(VETO, "fail"), verdict(A, "pass", "30"), verdict(B, "pass", "70")])
    assert (result.total, result.low, result.high) == (None, D(0), D(100))
    assert (result.open_items, result.red_lines) == (("V",), ("V",))
    missing = totals(ALL, [verdict(VETO, "not_found"), verdict(A, "pass", "30"), verdict(B, "pass", "70")])
    assert (missing.total, missing.open_items, missing.red_lines) == (None, ("V",), ())


def test_rounding_happens_once_at_the_total() -> None:
    parts = [criterion("judged", code=str(n), points="33.333", weight="0.333333") for n in range(3)]
    assert totals(parts, [verdict(part, "pass", "11.115") for part in parts]).total == D("33.35")


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 100)), min_size=1, max_size=8))
def test_the_total_of_points_is_their_sum_scaled_to_the_declared_total(rows: list[tuple[int, int]]) -> None:
    whole = sum(points for points, _ in rows)
    parts = [
        criterion("judged", code=str(n), points=str(points), weight=str(round(D(points) / whole, 6)))
        for n, (points, _) in enumerate(rows)
    ]
    scores = [D(points * share) / 100 for points, share in rows]
    verdicts = [verdict(part, "pass", str(score)) for part, score in zip(parts, scores, strict=True)]
    result = totals(parts, verdicts, declared_total=D(whole))
    assert result.total == sum(scores, D(0)).quantize(D("0.01"), "ROUND_HALF_UP")


def total(value: str | None, **changes: object) -> Totals:
    number = None if value is None else D(value)
    parts = {"total": number, "low": D(0), "high": D(100), "maximum": D(100), **changes}
    return Totals(**parts)  # type: ignore[arg-type]


def test_a_ranking_states_ties_exclusions_and_pending_bids() -> None:
    ranking = rank(
        [
            ("s1", total("80")),
            ("s2", total("90")),
            ("s3", total("80")),
            ("s4", total("0", red_lines=("V",))),
            ("s5", total(None, open_items=("B",))),
            ("s6", total("70")),
        ]
    )
    places = [(s.supplier_id, s.place, s.tied) for s in ranking.standings]
    assert places[:4] == [("s2", 1, False), ("s1", 2, True), ("s3", 2, True), ("s6", 4, False)]
    assert places[4:] == [("s5", None, False), ("s4", None, False)]
    assert (ranking.standings[4].pending, ranking.standings[5].excluded) == (("B",), "red line: V")
    assert ranking.provisional is True


def test_a_ranking_without_pending_bids_is_final() -> None:
    assert rank([("s1", total("80")), ("s2", total("0", red_lines=("V",)))]).provisional is False


@pytest.mark.parametrize("score", ["0", "12.5"])
def test_a_total_of_0_without_a_red_line_is_ranked(score: str) -> None:
    assert rank([("s1", total(score))]).standings[0].place == 1
