"""Callback tokens, heartbeats, names, stopping."""

import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from infra.local.asl_rows import forget_old
from shared.domain.errors import Permanent, Retryable
from tests.workflow.conftest import Shop, until

CALLBACK = "arn:aws:states:::lambda:invoke.waitForTaskToken"


def asks(key: str = "k", function: str = "Ask", **fields: Any) -> dict[str, Any]:
    payload = {"key": key, "token.$": "$$.Task.Token"}
    parameters = {"FunctionName": f"${{{function}}}", "Payload": payload}
    return {"Type": "Task", "Resource": CALLBACK, "Parameters": parameters, **fields}


def one(state: dict[str, Any], **others: Any) -> dict[str, Any]:
    ends = {} if "Next" in state else {"End": True}
    return {"StartAt": "A", "States": {"A": {**state, **ends}, **others}}


def test_an_answer_is_the_result_of_the_state(shop: Shop, tokens: Callable[[str], str]) -> None:
    ref = shop.start(one(asks(ResultPath="$.review")), {"x": 1})
    token = tokens("k")
    assert len(token) >= 43
    assert shop.workflows.succeed(token, {"decision": "approve"})
    assert shop.wait(ref).output == {"x": 1, "review": {"decision": "approve"}}


def test_a_second_answer_is_refused(shop: Shop, tokens: Callable[[str], str]) -> None:
    ref = shop.start(one(asks()))
    token = tokens("k")
    assert shop.workflows.succeed(token, {"n": 1})
    assert not shop.workflows.succeed(token, {"n": 2})
    assert shop.wait(ref).output == {"n": 1}
    assert not shop.workflows.succeed(token, {"n": 3})


def test_of_many_answers_at_once_one_wins(shop: Shop, tokens: Callable[[str], str]) -> None:
    ref = shop.start(one(asks()))
    token = tokens("k")
    wins: list[int] = []

    def answer(number: int) -> None:
        if shop.workflows.succeed(token, {"n": number}):
            wins.append(number)

    threads = [threading.Thread(target=answer, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(wins) == 1
    assert shop.wait(ref).output == {"n": wins[0]}


def test_an_unknown_token_is_refused(shop: Shop) -> None:
    assert not shop.workflows.succeed("x" * 64, {})
    assert not shop.workflows.fail("x" * 64, error="E", cause="")
    assert not shop.workflows.heartbeat("x" * 64)


def test_an_answer_that_comes_before_the_function_returns_counts(shop: Shop) -> None:
    def ask(event: Any, _context: Any) -> None:
        assert shop.workflows.succeed(event["token"], {"early": True})

    shop.functions["ask"] = ask
    assert shop.output(one(asks())) == {"early": True}


def test_a_failed_answer_is_caught_by_its_name(shop: Shop, tokens: Callable[[str], str]) -> None:
    catch = [{"ErrorEquals": ["Rejected"], "Next": "H"}]
    ref = shop.start(one(asks(Catch=catch), H={"Type": "Pass", "End": True}))
    assert shop.workflows.fail(tokens("k"), error="Rejected", cause="no")
    assert shop.wait(ref).output == {"Error": "Rejected", "Cause": "no"}


def test_nobody_answers_in_time(shop: Shop, tokens: Callable[[str], str]) -> None:
    catch = [{"ErrorEquals": ["States.Timeout"], "ResultPath": "$.timeout", "Next": "H"}]
    state = asks(TimeoutSecondsPath="$.wait", Catch=catch)
    ref = shop.start(one(state, H={"Type": "Pass", "End": True}), {"wait": 1})
    token = tokens("k")
    assert shop.wait(ref).output["timeout"]["Error"] == "States.Timeout"
    assert not shop.workflows.succeed(token, {})


def test_a_missing_heartbeat_ends_the_wait(shop: Shop, tokens: Callable[[str], str]) -> None:
    ref = shop.start(one(asks(HeartbeatSeconds=1, TimeoutSeconds=60)))
    tokens("k")
    assert shop.wait(ref).error == "States.HeartbeatTimeout"


def test_heartbeats_keep_the_wait_alive(shop: Shop, tokens: Callable[[str], str]) -> None:
    """Silence is moved in the row, not waited for: five times more than half of what ends the wait."""
    ref = shop.start(one(asks(HeartbeatSeconds=600, TimeoutSeconds=9000)))
    token = tokens("k")
    for _ in range(5):
        with psycopg.connect(shop.url) as connection:
            connection.execute("update local_platform.tokens set heartbeat_at = heartbeat_at - interval '400 s'")
            connection.execute("update local_platform.frames set due_at = clock_timestamp() where phase = 'token'")
        assert shop.workflows.heartbeat(token)
    assert shop.workflows.succeed(token, {"ok": True})
    assert shop.wait(ref).output == {"ok": True}


def test_a_function_that_fails_fails_the_wait_at_once(shop: Shop) -> None:
    def ask(_event: Any, _context: Any) -> None:
        raise Permanent("DATA_CORRUPTED")

    shop.functions["ask"] = ask
    assert shop.run(one(asks(TimeoutSeconds=600))).error == "Permanent"


@pytest.mark.usefixtures("no_pauses")
def test_a_retried_wait_has_a_new_token_and_the_old_one_is_void(shop: Shop) -> None:
    seen: list[str] = []

    def ask(event: Any, _context: Any) -> None:
        seen.append(event["token"])
        if len(seen) == 1:
            raise Retryable("DEPENDENCY_TIMEOUT")

    shop.functions["ask"] = ask
    ref = shop.start(one(asks(Retry=[{"ErrorEquals": ["Retryable"], "IntervalSeconds": 1}])))
    until(lambda: seen[1] if len(seen) == 2 else None)
    assert seen[0] != seen[1]
    assert not shop.workflows.succeed(seen[0], {"old": True})
    assert shop.workflows.succeed(seen[1], {"new": True})
    assert shop.wait(ref).output == {"new": True}


def test_each_item_of_a_map_has_its_own_token(shop: Shop, tokens: Callable[[str], str]) -> None:
    state = asks()
    state["Parameters"]["Payload"]["key.$"] = "$"
    del state["Parameters"]["Payload"]["key"]
    processor = {"StartAt": "H", "States": {"H": {**state, "End": True}}}
    ref = shop.start(one({"Type": "Map", "ItemsPath": "$.l", "ItemProcessor": processor}), {"l": ["a", "b", "c"]})
    for key in "cab":
        assert shop.workflows.succeed(tokens(key), {"key": key.upper()})
    assert shop.wait(ref).output == [{"key": "A"}, {"key": "B"}, {"key": "C"}]


def test_a_stopped_execution_takes_no_answer(shop: Shop, tokens: Callable[[str], str]) -> None:
    ref = shop.start(one(asks()))
    token = tokens("k")
    shop.workflows.stop(ref, cause="JOB_CANCELED")
    ended = shop.look(ref)
    assert (ended.status, ended.cause) == ("ABORTED", "JOB_CANCELED")
    assert not shop.workflows.succeed(token, {})
    shop.workflows.stop(ref, cause="again")
    assert shop.look(ref) == ended


def test_a_result_that_comes_after_the_stop_starts_nothing(shop: Shop) -> None:
    at_work, release = threading.Event(), threading.Event()
    after: list[int] = []

    def work(_event: Any, _context: Any) -> dict[str, Any]:
        at_work.set()
        assert release.wait(20)
        return {}

    shop.functions["work"] = work
    shop.functions["after"] = lambda _event, _context: after.append(1)
    states = {
        "A": {"Type": "Task", "Resource": "${Work}", "Next": "B"},
        "B": {"Type": "Task", "Resource": "${After}", "End": True},
    }
    ref = shop.start({"StartAt": "A", "States": states})
    assert at_work.wait(20)
    shop.workflows.stop(ref, cause="enough")
    release.set()
    assert shop.output({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}) == {}
    assert shop.look(ref).status == "ABORTED"
    assert after == []


def test_a_name_starts_one_execution(shop: Shop, tokens: Callable[[str], str]) -> None:
    ref = shop.start(one(asks()), {"x": 1}, name="job-1")
    machine = ref.partition(":")[0]
    assert shop.workflows.start(machine, name="job-1", input={"x": 1}) == ref
    shop.workflows.succeed(tokens("k"), {"n": 1})
    ended = shop.wait(ref)
    assert shop.workflows.start(machine, name="job-1", input={"x": 1}) == ref
    assert shop.look(ref) == ended


def test_a_name_is_free_again_after_90_days(idle_shop: Shop) -> None:
    definition = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
    refs = [idle_shop.start(definition) for _ in range(3)]
    with psycopg.connect(idle_shop.url) as connection:
        for ref, age in zip(refs, ("89 days", "91 days", None), strict=True):
            connection.execute(
                "update local_platform.executions set ended_at = clock_timestamp() - %s::interval "
                "where execution_id = %s",
                [age, ref],
            )
        forget_old(connection)
        left = connection.execute("select execution_id from local_platform.executions").fetchall()
    assert {row[0] for row in left} == {refs[0], refs[2]}


def test_a_running_execution_keeps_its_definition(shop: Shop, tokens: Callable[[str], str]) -> None:
    ref = shop.start(one({**asks(), "Next": "B"}, B={"Type": "Pass", "Result": "old", "End": True}))
    machine = ref.partition(":")[0]
    token = tokens("k")
    path = shop.folder / f"{machine}.asl.json"
    path.write_text(path.read_text().replace('"old"', '"new"'))
    shop.workflows.succeed(token, {})
    assert shop.wait(ref).output == "old"
