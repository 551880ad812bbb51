"""Templates with what the emulator lacks taken out, and a list of all that was taken."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

GONE = "arn:aws:none:eu-central-1:000000000000:left-out:nothing"  # stands where a template names what was left out
# Type -> why. What is left out is compared exactly with what the templates hold (test_emulator.py).
LACKS = {
    "AWS::Backup::BackupSelection": "not in its CloudFormation",
    "AWS::CloudWatch::Alarm of Metrics": "an alarm on an expression is not supported",
    "AWS::CodeDeploy::Application": "not in its CloudFormation",
    "AWS::CodeDeploy::DeploymentGroup": "not in its CloudFormation; its CodeDeploy answers 400",
    "AWS::EC2::FlowLog": "not in its CloudFormation",
    "AWS::EC2::SecurityGroupEgress": "not in its CloudFormation",
    "AWS::EC2::SecurityGroupIngress": "not in its CloudFormation",
    "AWS::Events::Archive": "not in its CloudFormation",
    "AWS::RDS::DBProxy": "not in its CloudFormation",
    "AWS::RDS::DBProxyTargetGroup": "not in its CloudFormation",
    "AWS::StepFunctions::StateMachineAlias": "not in its CloudFormation; the test makes the alias by the API",
    "AWS::StepFunctions::StateMachineVersion": "not in its CloudFormation; the test makes the version by the API",
}
# Attributes that the emulator's resources do not have; the value comes from the caller's environment.
LACKS_ATTRIBUTES = {
    ("AWS::Cognito::UserPool", "ProviderURL"): "ISSUER",
    ("AWS::RDS::DBCluster", "MasterUserSecret.SecretArn"): "ADMIN_SECRET_ARN",
}


def without(template: Mapping[str, Any], environment: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """(template for the emulator, type of each resource left out by its logical id).

    `environment` replaces variables of functions, as no proxy, domain or issuer is behind their values."""
    resources: dict[str, Any] = template["Resources"]
    gone = {id: kind for id, body in resources.items() if (kind := _kind(body)) in LACKS}
    kept = {id: body for id, body in resources.items() if id not in gone}
    attributes = {
        (id, name): environment[variable]
        for (kind, name), variable in LACKS_ATTRIBUTES.items()
        for id, body in kept.items()
        if body["Type"] == kind
    }
    made: dict[str, Any] = _without_names({**template, "Resources": kept}, gone, attributes)
    for body in made["Resources"].values():
        body["DependsOn"] = [id for id in _as_list(body.get("DependsOn", [])) if id not in gone]
        variables = body["Properties"].get("Environment", {}).get("Variables") if "Properties" in body else None
        if variables:
            variables |= {name: value for name, value in environment.items() if name in variables}
    return made, gone


def _kind(body: Mapping[str, Any]) -> str:
    """The type, and for alarms what they watch, when that is an expression."""
    of = " of Metrics" if body["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in body["Properties"] else ""
    return f"{body['Type']}{of}"


def _without_names(value: Any, gone: Mapping[str, str], attributes: Mapping[tuple[str, str], str]) -> Any:
    """References to what is gone become a word, attributes that are lacking their value."""
    if isinstance(value, list):
        return [_without_names(one, gone, attributes) for one in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"Ref"} and value["Ref"] in gone:
        return GONE
    if set(value) == {"Fn::GetAtt"}:
        id, name = value["Fn::GetAtt"]
        return GONE if id in gone else attributes.get((id, name), value)
    return {name: _without_names(one, gone, attributes) for name, one in value.items()}


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def names_left(template: Mapping[str, Any], gone: Mapping[str, str]) -> Iterator[str]:
    """What still names something that is gone: such a template would not deploy."""
    text = json.dumps(template)
    return (id for id in gone if f'"{id}"' in text)
