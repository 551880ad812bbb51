"""Functions run from their bundle as on AWS: real events, a real database, AWS's services on moto's wire."""

import base64
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infra.aws.catalogue import CATALOGUE
from infra.local.issuer import LocalIssuer, jwks_path
from infra.local.postgres import Databases
from infra.local.tenants import DemoTenant, ensure_tenant
from shared.adapters.postgres.outbox import envelope
from tests.infra.test_bundles import here
from tests.moto_server import ACCOUNT, KEYS, REGION, moto_client, moto_url
from tests.records import clock, ids, make_records
from tests.rows import a_document, an_ingest_job

CHILD = Path(__file__).with_name("invoke_child.py")
ISSUER, AUDIENCE = "https://issuer.example", "bidproof"
MACHINE = {
    "StartAt": "Wait",
    "States": {"Wait": {"Type": "Wait", "Seconds": 600, "Next": "End"}, "End": {"Type": "Succeed"}},
}


@dataclass(frozen=True)
class Function:
    """A warm function."""

    process: "subprocess.Popen[str]"

    def __call__(self, event: Any) -> Any:
        """Its result; an error fails the test with what the function wrote to its log."""
        answer = self.answer(event)
        assert "result" in answer, answer
        return answer["result"]

    def answer(self, event: Any) -> Any:
        """Its result or its error."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(event) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the function's process ended"
        return json.loads(line)


@contextmanager
def running(name: str, environment: dict[str, str]) -> Iterator[Function]:
    """The function of the catalogue in a process of its own, only its bundle on the path."""
    bundle, python, _ = here()
    paths = bundle.paths(CATALOGUE[name].package)
    given = {"paths": [str(path) for path in paths], "name": name, "seconds": CATALOGUE[name].timeout}
    process = subprocess.Popen(
        [str(python), "-I", "-S", str(CHILD), json.dumps(given)],
        env=environment | {"POWERTOOLS_SERVICE_NAME": name, "AWS_LAMBDA_FUNCTION_NAME": f"bidproof-dev-{name}"},
        cwd=bundle.code,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Function(process)
    finally:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.close()
        process.stdout.close()
        process.wait(30)


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> tuple[LocalIssuer, Path]:
    """A key pair, and where its key set is read: a file, as a URL would need a server."""
    folder = tmp_path_factory.mktemp("issuer")
    return LocalIssuer(folder, issuer=ISSUER, audience=AUDIENCE), jwks_path(folder)


@pytest.fixture(scope="module")
def environment(own_databases: Databases, issuer: tuple[LocalIssuer, Path]) -> dict[str, str]:
    """What AppStack gives to a function, with moto behind AWS's names."""
    place = {"LocationConstraint": REGION}
    moto_client("s3").create_bucket(Bucket="invoked", CreateBucketConfiguration=place, ObjectLockEnabledForBucket=True)
    moto_client("events").create_event_bus(Name="invoked")
    moto_client("sqs").create_queue(QueueName="invoked-relay-outbox")
    secret = moto_client("secretsmanager").create_secret(Name="invoked", SecretString="k" * 64)["ARN"]
    role = f"arn:aws:iam::{ACCOUNT}:role/any"
    machine = moto_client("stepfunctions").create_state_machine(
        name="invoked", definition=json.dumps(MACHINE), roleArn=role
    )["stateMachineArn"]
    return {
        **KEYS,
        "AWS_ENDPOINT_URL": moto_url(),
        "AWS_REGION": REGION,
        "PLATFORM": "aws",
        "STAGE": "dev",
        "APP_DATABASE_URL": own_databases.app_url,
        "RELAY_DATABASE_URL": own_databases.relay_url,
        "DISPATCH_DATABASE_URL": own_databases.dispatch_url,
        "SWEEP_DATABASE_URL": own_databases.sweep_url,
        "MASTER_SECRET_ARN": secret,
        "OBJECTS_BUCKET": "invoked",
        "EVENT_BUS": "invoked",
        "QUEUE_PREFIX": "invoked-",
        "STATE_MACHINES": json.dumps(dict.fromkeys(("ingest_document", "evaluate_bid"), machine)),
        "SEARCH": "opensearch",
        "OPENSEARCH_URL": "http://127.0.0.1:1",
        "ISSUER": ISSUER,
        "AUDIENCE": AUDIENCE,
        "JWKS_URL": str(issuer[1]),
        "POOL_SIZE": "2",
        "POWERTOOLS_METRICS_NAMESPACE": "Bidproof",
        "POWERTOOLS_TRACE_DISABLED": "true",  # there is no X-Ray daemon
        "TZ": "UTC",
    }


@pytest.fixture(scope="module")
def api(environment: dict[str, str]) -> Iterator[Function]:
    with running("api", environment) as function:
        yield function


@pytest.fixture(scope="module")
def tenant(own_databases: Databases) -> DemoTenant:
    return ensure_tenant(own_databases.owner_url, issuer=ISSUER, code="invoked")


def request(
    method: str, path: str, body: Any = None, *, token: str = "", encoded: bool = False, **headers: str
) -> dict[str, Any]:
    """What an HTTP API sends to a function (payload format 2.0) from its stage $default."""
    path, _, query = path.partition("?")
    sent = {"host": "api.example", "content-type": "application/json", "x-forwarded-proto": "https"} | headers
    if token:
        sent["authorization"] = f"Bearer {token}"
    text = "" if body is None else json.dumps(body)
    if encoded:
        text = base64.b64encode(text.encode()).decode()
    return {
        "version": "2.0",
        "routeKey": f"{method} /api/v1/{{proxy+}}",
        "rawPath": path,
        "rawQueryString": query,
        "headers": sent,
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": "abc",
            "domainName": "abc.execute-api.eu-central-1.amazonaws.com",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "test",
            },
            "requestId": "one",
            "routeKey": f"{method} /api/v1/{{proxy+}}",
            "stage": "$default",
            "time": "21/Nov/2026:00:00:00 +0000",
            "timeEpoch": 1795219200000,
        },
        **({"body": text} if body is not None else {}),
        "isBase64Encoded": encoded,
    }


def token_of(issuer: tuple[LocalIssuer, Path], tenant: DemoTenant, role: str = "agent") -> str:
    return issuer[0].issue(tenant.subjects[role], tenant.tenant_id, now=clock.now())


def test_the_api_says_that_it_is_ready(api: Function) -> None:
    answer = api(request("GET", "/health/ready"))
    body = json.loads(answer["body"])
    assert answer["statusCode"] == 200, body
    assert {check["name"]: check["ok"] for check in body["data"]["checks"]} == {"database": True, "issuer": True}
    assert answer["headers"]["x-request-id"] == body["meta"]["request_id"]


@pytest.mark.parametrize("encoded", [False, True])
def test_a_person_creates_and_lists_a_project_through_the_gateway(
    api: Function, issuer: tuple[LocalIssuer, Path], tenant: DemoTenant, encoded: bool
) -> None:
    token, code = token_of(issuer, tenant), f"P-{encoded}"
    wanted = {"code": code, "name": "Brücke 桥", "size": "small", "currency": "CNY"}
    key = {"idempotency-key": f"key-{encoded}"}
    made = api(request("POST", "/api/v1/projects", wanted, token=token, encoded=encoded, **key))
    assert made["statusCode"] == 201, made["body"]
    again = api(request("POST", "/api/v1/projects", wanted, token=token, encoded=encoded, **key))
    assert json.loads(again["body"])["data"] == json.loads(made["body"])["data"]
    found = json.loads(api(request("GET", "/api/v1/projects?limit=100", token=token))["body"])
    assert [row["name"] for row in found["data"]["items"] if row["code"] == code] == ["Brücke 桥"]


def test_without_a_token_of_the_issuer_nothing_is_told(
    api: Function, issuer: tuple[LocalIssuer, Path], tenant: DemoTenant
) -> None:
    token = token_of(issuer, tenant)
    for refused in ("", token[:-8] + "AAAAAAAA"):
        answer = api(request("GET", "/api/v1/projects", token=refused))
        assert (answer["statusCode"], json.loads(answer["body"])["error"]["code"]) == (401, "AUTH_UNAUTHORIZED")


def test_a_step_claims_the_job_of_its_rows_and_refuses_a_canceled_one(
    environment: dict[str, str], own_databases: Databases
) -> None:
    records = make_records(own_databases)
    job = an_ingest_job(records, a_document(records))
    run_id = records.jobs.newest_run(job.job_id).run_id
    scope = {
        "tenant_id": records.actor.tenant_id,
        "job_id": job.job_id,
        "run_id": run_id,
        "trace": "0" * 32,
        "state": "ClaimJob",
        "attempt": 0,
    }
    event = {"scope": scope, "command": {"job_id": job.job_id, "run_id": run_id}}
    with running("claim_job", environment) as claim_job:
        assert claim_job(event)["claimed"] is True
        assert records.jobs.get(job.job_id).status == "running"
        assert claim_job(event)["claimed"] is True
        elsewhere = {"job_id": ids.new("job"), "run_id": run_id}
        refused = claim_job.answer({"scope": scope, "command": elsewhere})
    assert refused["errorType"] in ("Refused", "Permanent")


def test_a_consumer_starts_executions_and_gives_back_only_the_message_that_failed(
    environment: dict[str, str], own_databases: Databases
) -> None:
    records = make_records(own_databases)
    job = an_ingest_job(records, a_document(records))
    told = records.session.rows("select * from outbox_events where event_type = 'job.queued'")[-1]
    event = {"Records": [message("good", json.dumps(envelope(told))), message("bad", "no envelope")]}
    with running("start_work", environment) as start_work:
        assert start_work(event) == {"batchItemFailures": [{"itemIdentifier": "bad"}]}
        assert start_work(event) == {"batchItemFailures": [{"itemIdentifier": "bad"}]}
    run = records.jobs.newest_run(job.job_id)
    assert run.status == "started" and run.execution_ref is not None
    execution = moto_client("stepfunctions").describe_execution(executionArn=run.execution_ref)
    assert (execution["name"], execution["status"]) == (f"{job.job_id}-1", "RUNNING")
    assert json.loads(execution["input"])["tenant_id"] == records.actor.tenant_id


def message(id: str, body: str) -> dict[str, Any]:
    """A message as Lambda gets it from SQS."""
    return {
        "messageId": id,
        "receiptHandle": "handle",
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1795219200000"},
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:bidproof-dev-work-standard",
        "awsRegion": REGION,
    }
