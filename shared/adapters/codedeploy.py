"""The answer that CodeDeploy waits for after it has called a hook of a deployment."""

from typing import Any

from shared.adapters.aws_calls import ask, aws_client


def answer_hook(deployment_id: str, execution_id: str, *, succeeded: bool, client: Any = None) -> None:
    """Tell how the hook ended; a deployment whose hook failed is rolled back.

    The client is made without settings, because a hook whose settings cannot be read must answer too. Raises as
    aws_calls.ask does; CodeDeploy then takes an hour of silence for a failure."""
    codedeploy = client or aws_client("codedeploy", region="")
    status = "Succeeded" if succeeded else "Failed"
    ask(
        codedeploy.put_lifecycle_event_hook_execution_status,
        deploymentId=deployment_id,
        lifecycleEventHookExecutionId=execution_id,
        status=status,
    )
