"""What a deployment calls: custom resources of CloudFormation and life cycle hooks of CodeDeploy.

Every request is answered, also after a failure."""

import json
import logging
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from typing import Any

from functions.entry import call
from shared.adapters.codedeploy import answer_hook
from shared.domain.context import Actor
from shared.domain.errors import CodedError
from shared.wiring import services

Handler = Callable[[Mapping[str, Any], Any], dict[str, Any]]
DEPLOYMENT = Actor(tenant_id="", actor_id="system:deployment", kind="system")
ANSWER_SECONDS = 30
log = logging.getLogger("bidproof.hook")


def resource(command: type[Any], usecase: Callable[..., Any]) -> Handler:
    """A custom resource whose create and update call the use case; its deletion does nothing.

    An error fails the deployment, which CloudFormation then takes back (custom resource reference, response object)."""

    def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
        answer: dict[str, Any] = {"Status": "SUCCESS", "Data": {}}
        try:
            if event["RequestType"] != "Delete":
                parts = services().bind(DEPLOYMENT, time_left=lambda: context.get_remaining_time_in_millis() / 1000)
                answer["Data"] = asdict(call(usecase, command(**_given(command, event)), parts))
        except CodedError as error:
            log.exception("BP_DEPLOYMENT_STEP_FAILED")
            answer |= {"Status": "FAILED", "Reason": error.code}
        except Exception as error:
            log.exception("BP_DEPLOYMENT_STEP_FAILED")
            # CloudFormation would wait an hour for an answer that never comes; details stay in the log
            answer |= {"Status": "FAILED", "Reason": f"INTERNAL_ERROR ({type(error).__name__})"}
        _answer(event, answer)
        return answer

    return handler


def lifecycle(command: type[Any], usecase: Callable[..., Any], *, answer: Callable[..., None] = answer_hook) -> Handler:
    """A hook of a deployment, before or after its traffic moves. What fails, by a code or by a bug, is answered as
    failed, and CodeDeploy takes the deployment back (CodeDeploy user guide, AppSpec hooks of Lambda)."""

    def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
        deployment_id, execution_id = event["DeploymentId"], event["LifecycleEventHookExecutionId"]
        done: dict[str, Any] = {"succeeded": False}
        try:
            parts = services().bind(DEPLOYMENT, time_left=lambda: context.get_remaining_time_in_millis() / 1000)
            done = {"succeeded": True} | asdict(call(usecase, command(label=deployment_id), parts))
            log.info("BP_RELEASE_PASSED", extra={"deployment": deployment_id, **done})
        except CodedError as error:
            about = {"deployment": deployment_id, "error_code": error.code, "reason": str(error), **error.details}
            log.exception("BP_RELEASE_FAILED", extra=about)
        except Exception:
            log.exception("BP_RELEASE_NOT_TRIED", extra={"deployment": deployment_id})
        answer(deployment_id, execution_id, succeeded=done["succeeded"])
        return done

    return handler


def _given(command: type[Any], event: Mapping[str, Any]) -> dict[str, Any]:
    """The properties that the command has fields for, `TenantId` for `tenant_id`."""
    properties = event.get("ResourceProperties", {})
    named = {row.name: "".join(part.title() for part in row.name.split("_")) for row in fields(command)}
    return {name: properties[written] for name, written in named.items() if written in properties}


def _answer(event: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
    same = {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    body = json.dumps({**same, "PhysicalResourceId": event["LogicalResourceId"], **answer}).encode()
    request = urllib.request.Request(event["ResponseURL"], data=body, method="PUT", headers={"Content-Type": ""})
    with urllib.request.urlopen(request, timeout=ANSWER_SECONDS):
        pass
