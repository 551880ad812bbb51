"""The state machines: the very files of statemachines/, with versions of functions, behind an alias (spec W9)."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aws_cdk import RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as stepfunctions
from constructs import Construct

from infra.aws.alarm_rows import takes_back
from infra.aws.bundle import ROOT
from infra.aws.stages import LOG_DAYS, Stage

FILES = {path.name.removesuffix(".asl.json"): path for path in sorted((ROOT / "statemachines").glob("*.asl.json"))}
ALIAS = "live"


class Workflows(Construct):
    """`machines` and `aliases` by the name of the file."""

    def __init__(
        self, scope: Construct, id: str, *, stage: Stage, prefix: str, release: str, versions: Mapping[str, Any]
    ) -> None:
        super().__init__(scope, id)
        self._stage, self._prefix, self._release, self._versions = stage, prefix, release, versions
        self.machines = {name: self._machine(name, path) for name, path in FILES.items()}
        self.failed = {name: self._alarm(name) for name in FILES}
        self.aliases = {name: self._alias(name) for name in FILES}

    def _machine(self, name: str, path: Path) -> Any:
        group = logs.LogGroup(
            self,
            f"{_camel(name)}Logs",
            log_group_name=f"/aws/vendedlogs/states/{self._prefix}{name}",
            retention=logs.RetentionDays[LOG_DAYS[self._stage.log_days]],
            removal_policy=RemovalPolicy.DESTROY,
        )
        machine = stepfunctions.StateMachine(
            self,
            _camel(name),
            state_machine_name=f"{self._prefix}{name}",
            definition_body=stepfunctions.DefinitionBody.from_string(self._definition(path)),
            definition_substitutions={
                state: self._versions[snake(state)].function_arn for state in substitutions(path)
            },
            # ids only are in the data of states (W6), so whole histories may be logged
            logs=stepfunctions.LogOptions(
                destination=group, level=stepfunctions.LogLevel.ALL, include_execution_data=False
            ),
            tracing_enabled=True,
            removal_policy=RemovalPolicy.RETAIN if self._stage.deletion_protection else RemovalPolicy.DESTROY,
        )
        machine.add_to_role_policy(
            iam.PolicyStatement(
                actions=["lambda:InvokeFunction"],
                # every version of these functions: an execution ends on the code it began with
                resources=sorted_arns(self._versions[snake(state)] for state in substitutions(path)),
            )
        )
        return machine

    def _definition(self, path: Path) -> str:
        """The file with the release in its comment: a version can only be published of a revision that changed."""
        definition = json.loads(path.read_text(encoding="utf-8"))
        return json.dumps(definition | {"Comment": f"{definition['Comment']} [release {self._release}]"})

    def _alias(self, name: str) -> Any:
        """New executions move 10 % at first; a failing machine takes the change back (design section 7)."""
        machine = self.machines[name]
        version = stepfunctions.CfnStateMachineVersion(
            self,
            f"{_camel(name)}Version{self._release}",
            state_machine_arn=machine.state_machine_arn,
            state_machine_revision_id=machine.state_machine_revision_id,
            description=self._release,
        )
        version.apply_removal_policy(RemovalPolicy.RETAIN)
        shift = stepfunctions.CfnStateMachineAlias.DeploymentPreferenceProperty(
            state_machine_version_arn=version.attr_arn,
            type="CANARY" if self._stage.canary_minutes else "ALL_AT_ONCE",
            alarms=[self.failed[name].alarm_name],
            **({"percentage": 10, "interval": self._stage.canary_minutes} if self._stage.canary_minutes else {}),
        )
        return stepfunctions.CfnStateMachineAlias(self, f"{_camel(name)}Live", name=ALIAS, deployment_preference=shift)

    def _alarm(self, name: str) -> Any:
        return cloudwatch.Alarm(
            self,
            f"{_camel(name)}Failed",
            alarm_name=f"{self._prefix}{name}-failed",
            alarm_description=takes_back(f"a failed execution of {name}"),
            metric=self.machines[name].metric_failed(statistic="Sum"),
            threshold=1,
            evaluation_periods=1,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )


def substitutions(path: Path) -> list[str]:
    """The names of functions that the file leaves open, as `ClaimJob`."""
    return sorted(set(re.findall(r"\$\{(\w+)\}", path.read_text(encoding="utf-8"))))


def snake(camel: str) -> str:
    """`ClaimJob` -> `claim_job`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", camel).lower()


def sorted_arns(versions: Any) -> list[str]:
    """The functions of the versions, each with all its versions."""
    return [f"{version.lambda_.function_arn}:*" for version in versions]


def _camel(name: str) -> str:
    return "".join(part.title() for part in name.split("_"))
