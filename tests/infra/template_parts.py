"""How the tests of templates find their way: statements of roles, functions by name, what a reference means."""

import json
from collections.abc import Iterator
from typing import Any

from tests.infra.conftest import Templates

STAGES = ("dev", "staging", "prod")


def functions(templates: Templates, stage: str) -> dict[str, dict[str, Any]]:
    """verb_noun -> properties of the function; one without the stage's prefix keeps its whole name."""
    found = {}
    for id, body in templates.resources("AWS::Lambda::Function").items():
        name = body["Properties"].get("FunctionName", id)
        found[name.removeprefix(f"bidproof-{stage}-")] = body["Properties"] | {"id": id}
    return found


def statements(templates: Templates) -> Iterator[tuple[str, dict[str, Any]]]:
    """(logical id of the role, statement) of every policy of a role; actions and resources are lists."""
    policies = [
        (role["Ref"], body["Properties"]["PolicyDocument"])
        for body in templates.resources("AWS::IAM::Policy").values()
        for role in body["Properties"]["Roles"]
    ]
    policies += [
        (id, policy["PolicyDocument"])
        for id, body in templates.resources("AWS::IAM::Role").items()
        for policy in body["Properties"].get("Policies", ())
    ]
    for role, document in policies:
        for statement in document["Statement"]:
            yield role, statement | {name: listed(statement[name]) for name in ("Action", "Resource")}


def listed(value: Any) -> list[Any]:
    """One or many, as a list."""
    return value if isinstance(value, list) else [value]


def texts(value: Any) -> Iterator[str]:
    """Every string inside of a value, keys of mappings too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)


def written(value: Any) -> str:
    """A value as text, for questions such as whether a name occurs in it."""
    return json.dumps(value, sort_keys=True)


def denies_plain_http(policy: dict[str, Any]) -> bool:
    """Whether the resource policy refuses every call without TLS."""
    return any(
        statement["Effect"] == "Deny"
        and statement.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport") == "false"
        and statement["Principal"] in ({"AWS": "*"}, "*")
        and ("s3:*" in listed(statement["Action"]) or "sqs:*" in listed(statement["Action"]))
        for statement in policy["Statement"]
    )
