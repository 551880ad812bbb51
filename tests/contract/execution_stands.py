"""Where executions run in tests of the port: the local state machine with a worker, and moto's Step Functions."""

import json
import queue
import traceback
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from infra.local.postgres import Databases
from infra.local.worker import Worker
from shared.adapters.local_workflows import LocalWorkflows
from shared.adapters.stepfunctions import StepFunctionsWorkflows
from shared.domain.executions import Execution
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


@contextmanager
def on_one_machine(databases: Databases, folder: Path) -> Iterator[Stand]:
    """The local state machine; its files lie in the folder."""
    with psycopg.connect(databases.platform_url) as connection:
        connection.execute("truncate local_platform.executions, local_platform.frames, local_platform.tokens")
    shop = Shop(databases.platform_url, folder)
    tokens: queue.Queue[str] = queue.Queue()
    shop.functions["ask"] = lambda event, _context: tokens.put(event["token"])

    def define(definition: dict[str, Any]) -> str:
        name = f"m{uuid.uuid4().hex}"
        (folder / f"{name}.asl.json").write_text(json.dumps(definition))
        return name

    worker = Worker(shop.url, threads=2, resolve=shop.resolve, queues={}, schedules={})
    worker.start()
    cut_off = LocalWorkflows(Direct("postgresql://nobody@127.0.0.1:1/nothing"), folder)
    yield Stand(
        workflows=shop.workflows,
        cut_off=cut_off,
        define=define,
        ask=LOCAL_ASK,
        token=lambda: tokens.get(timeout=PATIENCE),
        output=lambda ref: shop.look(ref).output,
    )
    assert worker.stop()


def on_step_functions() -> Stand:
    """moto's interpreter, over HTTP."""
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


def text_of(error: BaseException) -> str:
    """All that a log could show of an error: itself, its traceback, and every error behind it."""
    shown = ["".join(traceback.format_exception(error))]
    behind: BaseException | None = error
    while behind is not None:
        shown.append(f"{behind!r} {vars(behind)}")
        behind = behind.__cause__ or behind.__context__
    return " ".join(shown)
