"""One suite over executions: the local state machine with a worker, and Step Functions (moto's interpreter over HTTP).

Where moto differs from what AWS documents, a test below uses botocore's own Stubber and says so.
"""

import json
import logging
import queue
import traceback
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from botocore.stub import Stubber

from infra.local.worker import Worker
from shared.adapters.local_workflows import LocalWorkflows
from shared.adapters.stepfunctions import StepFunctionsWorkflows, execution_arn
from shared.domain.errors import CodedError, Permanent, Retryable
from shared.domain.executions import Execution
from shared.domain.payloads import PAYLOAD_LIMIT
from shared.ports.platform import Workflows
from tests.moto_server import ACCOUNT, REGION, lost_client, moto_client
from tests.workflow.conftest import PATIENCE, Direct, Shop, until

MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:evaluate_bid"
TOKEN = "AAAAKgAAAAIAAAAAAAAAAsecret" + "x" * 60
LOCAL_ASK = {
    "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
    "Parameters": {"FunctionName": "${Ask}", "Payload": {"token.$": "$$.Task.Token"}},
}


@dataclass
class Stand:
    """A platform: `define` makes a machine, `ask` is the head of a Task that hands its token to `token`."""

    workflows: Workflows
    cut_off: Workflows
    define: Callable[[dict[str, Any]], str]
    ask: dict[str, Any]
    token: Callable[[], str]
    output: Callable[[str], Any]

    def ended(self, ref: str) -> Execution:
        """The execution after its end."""

        def look() -> Execution | None:
            found = self.workflows.describe(ref)
            assert found is not None
            return found if found.status != "running" else None

        return until(look)

    def asking(self, **fields: Any) -> str:
        """A machine that waits for an answer, names its error if Caught, and gives both to its output."""
        caught = {"Type": "Pass", "Result": {"caught": True}, "ResultPath": "$.handled", "End": True}
        task = {"Type": "Task", **self.ask, "ResultPath": "$.answer", "End": True, **fields}
        return self.define(
            {"StartAt": "Ask", "States": {"Ask": task, **({"Caught": caught} if "Catch" in fields else {})}}
        )


@pytest.fixture
def local_stand(databases: Any, tmp_path: Path) -> Iterator[Stand]:
    with psycopg.connect(databases.platform_url) as connection:
        connection.execute("truncate local_platform.executions, local_platform.frames, local_platform.tokens")
    shop = Shop(databases.platform_url, tmp_path)
    tokens: queue.Queue[str] = queue.Queue()
    shop.functions["ask"] = lambda event, _context: tokens.put(event["token"])

    def define(definition: dict[str, Any]) -> str:
        name = f"m{uuid.uuid4().hex}"
        (tmp_path / f"{name}.asl.json").write_text(json.dumps(definition))
        return name

    worker = Worker(shop.url, threads=2, resolve=shop.resolve, queues={}, schedules={})
    worker.start()
    cut_off = LocalWorkflows(Direct("postgresql://nobody@127.0.0.1:1/nothing"), tmp_path)
    yield Stand(
        workflows=shop.workflows,
        cut_off=cut_off,
        define=define,
        ask=LOCAL_ASK,
        token=lambda: tokens.get(timeout=PATIENCE),
        output=lambda ref: shop.look(ref).output,
    )
    assert worker.stop()


@pytest.fixture
def aws_stand() -> Stand:
    client, sqs = moto_client("stepfunctions"), moto_client("sqs")
    url = sqs.create_queue(QueueName=f"q{uuid.uuid4().hex}")["QueueUrl"]
    machines: dict[str, str] = {}

    def define(definition: dict[str, Any]) -> str:
        name = f"m{uuid.uuid4().hex}"
        role = f"arn:aws:iam::{ACCOUNT}:role/any"
        made = client.create_state_machine(name=name, definition=json.dumps(definition), roleArn=role)
        machines[name] = made["stateMachineArn"]
        return name

    def token() -> str:
        message = until(lambda: sqs.receive_message(QueueUrl=url).get("Messages"))[0]
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return str(json.loads(message["Body"])["token"])

    body = {"token.$": "$$.Task.Token"}
    return Stand(
        workflows=StepFunctionsWorkflows(client, machines=machines),
        cut_off=StepFunctionsWorkflows(lost_client("stepfunctions"), machines=machines),
        define=define,
        ask={
            "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "Parameters": {"QueueUrl": url, "MessageBody": body},
        },
        token=token,
        output=lambda ref: json.loads(client.describe_execution(executionArn=ref)["output"]),
    )


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


def text_of(error: BaseException) -> str:
    """All that a log could show of an error: itself, its traceback, and every error behind it."""
    shown = ["".join(traceback.format_exception(error))]
    behind: BaseException | None = error
    while behind is not None:
        shown.append(f"{behind!r} {vars(behind)}")
        behind = behind.__cause__ or behind.__context__
    return " ".join(shown)


def test_a_failure_that_comes_after_the_answer_is_refused(local_stand: Stand) -> None:
    """moto takes it, though AWS answers TaskTimedOut: see the stubbed answers below."""
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
