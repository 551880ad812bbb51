"""What the steps of roll_out_release may do: move the aliases `live` of this stage's functions and machines (W59)."""

from typing import Any

from aws_cdk import ArnFormat

_FUNCTIONS = ["lambda:GetAlias", "lambda:UpdateAlias"]
_MACHINES = ["states:DescribeStateMachineAlias", "states:UpdateStateMachineAlias"]


def release_needs(stack: Any, *, machines: list[str]) -> dict[str, tuple[list[str], list[str]]]:
    """Need -> actions and resources. CloudWatch gives no composite alarms to who may see single ones only."""
    functions = [
        stack.format_arn(
            service="lambda",
            resource="function",
            resource_name=f"{stack.prefix}{tail}",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        for tail in ("*", "*:live")
    ]
    return {
        "alarms:read": (["cloudwatch:DescribeAlarms"], ["*"]),
        "weights:functions": (_FUNCTIONS, functions),
        "weights:machines": (_MACHINES, machines),
    }
