"""What follows from alarms and times, for any sequence of looks (W60, W65, O41)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.releases import (
    CLEAN,
    WEIGHTS,
    Alarm,
    Release,
    chosen,
    next_weight,
    observe,
    rollback_times,
    sizes_at,
    split,
    weight_of,
)

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def release(weight: int = 10) -> Release:
    return Release(
        release_id="rel_1",
        version="1.0",
        commit_sha="c",
        dataset_version="golden-v1.0.0",
        change_class="C1",
        candidate={},
        baseline={},
        evidence={},
        alarms=["errors"],
        status="canary",
        weight=weight,
        weight_since=NOW,
    )


@given(st.lists(st.sampled_from(["ok", "alarm", "unknown", "missing"]), max_size=80), st.sampled_from(WEIGHTS))
def test_exactly_two_breaches_in_a_row_roll_back_and_only_unbroken_clean_time_moves_on(
    looks: list[str], weight: int
) -> None:
    stands, quiet_since, in_a_row = release(weight), None, 0
    for number, state in enumerate(looks, start=1):
        now = NOW + number * MINUTE
        alarms = [] if state == "missing" else [Alarm(name="errors", state=state, since=now)]
        seen = observe(stands, alarms, now=now)
        in_a_row = in_a_row + 1 if state == "alarm" else 0
        quiet_since = (quiet_since or now) if state == "ok" else None
        assert (seen.verdict == "roll_back") == (in_a_row >= 2)
        is_clean = quiet_since is not None and now - quiet_since >= CLEAN[weight]
        assert (seen.verdict in ("shift", "close")) == is_clean
        if seen.verdict != "wait":
            assert seen.verdict == "roll_back" or (seen.verdict == "close") == (weight == 100)
            return
        stands = replace(stands, breaches=seen.breaches, clean_since=seen.clean_since, alarm_at=seen.alarm_at)


def test_an_alarm_that_was_raised_before_the_shift_counts_from_the_shift() -> None:
    old = Alarm(name="errors", state="alarm", since=NOW - timedelta(days=3))
    assert observe(release(), [old], now=NOW + MINUTE).alarm_at == NOW


@given(st.sampled_from([0, *WEIGHTS]))
def test_what_an_alias_holds_says_the_weight_again(weight: int) -> None:
    assert weight_of(split("1", "2", weight), "2") == weight
    assert next_weight(weight) == {0: 10, 10: 30, 30: 100, 100: 100}[weight]
    assert len(sizes_at(weight)) == [0, *WEIGHTS].index(weight)


def test_times_are_within_limits_up_to_5_and_30_minutes() -> None:
    for first, whole, within in ((5, 30, True), (6, 20, False), (1, 31, False)):
        stands = replace(
            release(), alarm_at=NOW, first_action_at=NOW + first * MINUTE, verified_at=NOW + whole * MINUTE
        )
        assert rollback_times(stands) == {
            "alarm_to_first_action_s": first * 60.0,
            "alarm_to_verified_s": whole * 60.0,
            "within_limits": within,
        }


def test_a_subject_keeps_its_version_and_the_share_is_the_weight() -> None:
    subjects = [f"bid_{number}" for number in range(5000)]
    before: set[str] = set()
    for weight in (0, *WEIGHTS):
        got = {subject for subject in subjects if chosen(split("old", "new", weight), subject) == "new"}
        assert before <= got and abs(len(got) / 50 - weight) < 2
        before = got
