"""moto's own interpreter of the Amazon States Language in this process, its Lambda client replaced by a script.

Nothing of moto listens and nothing runs in Docker. What is replaced: the Lambda client of its Task states, the sleep
before a retry (noted instead), the parser's results (kept: parsing costs 0.1 s), and a list that its parser shares
between threads, where one refused definition spoils every later one.
"""

import copy
import io
import json
import re
import threading
import time
import uuid
from collections.abc import Mapping
from typing import Any

import pytest
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor
from moto.stepfunctions.parser.models import StepFunctionsParserBackend

from infra.local.asl_definition import CALLBACK, function_of
from infra.local.asl_errors import handler_error
from tests.workflow.machine_stubs import Answer, Outcome, Script, Stage

ACCOUNT, REGION = "123456789012", "eu-central-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/machine"
_NAME = re.compile(r"\$\{[A-Z][A-Za-z0-9]*\}")


class MotoInterpreter:
    """Runs scripts one at a time; made once per test run."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._stage: Stage | None = None
        self._backend = StepFunctionsParserBackend(REGION, ACCOUNT)
        self._parsed: dict[str, Any] = {}
        self._parse = AmazonStateLanguageParser.parse
        self._lock = threading.Lock()
        patch.setattr(lambda_eval_utils, "boto_client_for", lambda **_: self)
        patch.setattr(retrier_decl, "time", self)
        patch.setattr(AmazonStateLanguageParser, "parse", staticmethod(self._parse_once))
        patch.setattr(Preprocessor, "__init__", lambda made: setattr(made, "_query_language_per_scope", []))

    def run(self, script: Script) -> Outcome:
        """Run the script to its end."""
        stage = self._stage = Stage(script)
        machine = self._backend.create_state_machine(
            name=f"m{uuid.uuid4().hex}", definition=json.dumps(with_arns(script.machine)), roleArn=ROLE
        )
        execution = self._backend.start_execution(machine.arn, "job-1", json.dumps(script.input))

        def step() -> bool:
            time.sleep(0.002)
            return bool(execution.status != "RUNNING")

        stage.run(step, self._answer)
        stage.entered = [
            event["stateEnteredEventDetails"]["name"]
            for event in self._backend.get_execution_history(execution.execution_arn)["events"]
            if "stateEnteredEventDetails" in event
        ]
        found = execution.to_describe_output()
        output = json.loads(found["output"]) if "output" in found else None
        return stage.outcome(str(execution.status), output, found.get("error"), found.get("cause"))

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:
        """What a boto3 Lambda client answers; an exception is a payload of errorType and errorMessage."""
        assert self._stage is not None
        name = FunctionName.rpartition(":")[2]
        try:
            result = {"Payload": io.BytesIO(json.dumps(self._stage.call(name, json.loads(Payload))).encode())}
        except Exception as error:  # noqa: BLE001 (as Lambda does)
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(handler_error(error).cause.encode())}
        return {"StatusCode": 200, **result}

    def sleep(self, seconds: float) -> None:
        """Note the pause before a retry instead of making it."""
        assert self._stage is not None
        self._stage.delays.append(float(seconds))

    def _answer(self, token: str, answer: Answer) -> None:
        kind, content = answer
        if kind == "succeed":
            self._backend.send_task_success(token, json.dumps(content))
        else:
            self._backend.send_task_failure(token, error=content[0], cause=content[1])

    def _parse_once(self, definition: str) -> Any:
        with self._lock:
            if definition not in self._parsed:
                self._parsed[definition] = self._parse(definition)
            program, *tree = self._parsed[definition]
            return copy.deepcopy(program), *tree


def with_arns(machine: Mapping[str, Any]) -> Any:
    """The definition with a Lambda ARN of the function's own name for each `${FunctionName}`."""

    def arn(match: re.Match[str]) -> str:
        task = {"Resource": CALLBACK, "Parameters": {"FunctionName": match[0]}}
        return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function_of(task)}"

    return json.loads(_NAME.sub(arn, json.dumps(machine)))
