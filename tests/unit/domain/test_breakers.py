"""The rules of a circuit breaker (spec W26)."""

from datetime import UTC, datetime, timedelta

from shared.domain.breakers import Breaker

START = datetime(2026, 1, 31, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def after_failures(*seconds: float) -> Breaker:
    breaker = Breaker()
    for second in seconds:
        breaker = breaker.failed(at(second))
    return breaker


def test_the_fifth_failure_within_a_minute_opens_it() -> None:
    assert after_failures(0, 10, 20, 30).admits(at(31))
    assert not after_failures(0, 10, 20, 30, 60).admits(at(61))
    assert after_failures(0, 10, 20, 30, 61).admits(at(62))


def test_the_window_slides() -> None:
    assert not after_failures(0, 50, 55, 61, 62, 63).admits(at(64))


def test_an_open_one_admits_one_probe_after_30_seconds() -> None:
    opened = after_failures(0, 1, 2, 3, 4)
    assert not opened.admits(at(33.9)) and opened.admits(at(34))
    probing = opened.admitted(at(34))
    assert not probing.admits(at(100)) and probing.admits(at(34 + 420))
    assert probing.succeeded() == Breaker()
    again = probing.failed(at(40))
    assert not again.admits(at(69.9)) and again.admits(at(70))


def test_late_results_of_calls_from_before_change_nothing() -> None:
    opened = after_failures(0, 1, 2, 3, 4)
    assert opened.failed(at(20)) == opened and opened.succeeded() == opened
