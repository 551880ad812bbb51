"""AwsServices answers every port, over moto's server, a real database and the environment that a function gets."""

import json
from collections.abc import Callable, Iterator

import pytest

from infra.local.postgres import Databases
from shared.domain.context import Actor
from shared.domain.errors import Permanent, Retryable
from shared.settings import Settings, read_settings
from shared.wiring.aws import NUDGE, AwsServices
from tests.moto_server import ACCOUNT, KEYS, REGION, moto_client, moto_url
from tests.records import new_tenant

Make = Callable[[dict[str, str]], AwsServices]
PREFIX = "bidproof-test-"
SYSTEM = Actor(tenant_id="ten_00000000000000000000000000", actor_id="system", kind="system")
MACHINE = {
    "StartAt": "Wait",
    "States": {"Wait": {"Type": "Wait", "Seconds": 600, "Next": "End"}, "End": {"Type": "Succeed"}},
}


@pytest.fixture
def environ(databases: Databases, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """Made on moto once per test: a bucket with Object Lock, a bus, the relay's queue, a secret and a state machine."""
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": moto_url(), "AWS_DEFAULT_REGION": REGION}.items():
        monkeypatch.setenv(name, value)
    place = {"LocationConstraint": REGION}
    moto_client("s3").create_bucket(Bucket="wired", CreateBucketConfiguration=place, ObjectLockEnabledForBucket=True)
    moto_client("events").create_event_bus(Name="wired")
    queue = moto_client("sqs").create_queue(QueueName=PREFIX + NUDGE)["QueueUrl"]
    secret = moto_client("secretsmanager").create_secret(Name="wired", SecretString="k" * 64)["ARN"]
    role = f"arn:aws:iam::{ACCOUNT}:role/any"
    made = moto_client("stepfunctions").create_state_machine(
        name="wired", definition=json.dumps(MACHINE), roleArn=role
    )["stateMachineArn"]
    yield {
        "PLATFORM": "aws",
        "STAGE": "dev",
        "AWS_REGION": REGION,
        "APP_DATABASE_URL": databases.app_url,
        "RELAY_DATABASE_URL": databases.relay_url,
        "DISPATCH_DATABASE_URL": databases.dispatch_url,
        "SWEEP_DATABASE_URL": databases.sweep_url,
        "MASTER_SECRET_ARN": secret,
        "OBJECTS_BUCKET": "wired",
        "EVENT_BUS": "wired",
        "QUEUE_PREFIX": PREFIX,
        "STATE_MACHINES": json.dumps({"ingest_document": made}),
        "SEARCH": "opensearch",
        "OPENSEARCH_URL": "http://127.0.0.1:1",
        "JWKS_URL": "http://127.0.0.1:1/jwks.json",
    }
    s3, sqs = moto_client("s3"), moto_client("sqs")
    for found in s3.list_object_versions(Bucket="wired").get("Versions", []):
        s3.delete_object(Bucket="wired", Key=found["Key"], VersionId=found["VersionId"])
    s3.delete_bucket(Bucket="wired")
    sqs.delete_queue(QueueUrl=queue)
    moto_client("events").delete_event_bus(Name="wired")
    moto_client("secretsmanager").delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)
    moto_client("stepfunctions").delete_state_machine(stateMachineArn=made)


@pytest.fixture
def wired() -> Iterator[Make]:
    """Makes services of an environment; what they hold is ended with the test."""
    kept: list[AwsServices] = []

    def make(environ: dict[str, str]) -> AwsServices:
        kept.append(AwsServices(read_settings(Settings, environ)))
        return kept[-1]

    yield make
    for services in kept:
        services.close()


def test_every_port_has_its_adapter_of_aws(environ: dict[str, str], wired: Make) -> None:
    parts = wired(environ).bind(SYSTEM)
    adapters = {
        name: type(getattr(parts, name)).__name__
        for name in ("objects", "queue", "workflows", "outbox", "index", "dispatch", "sweeps", "webhook_queue")
    }
    assert adapters == {
        "objects": "S3Objects",
        "queue": "SqsQueue",
        "workflows": "StepFunctionsWorkflows",
        "outbox": "PostgresOutbox",
        "index": "OpenSearchIndex",
        "dispatch": "PostgresDispatch",
        "sweeps": "PostgresSweeps",
        "webhook_queue": "PostgresWebhookQueue",
    }


def test_objects_and_executions_go_where_the_settings_say(environ: dict[str, str], wired: Make) -> None:
    made = wired(environ)
    stored = made.objects.put("ten_1/a/b", b"bytes", media_type="text/plain")
    assert moto_client("s3").get_object(Bucket="wired", Key="ten_1/a/b")["Body"].read() == b"bytes"
    assert stored.size_bytes == 5
    ref = made.workflows.start("ingest_document", name="job_1-1", input={"tenant_id": "t"})
    assert moto_client("stepfunctions").describe_execution(executionArn=ref)["status"] == "RUNNING"


def test_a_deployment_speaks_to_the_search_domain_as_the_role_of_the_settings(
    environ: dict[str, str], wired: Make
) -> None:
    role = {"SEARCH_ADMIN_ROLE": f"arn:aws:iam::{ACCOUNT}:role/first-user"}
    with pytest.raises(Retryable) as unreachable:
        wired(environ | role).bind(SYSTEM).search_access.admit(["arn:aws:iam::1:role/a"])
    assert unreachable.value.code == "RAG_UPSTREAM_UNAVAILABLE", "the role was assumed, and nobody is at the address"
    with pytest.raises(Permanent) as nobody:
        wired(environ).bind(SYSTEM).search_access.admit(["arn:aws:iam::1:role/a"])
    assert nobody.value.code == "INTERNAL_ERROR", "without a role STS is not even asked"


def test_the_relay_is_nudged_after_a_commit_with_events_and_only_then(
    environ: dict[str, str], databases: Databases, wired: Make
) -> None:
    made = wired(environ)
    records = made.bind(Actor(tenant_id=new_tenant(databases), actor_id="system", kind="system")).records
    url = moto_client("sqs").get_queue_url(QueueName=PREFIX + NUDGE)["QueueUrl"]

    def waiting() -> int:
        found = moto_client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return int(found["ApproximateNumberOfMessages"])

    with records.transaction():
        records.trail.publish("document.failed", ("document", "doc_x", 1), {"status": "x"})
        assert waiting() == 0
    assert waiting() == 1
    records.users.tenant_settings()
    with pytest.raises(RuntimeError), records.transaction():
        records.trail.publish("document.failed", ("document", "doc_x", 2), {"status": "x"})
        raise RuntimeError("rolled back")
    assert waiting() == 1


def test_a_lost_nudge_fails_nothing(environ: dict[str, str], databases: Databases, wired: Make) -> None:
    made = wired(environ | {"QUEUE_PREFIX": "nobody-"})
    records = made.bind(Actor(tenant_id=new_tenant(databases), actor_id="system", kind="system")).records
    event_id = records.trail.publish("document.failed", ("document", "doc_x", 1), {"status": "x"})
    assert records.trail.published(event_id) is not None


def test_a_url_without_a_password_gets_a_token_signed_for_its_login(environ: dict[str, str], wired: Make) -> None:
    made = wired(environ)
    token = made._login.password("postgresql://bidproof_app@proxy.example:5432/bidproof?sslmode=require")
    assert token.startswith("proxy.example:5432/?Action=connect&DBUser=bidproof_app&X-Amz-Algorithm=AWS4-HMAC-SHA256")


@pytest.mark.parametrize("name", ["MASTER_SECRET_ARN", "OBJECTS_BUCKET", "EVENT_BUS", "STATE_MACHINES", "JWKS_URL"])
def test_a_setting_that_aws_needs_is_named_when_it_is_missing(environ: dict[str, str], name: str) -> None:
    del environ[name]
    with pytest.raises(KeyError, match=name):
        read_settings(Settings, environ)


def test_an_unknown_platform_is_refused(environ: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="PLATFORM"):
        read_settings(Settings, environ | {"PLATFORM": "moon"})


def test_the_hooks_of_a_deployment_call_what_their_setting_names(environ: dict[str, str]) -> None:
    told = {"function": "arn", "user_pool": "pool", "token_url": "https://tokens", "clients": {"agent": "client-1"}}
    made = AwsServices(read_settings(Settings, environ | {"RELEASE_UNDER_TEST": json.dumps(told)}))
    parts = made.bind(Actor(tenant_id="", actor_id="system:deployment", kind="system"))
    assert type(parts.release).__name__ == "LambdaRelease"
    assert parts.smoke_bid.bid.content.startswith(b"%PDF")
