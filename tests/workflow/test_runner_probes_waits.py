"""Probes of the spike on waits: late answers, silence, stopped Maps, counts and names that outlive a worker.

Each call of `work_off` is another worker: it knows nothing but the rows. Times are moved in the rows, not waited for.
"""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from infra.local.asl_rows import sweep
from infra.local.state_machine import StateMachine
from shared.domain.errors import Retryable
from tests.workflow.conftest import Shop, until

CALLBACK = "arn:aws:states:::lambda:invoke.waitForTaskToken"
WORK = {"Type": "Task", "Resource": "${Work}"}


def asks(**fields: Any) -> dict[str, Any]:
    payload = {"key.$": "$.k", "token.$": "$$.Task.Token"}
    parameters = {"FunctionName": "${Ask}", "Payload": payload}
    return {"Type": "Task", "Resource": CALLBACK, "Parameters": parameters, **fields}


def one(state: dict[str, Any], **top: Any) -> dict[str, Any]:
    return {"StartAt": "A", "States": {"A": {**state, "End": True}}, **top}


def each(state: dict[str, Any], **fields: Any) -> dict[str, Any]:
    processor = {"StartAt": "I", "States": {"I": {**state, "End": True}}}
    return one({"Type": "Map", "ItemsPath": "$.l", "ItemProcessor": processor, **fields})


def work_off(shop: Shop, steps: int | None = None) -> None:
    """A new worker takes all due lines, or so many of them."""
    machine = StateMachine(shop.resolve)
    with psycopg.connect(shop.url, autocommit=True) as connection:
        taken = 0
        while taken != steps and machine.run_next(connection):
            taken += 1


def execute(shop: Shop, statement: str) -> None:
    """Change rows."""
    with psycopg.connect(shop.url) as connection:
        connection.execute(statement)


def count(shop: Shop, table: str) -> int:
    """The rows of a table of the platform."""
    with psycopg.connect(shop.url) as connection:
        row = connection.execute(f"select count(*) from local_platform.{table}").fetchone()
    assert row is not None
    return int(row[0])


def asked(shop: Shop, state: dict[str, Any]) -> tuple[str, str]:
    """Start an execution that asks, bring it to its wait; the reference and the token."""
    kept: list[str] = []
    shop.functions["ask"] = lambda event, _: kept.append(event["token"])
    ref = shop.start(one(state), {"k": "k"})
    work_off(shop)
    return ref, kept[0]


LATE = "update local_platform.tokens set timeout_at = clock_timestamp() - interval '1 second'"
SILENT = "update local_platform.tokens set heartbeat_at = clock_timestamp() - interval '1 second'"
LOOK = "update local_platform.frames set due_at = clock_timestamp()"


def test_an_answer_in_time_counts_even_if_every_worker_was_down_until_after_it(idle_shop: Shop) -> None:
    ref, token = asked(idle_shop, asks(TimeoutSeconds=60))
    assert idle_shop.workflows.succeed(token, {"n": 1})
    execute(idle_shop, LATE)
    work_off(idle_shop)
    assert idle_shop.look(ref).output == {"n": 1}


def test_an_answer_after_the_time_is_refused_though_no_worker_has_looked_yet(idle_shop: Shop) -> None:
    ref, token = asked(idle_shop, asks(TimeoutSeconds=60))
    execute(idle_shop, LATE)
    assert not idle_shop.workflows.succeed(token, {"n": 1})
    assert not idle_shop.workflows.fail(token, error="E", cause="")
    assert not idle_shop.workflows.heartbeat(token)
    execute(idle_shop, LOOK)
    work_off(idle_shop)
    assert (idle_shop.look(ref).status, idle_shop.look(ref).error) == ("FAILED", "States.Timeout")


def test_a_beat_after_the_silence_is_refused(idle_shop: Shop) -> None:
    ref, token = asked(idle_shop, asks(TimeoutSeconds=60, HeartbeatSeconds=30))
    execute(idle_shop, SILENT)
    assert not idle_shop.workflows.heartbeat(token)
    assert not idle_shop.workflows.succeed(token, {"n": 1})
    execute(idle_shop, LOOK)
    work_off(idle_shop)
    assert idle_shop.look(ref).error == "States.HeartbeatTimeout"


def test_a_beat_prolongs_the_silence_and_not_the_whole_time(idle_shop: Shop) -> None:
    _, token = asked(idle_shop, asks(TimeoutSeconds=60, HeartbeatSeconds=30))
    before = times(idle_shop)
    assert idle_shop.workflows.heartbeat(token)
    after = times(idle_shop)
    assert after[0] == before[0]
    assert after[1] > before[1]


def times(shop: Shop) -> tuple[Any, Any]:
    with psycopg.connect(shop.url) as connection:
        row = connection.execute("select timeout_at, heartbeat_at from local_platform.tokens").fetchone()
    assert row is not None
    return row[0], row[1]


def test_a_second_worker_asks_again_with_the_same_token(idle_shop: Shop) -> None:
    seen: list[str] = []

    def ask(event: Any, _context: Any) -> None:
        seen.append(event["token"])

    idle_shop.functions["ask"] = ask
    ref = idle_shop.start(one(asks(TimeoutSeconds=60)), {"k": "k"})
    work_off(idle_shop, steps=1)  # the token is a row; nobody was asked
    with (
        psycopg.connect(idle_shop.url, autocommit=True) as connection,
        pytest.raises(KeyboardInterrupt),
        connection.transaction(),
    ):
        assert StateMachine(idle_shop.resolve).run_next(connection)
        raise KeyboardInterrupt  # a worker that dies after the call and before its commit
    work_off(idle_shop)
    assert len(seen) == 2
    assert seen[0] == seen[1]
    assert idle_shop.workflows.succeed(seen[0], {"n": 1})
    work_off(idle_shop)
    assert idle_shop.look(ref).output == {"n": 1}


def test_one_refused_item_voids_the_tokens_of_the_others(shop: Shop, tokens: Callable[[str], str]) -> None:
    ref = shop.start(each(asks()), {"l": [{"k": "a"}, {"k": "b"}, {"k": "c"}]})
    first, *others = [tokens(key) for key in "bac"]
    assert shop.workflows.fail(first, error="Rejected", cause="no")
    ended = shop.wait(ref)
    assert (ended.status, ended.error, ended.cause) == ("FAILED", "Rejected", "no")
    assert [shop.workflows.succeed(token, {}) for token in others] == [False, False]
    until(lambda: True if count(shop, "tokens") == 0 else None)


def test_the_end_of_an_execution_s_time_voids_its_token(idle_shop: Shop) -> None:
    ref, token = asked(idle_shop, asks())
    execute(idle_shop, "update local_platform.executions set deadline = clock_timestamp()")
    with psycopg.connect(idle_shop.url) as connection:
        sweep(connection)
    assert (idle_shop.look(ref).status, idle_shop.look(ref).error) == ("TIMED_OUT", "States.Timeout")
    assert not idle_shop.workflows.succeed(token, {})
    assert not idle_shop.workflows.heartbeat(token)
    assert count(idle_shop, "tokens") == 0


def test_a_stopped_map_calls_no_further_item(idle_shop: Shop) -> None:
    calls: list[Any] = []
    idle_shop.functions["work"] = lambda event, _: calls.append(event)
    ref = idle_shop.start(each(WORK, MaxConcurrency=1), {"l": [1, 2, 3]})
    work_off(idle_shop, steps=2)  # the Map, then its first item
    idle_shop.workflows.stop(ref, cause="JOB_CANCELED")
    work_off(idle_shop)
    with psycopg.connect(idle_shop.url) as connection:
        sweep(connection)
    assert calls == [1]
    assert idle_shop.look(ref).status == "ABORTED"


@pytest.mark.usefixtures("no_pauses")
def test_retries_are_counted_over_workers(idle_shop: Shop) -> None:
    seen: list[Any] = []

    def work(event: Any, _context: Any) -> None:
        seen.append(event)
        raise Retryable("DEPENDENCY_TIMEOUT")

    idle_shop.functions["work"] = work
    retry = [{"ErrorEquals": ["Retryable"], "IntervalSeconds": 1, "MaxAttempts": 2}]
    ref = idle_shop.start(one({**WORK, "Parameters": {"n.$": "$$.State.RetryCount"}, "Retry": retry}))
    for _ in range(6):
        work_off(idle_shop, steps=1)
    assert seen == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert idle_shop.look(ref).error == "Retryable"


def test_a_name_keeps_its_first_input(idle_shop: Shop) -> None:
    ref = idle_shop.start(one({"Type": "Pass"}), {"x": 1}, name="job-1")
    assert idle_shop.workflows.start(ref.partition(":")[0], name="job-1", input={"x": 2}) == ref
    work_off(idle_shop)
    assert idle_shop.look(ref).output == {"x": 1}
