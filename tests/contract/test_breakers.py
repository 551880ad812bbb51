"""Breakers that all processes share, and the calls they stop (spec W21, W26, F23)."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from infra.local.postgres import Databases
from shared.adapters.outbound_calls import OutboundCalls
from shared.adapters.postgres.breakers import PostgresBreakers
from shared.domain.errors import Permanent, Refused, Retryable
from tests.records import clock, pool


class Elsewhere:
    """A provider that fails as told; `calls` counts what reached it."""

    def __init__(self, *answers: Any) -> None:
        self.answers, self.calls = list(answers), 0

    def __call__(self) -> Any:
        self.calls += 1
        answer = self.answers.pop(0) if self.answers else "ok"
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def breakers(databases: Databases) -> PostgresBreakers:
    """As bidproof_app."""
    return PostgresBreakers(pool(databases.app_url))


@pytest.fixture
def name() -> str:
    """A name of this test's own."""
    return f"provider/{secrets.token_hex(6)}"


@pytest.fixture
def slept() -> list[float]:
    """Seconds slept between tries."""
    return []


@pytest.fixture
def outbound(breakers: PostgresBreakers, slept: list[float]) -> OutboundCalls:
    """Calls whose jitter is always 150 ms."""
    return OutboundCalls(breakers, clock=clock, sleep=slept.append, chance=lambda: 0.5)


def pass_time(databases: Databases, name: str, seconds: int) -> None:
    """Move the breaker's times into the past."""
    with psycopg.connect(databases.owner_url) as connection:
        connection.execute(
            """update circuit_breakers set opened_at = opened_at - %(s)s * interval '1 second',
                probing_until = probing_until - %(s)s * interval '1 second',
                failed_at = (select array_agg(f - %(s)s * interval '1 second' order by f) from unnest(failed_at) f)
               where name = %(name)s""",
            {"s": seconds, "name": name},
        )


def fail(breakers: PostgresBreakers, name: str, times: int = 5) -> None:
    for _ in range(times):
        breakers.failed(name)


def test_f23_an_open_breaker_lets_no_call_through_for_30_s_and_then_one_probe(
    databases: Databases, breakers: PostgresBreakers, outbound: OutboundCalls, name: str
) -> None:
    fail(breakers, name)
    model = Elsewhere()
    for seconds in (0, 20):  # ten more are for a slow machine; the domain's test has the exact moment
        pass_time(databases, name, seconds)
        with pytest.raises(Retryable) as stopped:
            outbound.call(name, model)
        assert stopped.value.code == "CIRCUIT_OPEN" and model.calls == 0
    pass_time(databases, name, 10)
    with ThreadPoolExecutor(8) as threads:
        admitted = list(threads.map(lambda _: breakers.admit(name), range(16)))
    assert admitted.count(True) == 1
    breakers.failed(name)
    assert not breakers.admit(name)
    pass_time(databases, name, 30)
    assert outbound.call(name, model) == "ok" and model.calls == 1
    assert breakers.admit(name) and breakers.admit(name)


def test_four_failures_or_five_in_more_than_a_minute_leave_it_closed(
    databases: Databases, breakers: PostgresBreakers, name: str
) -> None:
    fail(breakers, name, 4)
    assert breakers.admit(name)
    pass_time(databases, name, 61)
    fail(breakers, name, 4)
    assert breakers.admit(name)
    fail(breakers, name, 1)
    assert not breakers.admit(name)


def test_processes_agree_and_names_do_not_mix(databases: Databases, breakers: PostgresBreakers, name: str) -> None:
    fail(breakers, name)
    assert not PostgresBreakers(pool(databases.app_url)).admit(name)
    assert breakers.admit(f"{name}/other")


def test_a_call_is_tried_three_times_with_doubling_delays_and_jitter(
    outbound: OutboundCalls, name: str, slept: list[float]
) -> None:
    model = Elsewhere(*[Retryable("DEPENDENCY_TIMEOUT")] * 9)
    with pytest.raises(Retryable, match="ran out of time"):
        outbound.call(name, model)
    assert model.calls == 3 and slept == [1.15, 2.15]


def test_retry_after_wins_over_the_computed_delay(outbound: OutboundCalls, name: str, slept: list[float]) -> None:
    late = "Thu, 01 Jan 2099 00:00:00 GMT"
    asked = [Retryable("DEPENDENCY_UNAVAILABLE", details={"retry_after": wish}) for wish in (7, late)]
    assert outbound.call(name, Elsewhere(*asked)) == "ok"
    assert slept == [7.0, 60.0]


@pytest.mark.parametrize("error", [Permanent("DATA_CORRUPTED"), Refused("REQ_VALIDATION_FAILED")])
def test_what_cannot_pass_fails_at_once_and_does_not_count(
    breakers: PostgresBreakers, outbound: OutboundCalls, name: str, slept: list[float], error: Exception
) -> None:
    for _ in range(6):
        model = Elsewhere(error)
        with pytest.raises(type(error)):
            outbound.call(name, model)
        assert model.calls == 1
    assert slept == [] and breakers.admit(name)


def test_a_breaker_that_opens_between_tries_stops_the_rest(
    breakers: PostgresBreakers, outbound: OutboundCalls, name: str
) -> None:
    fail(breakers, name, 4)
    model = Elsewhere(*[Retryable("DEPENDENCY_TIMEOUT")] * 9)
    with pytest.raises(Retryable) as stopped:
        outbound.call(name, model)
    assert stopped.value.code == "CIRCUIT_OPEN" and model.calls == 1
