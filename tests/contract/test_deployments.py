"""One suite over deployments: rows of one machine, and AWS: Lambda and CloudWatch by moto's server.

moto serves no aliases of state machines over HTTP. Their two calls are answered inside of botocore here, which checks
what is sent against the service's model; `Aliases` refuses what Step Functions documents as refused.
"""

import io
import json
import uuid
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from botocore.awsrequest import AWSResponse

from infra.local.postgres import Databases
from shared.adapters.aws_deployments import AwsDeployments
from shared.adapters.local_deployments import LocalDeployments
from shared.domain.errors import Permanent, Retryable
from shared.domain.releases import PLATFORM_TENANT, ROLLBACK_ORDER, WEIGHTS, Versions
from shared.ports.deployments import Deployments
from tests.moto_alarms import make_alarm, ring
from tests.moto_server import ACCOUNT, REGION, lost_client, moto_client, moto_url, new_client
from tests.records import make_records
from tests.workflow.conftest import Direct

NAME = f"bidproof-{uuid.uuid4().hex[:8]}-"
MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{NAME}evaluate_bid"
FUNCTIONS = ("score_bid", "claim_job")


def versions(number: int) -> Versions:
    return Versions(
        model_configuration=f"m{number}",
        retrieval_parameters=f"r{number}",
        workflows={"evaluate_bid": str(number)},
        functions={name: str(number) for name in FUNCTIONS},
    )


OLD, NEW = versions(1), versions(2)


@dataclass
class Stand:
    """A platform on which the old versions are live, and its alarms."""

    deployments: Deployments
    cut_off: Deployments
    raise_alarm: Callable[[str, str], None]


class Aliases:
    """The alias of a state machine as Step Functions keeps it: one or two routes whose weights make 100."""

    def __init__(self) -> None:
        self.routes: list[dict[str, Any]] = [{"stateMachineVersionArn": f"{MACHINE}:1", "weight": 100}]

    def answer(self, model: Any, params: Any, **_: Any) -> tuple[AWSResponse, dict[str, Any]]:
        """In place of the wire (event before-call)."""
        asked, now = json.loads(params["body"]), datetime.now(UTC)
        response = AWSResponse("https://states", 200, {}, io.BytesIO())
        assert asked["stateMachineAliasArn"] == f"{MACHINE}:live"
        if model.name == "UpdateStateMachineAlias":
            routes = asked["routingConfiguration"]
            assert 1 <= len(routes) <= 2 and sum(route["weight"] for route in routes) == 100
            assert len({route["stateMachineVersionArn"] for route in routes}) == len(routes)
            self.routes = routes
            return response, {"updateDate": now}
        assert model.name == "DescribeStateMachineAlias"
        return response, {"stateMachineAliasArn": f"{MACHINE}:live", "routingConfiguration": self.routes}


def configurations(databases: Databases) -> Any:
    return make_records(databases, PLATFORM_TENANT, kind="system").releases.configurations


def _local(databases: Databases) -> Stand:
    def raise_alarm(name: str, state: str) -> None:
        with psycopg.connect(databases.platform_url) as connection:
            connection.execute(
                """insert into local_platform.alarms (name, state) values (%s, %s)
                   on conflict (name) do update set state = excluded.state, since = clock_timestamp()""",
                [name, state],
            )

    cut_off = LocalDeployments(Direct("postgresql://nobody@127.0.0.1:1/nothing"), configurations(databases))
    return Stand(LocalDeployments(Direct(databases.platform_url), configurations(databases)), cut_off, raise_alarm)


def _zipped(text: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("handler.py", text)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def functions() -> Any:
    """moto's Lambda with two versions of each function."""
    client, role = moto_client("lambda"), "arn:aws:iam::{}:role/{}".format(ACCOUNT, f"{NAME}role")
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    moto_client("iam").create_role(RoleName=f"{NAME}role", AssumeRolePolicyDocument=policy)
    for name in FUNCTIONS:
        client.create_function(
            FunctionName=f"{NAME}{name}",
            Runtime="python3.11",
            Role=role,
            Handler="handler.handler",
            Code={"ZipFile": _zipped("one")},
            Publish=True,
        )
        client.update_function_code(FunctionName=f"{NAME}{name}", ZipFile=_zipped("two"), Publish=True)
        client.create_alias(FunctionName=f"{NAME}{name}", Name="live", FunctionVersion="1")
    return client


def _aws(databases: Databases, functions: Any) -> Stand:
    machines, watch = new_client("stepfunctions", moto_url()), moto_client("cloudwatch")
    machines.meta.events.register("before-call.sfn", Aliases().answer)

    def raise_alarm(name: str, state: str) -> None:
        make_alarm(name)
        known = {"ok": "OK", "alarm": "ALARM", "unknown": "INSUFFICIENT_DATA"}[state]
        ring(name, known)

    def made(functions: Any, machines: Any, watch: Any) -> AwsDeployments:
        return AwsDeployments(
            functions=functions,
            machines=machines,
            watch=watch,
            prefix=NAME,
            aliases={"evaluate_bid": f"{MACHINE}:live"},
            configurations=configurations(databases),
        )

    cut_off = made(*(lost_client(name) for name in ("lambda", "stepfunctions", "cloudwatch")))
    return Stand(made(functions, machines, watch), cut_off, raise_alarm)


@pytest.fixture(params=["local", "aws"])
def stand(request: pytest.FixtureRequest, databases: Databases) -> Iterator[Stand]:
    found = _local(databases) if request.param == "local" else _aws(databases, request.getfixturevalue("functions"))
    found.deployments.shift(OLD, NEW, weight=0)
    yield found
    found.deployments.shift(OLD, NEW, weight=0)


def test_every_part_gets_the_weight_and_a_repeat_changes_nothing(stand: Stand) -> None:
    assert stand.deployments.weights(NEW) == dict.fromkeys(ROLLBACK_ORDER, 0)
    for weight in (*WEIGHTS, *WEIGHTS[:1]):
        for _ in range(2):
            stand.deployments.shift(OLD, NEW, weight=weight)
            assert stand.deployments.weights(NEW) == dict.fromkeys(ROLLBACK_ORDER, weight)


@pytest.mark.parametrize("weight", [10, 100])
@pytest.mark.parametrize("part", ROLLBACK_ORDER)
def test_one_part_is_restored_and_the_others_stay(stand: Stand, part: str, weight: int) -> None:
    stand.deployments.shift(OLD, NEW, weight=weight)
    assert not stand.deployments.is_restored(part, OLD)
    stand.deployments.restore(part, OLD)
    stand.deployments.restore(part, OLD)
    assert stand.deployments.is_restored(part, OLD)
    assert stand.deployments.weights(NEW) == {each: 0 if each == part else weight for each in ROLLBACK_ORDER}


def test_alarms_say_how_they_stand_and_unknown_names_are_missing(stand: Stand) -> None:
    names = [f"{NAME}{state}" for state in ("alarm", "ok", "unknown")]
    for name in names:
        stand.raise_alarm(name, name.removeprefix(NAME))
    found = stand.deployments.alarms([*names, f"{NAME}nothing"])
    assert [(alarm.name, alarm.state) for alarm in found] == [(name, name.removeprefix(NAME)) for name in names]
    assert all(alarm.since.tzinfo is not None for alarm in found)


def test_a_platform_that_does_not_answer_is_asked_again_later(stand: Stand) -> None:
    for call in (
        lambda: stand.cut_off.alarms([NAME]),
        lambda: stand.cut_off.restore("release_version", OLD),
        lambda: stand.cut_off.is_restored("workflow_version", OLD),
    ):
        with pytest.raises(Retryable) as failure:
            call()
        assert failure.value.code == "DEPENDENCY_UNAVAILABLE"


def test_what_aws_does_not_know_fails_for_good(databases: Databases, functions: Any) -> None:
    deployments = _aws(databases, functions).deployments
    strange = Versions(
        model_configuration="m", retrieval_parameters="r", workflows={"x": "1"}, functions={"nobody": "1"}
    )
    for part in ("release_version", "workflow_version"):
        with pytest.raises(Permanent) as failure:
            deployments.restore(part, strange)
        assert failure.value.code == "INTERNAL_ERROR"
