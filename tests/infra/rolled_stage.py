"""A stage on moto to be rolled back: real Lambda versions and aliases, and Step Functions' versions by hand.

moto knows no versions of state machines. Here a real client checks what it is asked against AWS's own model of the
service, and rows in this process answer instead of a wire.
"""

import io
import secrets
import zipfile
from dataclasses import dataclass, field
from typing import Any

from infra.aws.functions import ALIAS, description
from infra.aws.rollback import Clients
from tests.moto_server import ACCOUNT, REGION, moto_client, new_client

RELEASES = ("aaaa1111", "bbbb2222")
ARN = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:"


@dataclass
class Machines:
    """State machines with versions (newest last) and where their alias points: [(version ARN, weight)]."""

    versions: dict[str, list[tuple[str, str]]]
    routes: dict[str, list[tuple[str, int]]]
    moved: list[str] = field(default_factory=list)

    def client(self) -> Any:
        """A client of Step Functions that these rows answer."""
        made = new_client("stepfunctions", "http://127.0.0.1:1")
        answers = {
            "ListStateMachines": self._machines,
            "ListStateMachineVersions": self._listed,
            "DescribeStateMachine": self._described,
            "DescribeStateMachineAlias": self._alias,
            "UpdateStateMachineAlias": self._update,
        }
        for operation, answer in answers.items():
            answered_by(made, operation, answer)
        return made

    def _machines(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {"stateMachines": [{"stateMachineArn": ARN + name, "name": name} for name in self.versions]}

    def _listed(self, asked: dict[str, Any]) -> dict[str, Any]:
        rows = self.versions[asked["stateMachineArn"].removeprefix(ARN)]
        return {"stateMachineVersions": [{"stateMachineVersionArn": arn} for arn, _ in reversed(rows)]}

    def _described(self, asked: dict[str, Any]) -> dict[str, Any]:
        rows = (row for versions in self.versions.values() for row in versions)
        return {"description": next(release for arn, release in rows if arn == asked["stateMachineArn"])}

    def _alias(self, asked: dict[str, Any]) -> dict[str, Any]:
        name = asked["stateMachineAliasArn"].removeprefix(ARN).removesuffix(f":{ALIAS}")
        routes = [{"stateMachineVersionArn": arn, "weight": weight} for arn, weight in self.routes[name]]
        return {"routingConfiguration": routes}

    def _update(self, asked: dict[str, Any]) -> dict[str, Any]:
        name = asked["stateMachineAliasArn"].removeprefix(ARN).removesuffix(f":{ALIAS}")
        given = asked["routingConfiguration"]
        assert all(route["stateMachineVersionArn"] in dict(self.versions[name]) for route in given)
        self.routes[name] = [(route["stateMachineVersionArn"], route["weight"]) for route in given]
        self.moved.append(name)
        return {}


def answered_by(client: Any, operation: str, answer: Any) -> None:
    """Let a function of the checked parameters answer an operation of a client, instead of a server."""
    asked: dict[str, Any] = {}
    service = client.meta.service_model.service_id.hyphenize()

    def keep(params: dict[str, Any], **more: Any) -> None:
        asked.clear()
        asked.update(params)

    class Answered:
        status_code = 200

    client.meta.events.register(f"provide-client-params.{service}.{operation}", keep)
    client.meta.events.register(f"before-call.{service}.{operation}", lambda **more: (Answered(), answer(dict(asked))))


@dataclass
class RolledStage:
    """`prefix` of its names; the API, a consumer and a step of two releases, one function of the newer one only."""

    prefix: str
    clients: Clients
    machines: Machines
    moved: list[str] = field(default_factory=list)

    def version(self, name: str) -> str:
        """What the alias of a function points at, with the weights beside it."""
        alias = self.clients.functions.get_alias(FunctionName=self.prefix + name, Name=ALIAS)
        weights = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
        return alias["FunctionVersion"] + "".join(f"+{other}:{weight}" for other, weight in weights.items())


def rolled_stage(status: str = "UPDATE_COMPLETE") -> RolledStage:
    """A stage whose newer release has all traffic."""
    prefix = f"bidproof-t{secrets.token_hex(3)}-"
    functions = moto_client("lambda")
    for name in ("start_work", "api", "claim_job"):
        _function(functions, prefix, name, RELEASES)
    _function(functions, prefix, "check_release", RELEASES[1:])
    arn = f"{ARN}{prefix}evaluate_bid"
    rows = [(f"{arn}:{number}", release) for number, release in enumerate(RELEASES, start=1)]
    machines = Machines({f"{prefix}evaluate_bid": rows}, {f"{prefix}evaluate_bid": [(rows[-1][0], 100)]})
    stacks = new_client("cloudformation", "http://127.0.0.1:1")
    answered_by(stacks, "DescribeStacks", lambda asked: {"Stacks": [{"StackStatus": status}]})
    clients = Clients(functions=functions, machines=machines.client(), stacks=stacks)
    return RolledStage(prefix, clients, machines)


def _function(client: Any, prefix: str, name: str, releases: tuple[str, ...]) -> None:
    name, short = prefix + name, name
    role = _role()
    for number, release in enumerate(releases):
        if number == 0:
            client.create_function(
                FunctionName=name,
                Runtime="python3.13",
                Role=role,
                Handler="handler.handler",
                Code={"ZipFile": _code(release)},
                Description=description(short, release),
            )
        else:
            client.update_function_code(FunctionName=name, ZipFile=_code(release))
            client.update_function_configuration(FunctionName=name, Description=description(short, release))
        version = client.publish_version(FunctionName=name)["Version"]
    client.create_alias(FunctionName=name, Name=ALIAS, FunctionVersion=version)


def _role() -> str:
    iam = moto_client("iam")
    if not any(role["RoleName"] == "rolled" for role in iam.list_roles()["Roles"]):
        iam.create_role(RoleName="rolled", AssumeRolePolicyDocument="{}")
    return f"arn:aws:iam::{ACCOUNT}:role/rolled"


def _code(release: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("handler.py", f"def handler(event, context):\n    return {release!r}\n")
    return packed.getvalue()
