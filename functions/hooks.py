"""What a deployment calls: custom resources of CloudFormation. Every request is answered, also after a failure."""

import json
import logging
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from functions.entry import call
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
                answer["Data"] = asdict(call(usecase, command(), parts))
        except CodedError as error:
            log.exception("the deployment step failed")
            answer |= {"Status": "FAILED", "Reason": error.code}
        except Exception as error:
            log.exception("the deployment step failed")
            # CloudFormation would wait an hour for an answer that never comes; details stay in the log
            answer |= {"Status": "FAILED", "Reason": f"INTERNAL_ERROR ({type(error).__name__})"}
        _answer(event, answer)
        return answer

    return handler


def _answer(event: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
    same = {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    body = json.dumps({**same, "PhysicalResourceId": event["LogicalResourceId"], **answer}).encode()
    request = urllib.request.Request(event["ResponseURL"], data=body, method="PUT", headers={"Content-Type": ""})
    with urllib.request.urlopen(request, timeout=ANSWER_SECONDS):
        pass
