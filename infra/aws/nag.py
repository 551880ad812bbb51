"""cdk-nag over every stack: a finding stops the synthesis unless it stands here with a reason (design section 7)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jsii
from aws_cdk import (
    App,
    IPolicyValidationPlugin,
    PolicyValidationPluginReport,
    PolicyViolatingResource,
    PolicyViolation,
    Validations,
)
from cdk_nag import AwsSolutionsChecks


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """`finding` and `path` are regular expressions for the whole id of a finding and the path of its construct."""

    finding: str
    path: str
    reason: str


_ANY_STAGE = r"bidproof-(dev|staging|prod)"
_OF_DATA = r"(<|bidproof-\w+-data:ExportsOutputFnGetAtt)"  # a resource of the data stack, before and after synthesis
ACCEPTED = (
    Accepted(
        finding=r"AwsSolutions-L1",
        path=rf"{_ANY_STAGE}-\w+/.*",
        reason="Python 3.13 is the version whose image has the glibc of the locked wheels (decision 0009).",
    ),
    Accepted(
        finding=r"AwsSolutions-IAM5\[Resource::\*\]",
        path=rf"{_ANY_STAGE}-\w+/Functions/\w+Role/DefaultPolicy/Resource",
        reason="Network interfaces of functions and X-Ray segments: both services know no resource for these calls. "
        "test_least_privilege.py compares the actions with a table.",
    ),
    Accepted(
        finding=r"AwsSolutions-IAM5\[Resource::\*\]",
        path=rf"{_ANY_STAGE}-app/Workflows/\w+/Role/DefaultPolicy/Resource",
        reason="X-Ray segments and the delivery of logs, which CloudWatch Logs grants for no single resource.",
    ),
    Accepted(
        finding=r"AwsSolutions-IAM5\[Resource::<Functions\w+\.Arn>:\*\]",
        path=rf"{_ANY_STAGE}-\w+/.*",
        reason="All versions of one function: an execution ends on the version that it began with (decision 0008).",
    ),
    Accepted(
        finding=rf"AwsSolutions-IAM5\[Resource::{_OF_DATA}Objects\w+(\.Arn>)?/\*\]",
        path=rf"{_ANY_STAGE}-\w+/.*",
        reason="Objects of one bucket: tenants are key prefixes, which one function serves in turn; the key is built "
        "from verified ids in one place and rows are checked by the database (spec S55).",
    ),
    Accepted(
        finding=rf"AwsSolutions-IAM5\[Resource::{_OF_DATA}SearchDomain\w+(\.Arn>)?/\*\]",
        path=rf"{_ANY_STAGE}-\w+/.*",
        reason="Requests to one OpenSearch domain: inside, fine-grained access limits roles to the product's indexes.",
    ),
    Accepted(
        finding=r"AwsSolutions-IAM5\[Resource::arn:aws:states:[\w-]+:<AWS::AccountId>:(stateMachine|execution):"
        rf"{_ANY_STAGE}-\w+:\*\]",
        path=rf"{_ANY_STAGE}-\w+/.*",
        reason="Versions, aliases and executions of one state machine; their names do not exist at deployment.",
    ),
    Accepted(
        finding=r"AwsSolutions-IAM5\[Resource::arn:aws:lambda:[\w-]+:<AWS::AccountId>:function:"
        rf"{_ANY_STAGE}-api:\*\]",
        path=rf"{_ANY_STAGE}-app/Functions/(Check|Verify)ReleaseRole/DefaultPolicy/Resource",
        reason="A hook calls the version under trial, whose number does not exist when the role is made.",
    ),
    Accepted(
        finding=r"AwsSolutions-IAM5\[Resource::arn:aws:lambda:[\w-]+:<AWS::AccountId>:function:"
        rf"{_ANY_STAGE}-\*(:live)?\]",
        path=rf"{_ANY_STAGE}-app/Functions/(ShiftReleaseTraffic|RollBackStep|ReplayRelease)Role/DefaultPolicy/Resource",
        reason="A rollout moves the aliases of all functions of its stage; naming each would not fit a policy.",
    ),
    Accepted(
        finding=r"AwsSolutions-IAM5\[Resource::\*\]",
        path=rf"{_ANY_STAGE}-delivery/Deployer/DefaultPolicy/Resource",
        reason="CodeDeploy reads alarms, and CloudWatch knows no resource for that call.",
    ),
    Accepted(
        finding=r"AwsSolutions-IAM4\[Policy::arn:<AWS::Partition>:iam::aws:policy/"
        r"(service-role/)?AWSBackupServiceRolePolicyFor(S3)?Backup\]",
        path=rf"{_ANY_STAGE}-data/Backup/Role/Resource",
        reason="AWS Backup documents these two policies as what its role needs, and keeps them up with its service.",
    ),
    Accepted(
        finding=r"AwsSolutions-CFR1",
        path=rf"{_ANY_STAGE}-site/Distribution/Resource",
        reason="Bidders and evaluators sit in any country; who may sign in is decided by accounts.",
    ),
    Accepted(
        finding=r"AwsSolutions-CFR4",
        path=rf"{_ANY_STAGE}-site/Distribution/Resource",
        reason="TLS 1.2 is set and holds as soon as the stage has console_certificate: with CloudFront's own "
        "certificate CloudFront decides. The API refuses older versions by itself.",
    ),
    Accepted(
        finding=r"AwsSolutions-APIG4",
        path=rf"{_ANY_STAGE}-app/Interface/Api/GET--(health--live|health--ready|openapi\.json)/Resource",
        reason="Health and the interface description answer without credentials (spec S6).",
    ),
    Accepted(
        finding=r"AwsSolutions-SQS3",
        path=rf"{_ANY_STAGE}-app/Queues/DeadUndelivered/Resource",
        reason="It is the dead-letter queue of the rules of the bus and of the schedules, which the rule cannot see.",
    ),
    Accepted(
        finding=r"AwsSolutions-SMG4",
        path=rf"{_ANY_STAGE}-data/MasterKey/Resource",
        reason="Audit chain, stored ciphertext and links derive from this text: another one makes them unreadable. "
        "It changes by the runbook secret_rotation, which encrypts again first.",
    ),
    Accepted(
        finding=r"AwsSolutions-OS3",
        path=rf"{_ANY_STAGE}-data/Search/Domain/Resource",
        reason="The domain has no public address: a security group lets in the functions, and requests are signed.",
    ),
    Accepted(
        finding=r"AwsSolutions-OS4",
        path=rf"{_ANY_STAGE}-data/Search/Domain/Resource",
        reason="At most three nodes, and the index is rebuilt from rows when it is lost (spec O70): "
        "three master nodes would cost more than the data nodes.",
    ),
    Accepted(
        finding=r"AwsSolutions-OS7",
        path=r"bidproof-dev-data/Search/Domain/Resource",
        reason="One node in dev; its index is rebuilt from rows.",
    ),
    Accepted(
        finding=r"AwsSolutions-RDS10",
        path=r"bidproof-dev-data/Database/Cluster/Resource",
        reason="`make destroy STAGE=dev` removes dev with its data; staging and prod are protected.",
    ),
)


@jsii.implements(IPolicyValidationPlugin)
class Nag:
    """The AwsSolutions pack without what is accepted; CDK asks it at the end of a synthesis."""

    def __init__(self, app: App) -> None:
        self._app = app

    @property
    def name(self) -> str:
        """As the report of the synthesis calls it."""
        return "cdk-nag"

    def validate(self, context: Any) -> Any:
        """The findings that have no reason: one is enough to fail the synthesis."""
        del context  # the templates; the pack reads constructs
        rows: dict[str, list[Any]] = {}
        for finding, path in findings(self._app):
            if reason(finding, path) is None:
                rows.setdefault(finding, []).append(
                    PolicyViolatingResource(construct_path=path, locations=["Properties"])
                )
        violations = [
            PolicyViolation(
                rule_name=finding, description=f"{finding}: mend it or give a reason", violating_resources=found
            )
            for finding, found in rows.items()
        ]
        return PolicyValidationPluginReport(success=not violations, violations=violations)


def check(app: App) -> None:
    """Let the synthesis of the app fail on a finding without a reason."""
    Validations.of(app).add_plugins(Nag(app))


def findings(app: App) -> Iterator[tuple[str, str]]:
    """(id, path of the construct) of every finding of the pack, accepted or not."""
    for violation in AwsSolutionsChecks().validate_scope(app).violations:
        for resource in violation.violating_resources:
            yield violation.rule_name, resource.construct_path


def accepts(row: Accepted, finding: str, path: str) -> bool:
    """Whether the row is about this finding at this construct."""
    return bool(re.fullmatch(row.finding, finding) and re.fullmatch(row.path, path))


def reason(finding: str, path: str) -> str | None:
    """Why the finding is accepted at this construct, or None."""
    return next((row.reason for row in ACCEPTED if accepts(row, finding, path)), None)
