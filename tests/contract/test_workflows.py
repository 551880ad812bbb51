"""One suite over executions: the local state machine with a worker, and Step Functions (moto's interpreter over HTTP).

Where moto differs from what AWS documents, test_step_functions_answers.py holds the calls against a stub.
"""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.postgres import Databases
from shared.adapters.stepfunctions import execution_arn
from shared.domain.errors import Permanent, Retryable
from shared.domain.payloads import PAYLOAD_LIMIT
from tests.contract.execution_stands import MACHINE, TOKEN, Stand, on_one_machine, on_step_functions, text_of


@pytest.fixture
def local_stand(databases: Databases, tmp_path: Path) -> Iterator[Stand]:
    with on_one_machine(databases, tmp_path) as stand:
        yield stand


@pytest.fixture
def aws_stand() -> Stand:
    return on_step_functions()


@pytest.fixture(params=["local", "aws"])
def stand(request: pytest.FixtureRequest) -> Stand:
    found: Stand = request.getfixturevalue(f"{request.param}_stand")
    return found


PASS = {"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": True}}}
FAIL = {"StartAt": "Broken", "States": {"Broken": {"Type": "Fail", "Error": "TooBad", "Cause": "it had to be"}}}


def test_an_execution_runs_to_its_end_with_the_input_it_got(stand: Stand) -> None:
    data = {"tenant_id": "ten_1", "limits": {"ranges": 4}, "name": '标书 "x"', "none": None}
    ref = stand.workflows.start(stand.define(PASS), name="job_1-1", input=data)
    ended = stand.ended(ref)
    assert (ended.ref, ended.status, ended.error) == (ref, "succeeded", None)
    assert ended.ended_at is not None
    assert ended.started_at.tzinfo is not None
    assert ended.started_at <= ended.ended_at
    assert stand.output(ref) == data


def test_an_execution_that_fails_says_its_error(stand: Stand) -> None:
    ended = stand.ended(stand.workflows.start(stand.define(FAIL), name="job_1-1", input={}))
    assert (ended.status, ended.error) == ("failed", "TooBad")


def test_one_name_is_one_execution_while_it_runs(stand: Stand) -> None:
    machine = stand.asking()
    first = stand.workflows.start(machine, name="job_1-1", input={"x": 1, "y": 2})
    token = stand.token()
    assert stand.workflows.start(machine, name="job_1-1", input={"y": 2, "x": 1}) == first
    found = stand.workflows.describe(first)
    assert found is not None
    assert (found.status, found.ended_at) == ("running", None)
    assert stand.workflows.succeed(token, {})
    assert stand.ended(first).status == "succeeded"


def test_a_closed_name_counts_as_started(stand: Stand) -> None:
    machine = stand.define(PASS)
    first = stand.workflows.start(machine, name="job_1-1", input={"x": 1})
    ended = stand.ended(first)
    assert stand.workflows.start(machine, name="job_1-1", input={"x": 1}) == first
    assert stand.workflows.start(machine, name="job_1-1", input={"x": 2}) == first
    assert stand.workflows.describe(first) == ended
    assert stand.output(first) == {"x": 1}


def test_another_name_or_another_machine_is_another_execution(stand: Stand) -> None:
    one, two = stand.define(PASS), stand.define(PASS)
    refs = {
        stand.workflows.start(machine, name=name, input={}) for machine, name in [(one, "a"), (one, "b"), (two, "a")]
    }
    assert len(refs) == 3


def test_an_answer_is_the_result_and_only_the_first_one_counts(stand: Stand) -> None:
    ref = stand.workflows.start(stand.asking(), name="job_1-1", input={"x": 1})
    token = stand.token()
    assert stand.workflows.succeed(token, {"review_id": "rev_1", "decision": "通过"})
    stand.ended(ref)
    assert not stand.workflows.succeed(token, {"decision": "reject"})
    assert not stand.workflows.heartbeat(token)
    assert stand.output(ref) == {"x": 1, "answer": {"review_id": "rev_1", "decision": "通过"}}


def test_a_failed_wait_goes_where_catch_sends_its_error(stand: Stand) -> None:
    catch = [{"ErrorEquals": ["ParserLost"], "ResultPath": "$.failure", "Next": "Caught"}]
    ref = stand.workflows.start(stand.asking(Catch=catch), name="job_1-1", input={})
    assert stand.workflows.fail(stand.token(), error="ParserLost", cause="container 7 is gone")
    assert stand.ended(ref).status == "succeeded"
    output = stand.output(ref)
    assert output["handled"] == {"caught": True}
    assert output["failure"]["Error"] == "ParserLost"


def test_a_failed_wait_without_a_catch_fails_the_execution(stand: Stand) -> None:
    ref = stand.workflows.start(stand.asking(), name="job_1-1", input={})
    assert stand.workflows.fail(stand.token(), error="ParserLost", cause="")
    ended = stand.ended(ref)
    assert (ended.status, ended.error) == ("failed", "ParserLost")


def test_a_heartbeat_reaches_a_wait_and_leaves_it_open(stand: Stand) -> None:
    ref = stand.workflows.start(stand.asking(HeartbeatSeconds=30, TimeoutSeconds=60), name="job_1-1", input={})
    token = stand.token()
    assert stand.workflows.heartbeat(token)
    assert stand.workflows.heartbeat(token)
    assert stand.workflows.succeed(token, {})
    assert stand.ended(ref).status == "succeeded"


def test_a_wait_that_timed_out_takes_no_answer(stand: Stand) -> None:
    ref = stand.workflows.start(stand.asking(TimeoutSeconds=1), name="job_1-1", input={})
    token = stand.token()
    assert stand.ended(ref).status == "failed"
    assert not stand.workflows.succeed(token, {})
    assert not stand.workflows.heartbeat(token)


def test_an_unknown_token_is_no_error(stand: Stand) -> None:
    assert not stand.workflows.succeed(TOKEN, {})
    assert not stand.workflows.fail(TOKEN, error="E", cause="")
    assert not stand.workflows.heartbeat(TOKEN)


def test_stopping_a_closed_or_unknown_execution_does_nothing(stand: Stand) -> None:
    ref = stand.workflows.start(stand.define(PASS), name="job_1-1", input={})
    ended = stand.ended(ref)
    stand.workflows.stop(ref, cause="too late")
    stand.workflows.stop(execution_arn(MACHINE, "nobody"), cause="nobody")
    stand.workflows.stop("nothing", cause="nobody")
    assert stand.workflows.describe(ref) == ended


def test_an_execution_that_nobody_knows_is_none(stand: Stand) -> None:
    assert stand.workflows.describe(execution_arn(MACHINE, "nobody")) is None
    assert stand.workflows.describe("nothing") is None


def test_a_payload_of_200_kib_is_the_largest(stand: Stand) -> None:
    fits = {"x": "y" * (PAYLOAD_LIMIT - len('{"x":""}'))}
    large = {"x": fits["x"] + "y"}
    machine = stand.asking()
    ref = stand.workflows.start(machine, name="job_1-1", input=fits)
    token = stand.token()
    for call in (
        lambda: stand.workflows.start(machine, name="job_1-2", input=large),
        lambda: stand.workflows.succeed(token, large),
    ):
        with pytest.raises(Permanent) as caught:
            call()
        assert caught.value.code == "WF_PAYLOAD_TOO_LARGE"
    assert stand.workflows.succeed(token, {})
    assert stand.ended(ref).status == "succeeded"


def test_an_unknown_machine_fails_for_good(stand: Stand) -> None:
    with pytest.raises(Permanent) as caught:
        stand.workflows.start("no_such_machine", name="job_1-1", input={})
    assert caught.value.code == "INTERNAL_ERROR"


def test_a_platform_that_nobody_answers_for_may_be_tried_again(stand: Stand) -> None:
    machine = stand.define(PASS)
    for call in (
        lambda: stand.cut_off.start(machine, name="job_1-1", input={}),
        lambda: stand.cut_off.succeed(TOKEN, {}),
        lambda: stand.cut_off.fail(TOKEN, error="E", cause=""),
        lambda: stand.cut_off.heartbeat(TOKEN),
        lambda: stand.cut_off.stop("nothing", cause=""),
        lambda: stand.cut_off.describe("nothing"),
    ):
        with pytest.raises(Retryable) as caught:
            call()
        assert caught.value.code == "DEPENDENCY_UNAVAILABLE"
        assert TOKEN not in text_of(caught.value)


def test_a_failure_that_comes_after_the_answer_is_refused(local_stand: Stand) -> None:
    """moto takes it, though AWS answers TaskTimedOut: see test_step_functions_answers.py."""
    ref = local_stand.workflows.start(local_stand.asking(), name="job_1-1", input={})
    token = local_stand.token()
    assert local_stand.workflows.succeed(token, {"n": 1})
    assert not local_stand.workflows.fail(token, error="Late", cause="")
    assert local_stand.ended(ref).status == "succeeded"
    assert not local_stand.workflows.fail(token, error="Late", cause="")


# Stopping a wait: moto answers StopExecution of an execution that waits on a token but leaves it running, so the whole
# story runs on the local platform, and the calls to Step Functions are held against botocore's own Stubber.


def test_a_stopped_execution_is_aborted_and_its_wait_is_gone(local_stand: Stand) -> None:
    workflows = local_stand.workflows
    ref = workflows.start(local_stand.asking(HeartbeatSeconds=30, TimeoutSeconds=60), name="job_1-1", input={})
    token = local_stand.token()
    workflows.stop(ref, cause="the job was canceled")
    assert local_stand.ended(ref).status == "aborted"
    assert not workflows.succeed(token, {})
    assert not workflows.fail(token, error="E", cause="")
    assert not workflows.heartbeat(token)
    assert workflows.start(ref.partition(":")[0], name="job_1-1", input={}) == ref


def test_no_log_line_carries_a_callback_token(stand: Stand, caplog: pytest.LogCaptureFixture) -> None:
    """At DEBUG the SDK itself would write every request, so the adapter's client keeps it quiet (W86)."""
    with caplog.at_level(logging.DEBUG):
        ref = stand.workflows.start(stand.asking(HeartbeatSeconds=30, TimeoutSeconds=60), name="job_1-1", input={})
        token = stand.token()
        assert stand.workflows.heartbeat(token)
        assert stand.workflows.succeed(token, {"decision": "approve"})
        stand.ended(ref)
        assert not stand.workflows.succeed(token, {"decision": "reject"})
    assert token not in caplog.text
    assert not [record for record in caplog.records if token in str(vars(record))]
