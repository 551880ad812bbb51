"""Who may do what, written a second time: a grant that stands only in the template or only here fails (spec S115)."""

from collections.abc import Callable

import pytest

from infra.aws.catalogue import CATALOGUE
from tests.infra.conftest import Templates
from tests.infra.template_parts import STAGES, functions, statements, written

RUNS = {"logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTelemetryRecords", "xray:PutTraceSegments", "kms:Decrypt"}
IN_NETWORK = RUNS | {
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
}
SECRET = {"secretsmanager:GetSecretValue"}
SENDS = {"sqs:SendMessage", "sqs:GetQueueUrl", "kms:GenerateDataKey"}
ROWS = IN_NETWORK | SECRET | SENDS | {"rds-db:connect"}  # reads and writes rows, and wakes the relay after a commit
RECEIVES = {
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
    "sqs:ReceiveMessage",
}
READS = {"s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"}
WRITES = {"s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "kms:GenerateDataKey"}
REMOVES = {"s3:DeleteObject", "s3:DeleteObjectVersion", "s3:GetObjectRetention", "s3:ListBucket"}
LOCKS = {"s3:GetObjectRetention", "s3:PutObjectRetention"}
SEARCHES = {"es:ESHttpGet", "es:ESHttpPost", "es:ESHttpPut", "es:ESHttpDelete", "es:ESHttpHead"}
ANSWERS = {"states:SendTaskSuccess", "states:SendTaskFailure", "states:SendTaskHeartbeat"}
STOPS = {"states:StopExecution", "states:DescribeExecution"}
STARTS = {"states:StartExecution"}
WEIGHTS = {
    "cloudwatch:DescribeAlarms",
    "lambda:GetAlias",
    "lambda:UpdateAlias",
    "states:DescribeStateMachineAlias",
    "states:UpdateStateMachineAlias",
}
TRIES = {
    "lambda:InvokeFunction",
    "cognito-idp:DescribeUserPoolClient",
    "codedeploy:PutLifecycleEventHookExecutionStatus",
}

ALLOWED = {
    "api": ROWS | READS | WRITES | REMOVES,
    "claim_job": ROWS,
    "record_failure": ROWS,
    "inspect_file": ROWS | READS,
    "unpack_archive": ROWS | READS | WRITES,
    "route_pages": ROWS | READS,
    "parse_range": ROWS | READS | WRITES,
    "chunk_document": ROWS,
    "extract_facts": ROWS,
    "index_chunks": ROWS | SEARCHES,
    "finish_ingestion": ROWS | SEARCHES,
    "plan_evaluation": ROWS,
    "evaluate_criteria": ROWS | SEARCHES,
    "park_criteria": ROWS,
    "score_bid": ROWS,
    "open_review": ROWS,
    "expire_review": ROWS,
    "build_report": ROWS | READS | WRITES | LOCKS,
    "finish_evaluation": ROWS,
    "check_release_gate": ROWS,
    "block_release": ROWS,
    "shift_release_traffic": ROWS | WEIGHTS,
    "check_release_health": ROWS | {"cloudwatch:DescribeAlarms"},
    "roll_back_step": ROWS | WEIGHTS,
    "replay_release": ROWS | WEIGHTS,
    "finish_rollback": ROWS,
    "close_release": ROWS,
    "compare_replays": ROWS | ANSWERS,
    "start_work": ROWS | RECEIVES | STARTS,
    "deliver_wait": ROWS | RECEIVES | ANSWERS | STOPS,
    "stop_execution": ROWS | RECEIVES | STOPS,
    "deliver_webhook": ROWS | RECEIVES,
    "follow_batch": ROWS | RECEIVES,
    "record_dead_message": ROWS | RECEIVES,
    "work_tasks": ROWS | RECEIVES | READS | WRITES,
    "migrate_schema": IN_NETWORK | SECRET,
    "enroll_tenant": IN_NETWORK | SECRET,
    "admit_search_roles": IN_NETWORK | SECRET | {"sts:AssumeRole"},
    "verify_release": RUNS | SECRET | TRIES,
    "check_release": RUNS | SECRET | TRIES,
    "shape_token": IN_NETWORK,
    "relay_outbox": ROWS | RECEIVES | {"events:PutEvents"},
    "send_due_webhooks": ROWS,
    "reconcile_runs": ROWS | STARTS,
    "reconcile_executions": ROWS | STARTS | STOPS,
    "reconcile_leases": ROWS,
    "reconcile_waits": ROWS | ANSWERS,
    "reconcile_outbox": ROWS,
    "finish_dead_letters": ROWS,
    "clear_leftovers": ROWS | REMOVES,
    "reconcile_batches": ROWS,
    "remind_reviewers": ROWS,
    "watch_sweeps": ROWS,
    "reconcile_index": ROWS | SEARCHES,
    "reindex_tenants": ROWS | SEARCHES,
    "reconcile_objects": ROWS | READS | WRITES | REMOVES | LOCKS | {"s3:ListBucketMultipartUploads"},
}

# Calls whose service knows no resource; everything else names what it is about.
WITHOUT_RESOURCE = {name for name in IN_NETWORK if name.startswith(("ec2:", "xray:"))} | {
    "cloudwatch:DescribeAlarms",  # CodeDeploy and the steps of a rollout
    # state machines: sampling of traces, delivery of logs
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
}
QUEUES_SENT_TO = {"api", "reconcile_runs", "reconcile_leases", "reconcile_waits", "reconcile_outbox"}
LOGINS = {"app", "relay", "dispatch", "sweep"}


def test_the_table_names_every_function_of_the_catalogue() -> None:
    assert ALLOWED.keys() == CATALOGUE.keys()


@pytest.mark.parametrize("stage", STAGES)
def test_every_function_may_do_exactly_what_the_table_says(templates: Callable[[str], Templates], stage: str) -> None:
    made = templates(stage)
    actions: dict[str, set[str]] = {}
    for role, statement in statements(made):
        assert statement["Effect"] == "Allow"
        actions.setdefault(role, set()).update(statement["Action"])
    found = {
        name: actions.get(row["Role"]["Fn::GetAtt"][0], set())
        for name, row in functions(made, stage).items()
        if name in CATALOGUE
    }
    wrong = {name: found[name] ^ allowed for name, allowed in ALLOWED.items() if found[name] != allowed}
    assert wrong == {}


@pytest.mark.parametrize("stage", STAGES)
def test_no_role_has_a_wildcard_action_and_none_a_wildcard_resource_on_data(
    templates: Callable[[str], Templates], stage: str
) -> None:
    for role, statement in statements(templates(stage)):
        assert not [name for name in statement["Action"] if "*" in name], role
        assert "NotAction" not in statement and "NotResource" not in statement, role
        if "*" in statement["Resource"]:
            assert set(statement["Action"]) <= WITHOUT_RESOURCE, role


@pytest.mark.parametrize("stage", STAGES)
def test_every_function_has_a_role_of_its_own_without_managed_policies(
    templates: Callable[[str], Templates], stage: str
) -> None:
    made = templates(stage)
    roles = [row["Role"]["Fn::GetAtt"][0] for row in functions(made, stage).values()]
    assert len(set(roles)) == len(roles)
    for role in roles:
        assert "ManagedPolicyArns" not in made.resources("AWS::IAM::Role")[role]["Properties"]


@pytest.mark.parametrize("stage", STAGES)
def test_a_function_logs_in_only_under_the_names_of_its_row(templates: Callable[[str], Templates], stage: str) -> None:
    made = templates(stage)
    granted: dict[str, str] = {}
    for role, statement in statements(made):
        if "rds-db:connect" in statement["Action"]:
            granted[role] = granted.get(role, "") + written(statement["Resource"])
    for name, row in functions(made, stage).items():
        if name in CATALOGUE:
            resources = granted.get(row["Role"]["Fn::GetAtt"][0], "")
            assert {login for login in LOGINS if f"bidproof_{login}" in resources} == set(CATALOGUE[name].logins), name


@pytest.mark.parametrize("stage", STAGES)
def test_only_those_that_replay_send_to_consumers_and_all_others_only_wake_the_relay(
    templates: Callable[[str], Templates], stage: str
) -> None:
    made = templates(stage)
    role_of = {row["Role"]["Fn::GetAtt"][0]: name for name, row in functions(made, stage).items()}
    for role, statement in statements(made):
        if "sqs:SendMessage" in statement["Action"] and role_of.get(role) not in QUEUES_SENT_TO | {None}:
            assert len(statement["Resource"]) == 1 and "RelayOutbox" in written(statement["Resource"]), role_of[role]


@pytest.mark.parametrize("stage", STAGES)
def test_nobody_may_take_an_object_out_of_its_lock(templates: Callable[[str], Templates], stage: str) -> None:
    for role, statement in statements(templates(stage)):
        assert not {"s3:BypassGovernanceRetention", "s3:PutBucketObjectLockConfiguration"} & set(statement["Action"])
        if "s3:PutObjectRetention" in statement["Action"]:
            assert role.startswith(("FunctionsBuildReport", "FunctionsReconcileObjects"))
