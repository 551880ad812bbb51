"""The Workflows port over Step Functions, standard machines (spec W14, W15, W86, W90, W113)."""

from collections.abc import Mapping
from typing import Any

from shared.adapters.aws_calls import Call, ask_unless
from shared.domain.errors import Permanent
from shared.domain.executions import Execution
from shared.domain.payloads import bounded_text

_NO_WAIT = frozenset({"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"})
_UNKNOWN = frozenset({"ExecutionDoesNotExist", "InvalidArn"})
_ERROR, _CAUSE = 256, 32_768  # characters, the service's limits


def execution_arn(machine_arn: str, name: str) -> str:
    """The reference that the service gives an execution of this name; a version or alias is no part of it."""
    arn = machine_arn.split(":")
    return ":".join([*arn[:5], "execution", arn[6], name])


class StepFunctionsWorkflows:
    """Executions of `machines`: name of the file in statemachines/ -> ARN of the state machine's alias.

    The client comes from aws_calls.aws_client("stepfunctions"). Every method raises Retryable
    DEPENDENCY_UNAVAILABLE or DEPENDENCY_TIMEOUT, and Permanent INTERNAL_ERROR without the right to call.
    """

    def __init__(self, client: Any, *, machines: Mapping[str, str]) -> None:
        self._client, self._machines = client, machines

    def start(self, machine: str, *, name: str, input: Mapping[str, Any]) -> str:
        """Start, or return the running execution of this name; a closed name also counts as started (W15).

        Raises Permanent WF_PAYLOAD_TOO_LARGE above 200 KiB and INTERNAL_ERROR for an unknown machine.
        """
        if machine not in self._machines:
            raise Permanent("INTERNAL_ERROR", f"there is no state machine {machine}")
        arn = self._machines[machine]
        started = ask_unless(
            {"ExecutionAlreadyExists"},
            self._client.start_execution,
            stateMachineArn=arn,
            name=name,
            input=bounded_text(input),
        )
        return execution_arn(arn, name) if started is None else str(started["executionArn"])

    def succeed(self, token: str, output: Mapping[str, Any]) -> bool:
        """Answer a waiting callback; False when the wait is gone, answered or timed out (W90)."""
        return self._answered(self._client.send_task_success, token, output=bounded_text(output))

    def fail(self, token: str, *, error: str, cause: str) -> bool:
        """Fail a waiting callback under an error name that Retry and Catch match; False as in `succeed`."""
        return self._answered(self._client.send_task_failure, token, error=error[:_ERROR], cause=cause[:_CAUSE])

    def heartbeat(self, token: str) -> bool:
        """Prolong a waiting callback by its heartbeat time; False as in `succeed`."""
        return self._answered(self._client.send_task_heartbeat, token)

    def stop(self, execution_ref: str, *, cause: str) -> None:
        """Stop a running execution; stopping a closed or unknown one does nothing."""
        stop = self._client.stop_execution
        ask_unless(_UNKNOWN, stop, executionArn=execution_ref, error="Stopped", cause=cause[:_CAUSE])

    def describe(self, execution_ref: str) -> Execution | None:
        """How the execution stands, or None when there is none of this reference."""
        found = ask_unless(_UNKNOWN, self._client.describe_execution, executionArn=execution_ref)
        if found is None:
            return None
        return Execution(
            ref=execution_ref,
            status=str(found["status"]).lower(),
            started_at=found["startDate"],
            ended_at=found.get("stopDate"),
            error=found.get("error"),
        )

    def _answered(self, call: Call, token: str, **answer: str) -> bool:
        return ask_unless(_NO_WAIT, call, taskToken=token, **answer) is not None
