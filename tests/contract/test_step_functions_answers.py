"""What Step Functions is told and what its answers mean, held against botocore's own Stubber.

moto differs there from what AWS documents, or lets nobody choose the answer."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from botocore.stub import Stubber

from shared.adapters.stepfunctions import StepFunctionsWorkflows, execution_arn
from shared.domain.errors import CodedError, Permanent, Retryable
from tests.contract.execution_stands import MACHINE, TOKEN, text_of
from tests.moto_server import ACCOUNT, REGION, moto_client


@dataclass
class Stubbed:
    """The adapter over a client whose answers are queued."""

    stub: Stubber
    workflows: StepFunctionsWorkflows


@pytest.fixture
def stubbed() -> Iterator[Stubbed]:
    made = moto_client("stepfunctions")
    machines = {"evaluate_bid": f"{MACHINE}:live", "ingest_document": MACHINE.replace("evaluate_bid", "ingest")}
    with Stubber(made) as stub:
        yield Stubbed(stub, StepFunctionsWorkflows(made, machines=machines))
        stub.assert_no_pending_responses()


def test_step_functions_is_told_to_stop_with_the_cause(stubbed: Stubbed) -> None:
    ref = execution_arn(MACHINE, "job_1-1")
    asked = {"executionArn": ref, "error": "Stopped", "cause": "c" * 32_768}
    stubbed.stub.add_response("stop_execution", {"stopDate": 1}, asked)
    stubbed.workflows.stop(ref, cause="c" * 40_000)


def test_step_functions_is_told_error_and_cause_of_a_failed_wait(stubbed: Stubbed) -> None:
    """moto loses the cause."""
    asked = {"taskToken": TOKEN, "error": "ParserLost", "cause": "container 7"}
    stubbed.stub.add_response("send_task_failure", {}, asked)
    assert stubbed.workflows.fail(TOKEN, error="ParserLost", cause="container 7")


def test_the_alias_is_started_and_the_reference_of_a_closed_name_is_computed(stubbed: Stubbed) -> None:
    """moto cannot start an alias. The answer to a taken name carries no reference."""
    asked = {"stateMachineArn": f"{MACHINE}:live", "name": "job_1-1", "input": '{"a":1,"b":2}'}
    stubbed.stub.add_client_error("start_execution", "ExecutionAlreadyExists", expected_params=asked)
    ref = stubbed.workflows.start("evaluate_bid", name="job_1-1", input={"b": 2, "a": 1})
    assert ref == f"arn:aws:states:{REGION}:{ACCOUNT}:execution:evaluate_bid:job_1-1"


@pytest.mark.parametrize("answer", ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"])
def test_f19_each_answer_that_a_wait_is_gone_is_false_and_no_error(stubbed: Stubbed, answer: str) -> None:
    """moto gives them, but one cannot choose which (W90)."""
    for call in ("send_task_success", "send_task_failure", "send_task_heartbeat"):
        stubbed.stub.add_client_error(call, answer, f"Invalid Token: '{TOKEN}'", 400)
    assert stubbed.workflows.succeed(TOKEN, {}) is False
    assert stubbed.workflows.fail(TOKEN, error="E", cause="") is False
    assert stubbed.workflows.heartbeat(TOKEN) is False


@pytest.mark.parametrize(
    ("status", "ours"),
    [
        ("RUNNING", "running"),
        ("SUCCEEDED", "succeeded"),
        ("FAILED", "failed"),
        ("TIMED_OUT", "timed_out"),
        ("ABORTED", "aborted"),
    ],
)
def test_every_status_of_step_functions_has_our_word(stubbed: Stubbed, status: str, ours: str) -> None:
    ref = execution_arn(MACHINE, "job_1-1")
    answer = {"executionArn": ref, "stateMachineArn": MACHINE, "status": status, "startDate": 1}
    stubbed.stub.add_response("describe_execution", answer, {"executionArn": ref})
    found = stubbed.workflows.describe(ref)
    assert found is not None
    assert found.status == ours


@pytest.mark.parametrize(
    ("code", "status", "raised", "said"),
    [
        ("AccessDeniedException", 400, Permanent, "INTERNAL_ERROR"),
        ("StateMachineDoesNotExist", 400, Permanent, "INTERNAL_ERROR"),
        ("InvalidName", 400, Permanent, "INTERNAL_ERROR"),
        ("ExecutionLimitExceeded", 400, Retryable, "DEPENDENCY_UNAVAILABLE"),
        ("ThrottlingException", 400, Retryable, "DEPENDENCY_UNAVAILABLE"),
        ("KmsThrottlingException", 400, Retryable, "DEPENDENCY_UNAVAILABLE"),
        ("InternalServerError", 500, Retryable, "DEPENDENCY_UNAVAILABLE"),
        ("RequestTimeoutException", 408, Retryable, "DEPENDENCY_TIMEOUT"),
    ],
)
def test_only_what_may_pass_is_tried_again(
    stubbed: Stubbed, code: str, status: int, raised: type[CodedError], said: str
) -> None:
    stubbed.stub.add_client_error("start_execution", code, "words of the vendor", status)
    with pytest.raises(raised) as caught:
        stubbed.workflows.start("evaluate_bid", name="job_1-1", input={})
    assert caught.value.code == said
    assert "words of the vendor" not in text_of(caught.value)


@pytest.mark.parametrize(("code", "status"), [("AccessDeniedException", 400), ("InternalServerError", 500)])
def test_no_error_carries_a_callback_token_even_when_the_service_repeats_it(
    stubbed: Stubbed, code: str, status: int
) -> None:
    words = f"cannot answer {TOKEN}"
    for call in ("send_task_success", "send_task_failure", "send_task_heartbeat"):
        stubbed.stub.add_client_error(call, code, words, status)
    for answer in (
        lambda: stubbed.workflows.succeed(TOKEN, {"decision": "approve"}),
        lambda: stubbed.workflows.fail(TOKEN, error="E", cause=""),
        lambda: stubbed.workflows.heartbeat(TOKEN),
    ):
        with pytest.raises(CodedError) as caught:
            answer()
        assert TOKEN not in text_of(caught.value)
