"""The stacks of dev, deployed to MiniStack with their real bundles: what only a deployment shows, as far as it goes."""

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg
import pytest
from psycopg import sql

from infra.aws.catalogue import CATALOGUE
from infra.local.issuer import LocalIssuer, jwks_path
from infra.local.local_secrets import ensure_secrets
from infra.local.postgres import LOGINS, Databases, create_database, url_with, urls
from infra.local.tenants import ensure_tenant
from shared.adapters.opensearch_access import rights
from shared.adapters.postgres.outbox import envelope
from tests.conftest import ROOT as TEST_DATA
from tests.infra.emulated_templates import LACKS, names_left, without
from tests.infra.emulator import ACCOUNT, Emulator, create, publish, running
from tests.infra.search_domain import SearchDomain, search_domain
from tests.infra.test_bundles import here
from tests.infra.test_invocation import AUDIENCE, ISSUER, request
from tests.moto_server import REGION
from tests.records import clock, close_pools, make_records
from tests.rows import a_document, an_ingest_job

STACKS = ("bidproof-dev-data", "bidproof-dev-app")
MACHINES = ("evaluate_bid", "ingest_document", "roll_out_release")
# All that MiniStack does not get of the two stacks, by type; why stands in emulated_templates.LACKS.
LEFT_OUT = {
    "AWS::Backup::BackupSelection": 2,
    "AWS::CloudWatch::Alarm of Metrics": 1,
    "AWS::EC2::FlowLog": 1,
    "AWS::EC2::SecurityGroupEgress": 1,
    "AWS::EC2::SecurityGroupIngress": 4,
    "AWS::Events::Archive": 1,
    "AWS::RDS::DBProxy": 1,
    "AWS::RDS::DBProxyTargetGroup": 1,
    "AWS::StepFunctions::StateMachineAlias": 3,
    "AWS::StepFunctions::StateMachineVersion": 3,
}


@dataclass(frozen=True)
class Deployed:
    """A deployed stage: what was left out and what was made (type by logical id), its database and its issuer."""

    emulator: Emulator
    left_out: dict[str, str]
    made: dict[str, str]
    databases: Databases
    issuer: LocalIssuer
    search: SearchDomain

    def invoke(self, name: str, event: Any) -> Any:
        """The result of the function behind the alias; an error of it fails the test."""
        answer = self.emulator.client("lambda").invoke(
            FunctionName=f"bidproof-dev-{name}", Qualifier="live", Payload=json.dumps(event).encode()
        )
        payload = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, payload
        return payload


@pytest.fixture(scope="module")
def empty_databases(server_url: str, database_template: str) -> Iterator[Databases]:
    """A database without tables: the deployment makes them."""
    name = f"bidproof_test_emulator_{os.getpid()}"
    create_database(server_url, name)
    yield urls(server_url, name, ensure_secrets(TEST_DATA, ("bidproof_owner", *LOGINS)))
    close_pools(name)
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
def deployed(
    server_url: str, empty_databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployed]:
    assembly = synthesised(tmp_path_factory.mktemp("assembly"))
    folder = tmp_path_factory.mktemp("emulator")
    issuer = LocalIssuer(folder, issuer=ISSUER, audience=AUDIENCE)
    with running(folder) as emulator, search_domain() as search:
        admin = urlsplit(url_with(server_url, database=urlsplit(empty_databases.app_url).path[1:]))
        login = {"username": unquote(admin.username or ""), "password": unquote(admin.password or "")}
        secret = emulator.client("secretsmanager").create_secret(Name="admin", SecretString=json.dumps(login))
        environment = {
            "APP_DATABASE_URL": empty_databases.app_url,
            "RELAY_DATABASE_URL": empty_databases.relay_url,
            "DISPATCH_DATABASE_URL": empty_databases.dispatch_url,
            "SWEEP_DATABASE_URL": empty_databases.sweep_url,
            "ADMIN_DATABASE_URL": f"postgresql://{admin.netloc.rpartition('@')[2]}{admin.path}?{admin.query}",
            "ADMIN_SECRET_ARN": secret["ARN"],
            "ISSUER": ISSUER,
            "AUDIENCE": AUDIENCE,
            "JWKS_URL": str(jwks_path(folder)),
            "OPENSEARCH_URL": search.url,
        }
        gone: dict[str, str] = {}
        made: dict[str, str] = {}
        for name in STACKS:
            template, left_out = without(json.loads((assembly / f"{name}.template.json").read_text()), environment)
            assert list(names_left(template, left_out)) == []
            gone |= left_out
            publish(emulator, assembly, name)
            made |= create(emulator, name, template)
        states = emulator.client("stepfunctions")
        for machine in MACHINES:
            arn = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:bidproof-dev-{machine}"
            version = states.publish_state_machine_version(stateMachineArn=arn)["stateMachineVersionArn"]
            route = [{"stateMachineVersionArn": version, "weight": 100}]
            states.create_state_machine_alias(name="live", routingConfiguration=route)
        yield Deployed(emulator, gone, made, empty_databases, issuer, search)


def synthesised(folder: Path) -> Path:
    """The cloud assembly of dev with the bundles of this machine; assets are not copied."""
    from aws_cdk import App

    from infra.aws.__main__ import FLAGS, add_stage
    from infra.aws.assets import Assets

    app = App(context={**FLAGS, "aws:cdk:disable-asset-staging": True}, outdir=str(folder))
    add_stage(app, "dev", Assets(bundle=here()[0]))
    app.synth()
    return folder


def eventually(happened: Callable[[], Any], deployed: Deployed, seconds: float = 120) -> Any:
    """What is true before the time is over."""
    end = time.monotonic() + seconds
    while not (found := happened()):
        assert time.monotonic() < end, deployed.emulator.log.read_text()[-4000:]
        time.sleep(0.2)
    return found


def test_all_but_what_the_emulator_lacks_is_made(deployed: Deployed) -> None:
    assert Counter(deployed.left_out.values()) == LEFT_OUT
    assert LEFT_OUT.keys() <= LACKS.keys()
    kinds = Counter(deployed.made.values())
    assert kinds["AWS::Lambda::Alias"] == kinds["AWS::Lambda::Function"] >= 40
    assert kinds["AWS::SQS::Queue"] >= 20 and kinds["AWS::StepFunctions::StateMachine"] == len(MACHINES)


def test_the_deployment_has_made_the_schema_and_the_tenant_of_the_smoke_tests(deployed: Deployed) -> None:
    """CloudFormation called both functions of custom resources and waited for their answers."""
    with psycopg.connect(deployed.databases.owner_url) as owner:
        row = owner.execute("select version_num from alembic_version").fetchone()
    assert row is not None and row[0] >= "0018"
    assert deployed.made["Schema"] == deployed.made["SmokeTenant"] == "AWS::CloudFormation::CustomResource"


def test_the_deployment_has_let_the_functions_that_search_into_the_domain(deployed: Deployed) -> None:
    """CloudFormation called it like the two above; what arrived has a signature for the domain of search."""
    names = [row.name for row in CATALOGUE.values() if "search" in row.needs]
    functions = deployed.emulator.client("lambda")
    roles = [functions.get_function(FunctionName=f"bidproof-dev-{name}")["Configuration"]["Role"] for name in names]
    asked, bodies, signed = zip(*deployed.search.heard, strict=True)
    assert asked == ("PUT /_plugins/_security/api/roles/bidproof", "PUT /_plugins/_security/api/rolesmapping/bidproof")
    assert bodies == (rights(), {"backend_roles": roles})
    assert all(f"/{REGION}/es/aws4_request" in authorization for authorization in signed)


def test_the_api_answers_behind_its_alias(deployed: Deployed) -> None:
    tenant = ensure_tenant(deployed.databases.owner_url, issuer=ISSUER, code="emulated")
    token = deployed.issuer.issue(tenant.subjects["agent"], tenant.tenant_id, now=clock.now())
    ready = deployed.invoke("api", request("GET", "/health/ready"))
    assert ready["statusCode"] == 200, ready["body"]
    listed = deployed.invoke("api", request("GET", "/api/v1/projects", token=token))
    assert (listed["statusCode"], json.loads(listed["body"])["data"]["items"]) == (200, [])


def test_a_message_starts_an_execution_whose_steps_write_their_rows(deployed: Deployed) -> None:
    """SQS, the event source mapping, start_work, the alias of the machine, ClaimJob; the parser's functions are images,
    which the emulator cannot run, so the machine goes the way of a failure, with RecordFailure at its end."""
    records = make_records(deployed.databases)
    job = an_ingest_job(records, a_document(records))
    told = records.session.rows("select * from outbox_events where event_type = 'job.queued'")[-1]
    sqs = deployed.emulator.client("sqs")
    queue = sqs.get_queue_url(QueueName="bidproof-dev-work-standard")["QueueUrl"]
    sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(envelope(told)))
    run = eventually(lambda: _referenced(records.jobs.newest_run(job.job_id)), deployed)
    assert run.status == "started" and run.execution_ref.endswith(f":{job.job_id}-1")
    eventually(lambda: records.jobs.get(job.job_id).status in ("failed", "dead"), deployed)
    execution = deployed.emulator.client("stepfunctions").describe_execution(executionArn=run.execution_ref)
    assert execution["status"] == "FAILED"


def _referenced(run: Any) -> Any:
    return run if run.execution_ref else None
