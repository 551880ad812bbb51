"""Every alias that callers name is moved by CodeDeploy: a canary per stage, alarms that exist, hooks on the API."""

from collections.abc import Callable
from typing import Any

import pytest

from infra.aws.catalogue import CATALOGUE
from infra.aws.delivery import AFTER, API, BEFORE, SHIFTED
from infra.aws.stages import read_stage
from tests.infra.conftest import Templates
from tests.infra.template_parts import functions

Ask = Callable[[str], Templates]
STAGES = ("dev", "staging", "prod")


def groups(templates: Templates) -> dict[str, dict[str, Any]]:
    """Properties of each deployment group by the name of its function."""
    found = [body["Properties"] for body in templates.resources("AWS::CodeDeploy::DeploymentGroup").values()]
    return {body["DeploymentGroupName"].split("-", 2)[2]: body for body in found}


def aliases(templates: Templates) -> dict[str, dict[str, Any]]:
    """Each alias by the name of its function, as a whole resource."""
    functions = templates.resources("AWS::Lambda::Function")
    return {
        functions[body["Properties"]["FunctionName"]["Ref"]]["Properties"]["FunctionName"].split("-", 2)[2]: body
        for body in templates.resources("AWS::Lambda::Alias").values()
    }


def callers(templates: Templates) -> set[str]:
    """Names of the functions whose alias stands anywhere but in the definition of a state machine."""
    ids = {id for id, body in templates.of["app"]["Resources"].items() if body["Type"] == "AWS::Lambda::Alias"}
    kinds = ("AWS::Lambda::EventSourceMapping", "AWS::Scheduler::Schedule", "AWS::ApiGatewayV2::Integration")
    named = {
        id for kind in kinds for body in templates.resources(kind).values() for id in ids if f"'{id}'" in str(body)
    }
    functions = templates.resources("AWS::Lambda::Function")
    found = {id: templates.of["app"]["Resources"][id]["Properties"]["FunctionName"]["Ref"] for id in named}
    return {functions[function]["Properties"]["FunctionName"].split("-", 2)[2] for function in found.values()}


def test_who_is_called_by_its_alias_has_a_deployment_group_and_nobody_else(templates: Ask) -> None:
    asked = templates("staging")
    moved = {
        name for name, alias in aliases(asked).items() if "CodeDeployLambdaAliasUpdate" in alias.get("UpdatePolicy", {})
    }
    assert moved == set(SHIFTED) == set(groups(asked))
    assert callers(asked) | {name for name, row in CATALOGUE.items() if row.trigger == "sign_in"} == set(SHIFTED)
    steps = {name for name, row in CATALOGUE.items() if row.trigger == "step"}
    assert not steps & moved, "the alias of the state machine shifts the traffic of steps"


@pytest.mark.parametrize("stage", STAGES)
def test_the_canary_is_what_the_stage_says(templates: Ask, stage: str) -> None:
    minutes = read_stage(stage).canary_minutes
    wanted = f"LambdaCanary10Percent{minutes}Minutes" if minutes else "LambdaAllAtOnce"
    configured = {body["DeploymentConfigName"] for body in groups(templates(stage)).values()}
    assert configured == {f"CodeDeployDefault.{wanted}"}
    machines = templates(stage).resources("AWS::StepFunctions::StateMachineAlias").values()
    shifts = [body["Properties"]["DeploymentPreference"] for body in machines]
    assert {(shift["Type"], shift.get("Interval")) for shift in shifts} == {
        ("CANARY", minutes) if minutes else ("ALL_AT_ONCE", None)
    }


@pytest.mark.parametrize("stage", STAGES)
def test_the_policy_of_an_alias_names_the_application_and_the_group_that_exist(templates: Ask, stage: str) -> None:
    asked = templates(stage)
    [application] = asked.resources("AWS::CodeDeploy::Application").values()
    for name in SHIFTED:
        update = aliases(asked)[name]["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
        assert update["ApplicationName"] == application["Properties"]["ApplicationName"] == f"bidproof-{stage}"
        assert update["DeploymentGroupName"] == groups(asked)[name]["DeploymentGroupName"]


def test_a_group_rolls_back_on_failure_stop_and_alarms_that_exist(templates: Ask) -> None:
    asked = templates("staging")
    alarms = {body["Properties"].get("AlarmName") for body in asked.resources("AWS::CloudWatch::Alarm").values()}
    for name, group in groups(asked).items():
        named = {alarm["Name"] for alarm in group["AlarmConfiguration"]["Alarms"]}
        assert group["AlarmConfiguration"]["Enabled"] is True
        assert named == {f"bidproof-staging-release-{part}" for part in (name, "executions", "http")} <= alarms
        back = group["AutoRollbackConfiguration"]
        assert (back["Enabled"], set(back["Events"])) == (
            True,
            {"DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_REQUEST", "DEPLOYMENT_STOP_ON_ALARM"},
        )


def test_the_alarm_of_a_function_looks_at_its_alias_and_counts_throttles_only_where_they_are_wrong(
    templates: Ask,
) -> None:
    alarms = {
        body["Properties"].get("AlarmName"): body["Properties"]
        for body in templates("staging").resources("AWS::CloudWatch::Alarm").values()
    }
    for name in SHIFTED:
        alarm = alarms[f"bidproof-staging-release-{name}"]
        metrics = [row["MetricStat"]["Metric"] for row in alarm["Metrics"] if "MetricStat" in row]
        dimensions = [{row["Name"]: row["Value"] for row in metric["Dimensions"]} for metric in metrics]
        function = f"bidproof-staging-{name}"
        assert dimensions == [{"FunctionName": function, "Resource": f"{function}:live"}] * len(metrics)
        is_schedule = CATALOGUE[name].trigger.startswith("schedule:")
        assert {metric["MetricName"] for metric in metrics} == ({"Errors"} if is_schedule else {"Errors", "Throttles"})
        assert alarm["DatapointsToAlarm"] == 2, "two breaches (O41)"
        assert alarm["TreatMissingData"] == "notBreaching"


def test_the_api_is_tried_before_and_looked_at_after_its_traffic_moves_by_hooks_that_are_there_first(
    templates: Ask,
) -> None:
    asked = templates("prod")
    api = aliases(asked)[API]
    update, functions = api["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"], asked.resources("AWS::Lambda::Function")
    named = {
        event: functions[update[event]["Ref"]]["Properties"]["FunctionName"] for event in update if "Hook" in event
    }
    assert named == {
        "BeforeAllowTrafficHook": f"bidproof-prod-{BEFORE}",
        "AfterAllowTrafficHook": f"bidproof-prod-{AFTER}",
    }
    assert {update[event]["Ref"] for event in named} <= set(api["DependsOn"])
    assert {"Schema", "SmokeTenant"} <= set(api["DependsOn"])


@pytest.mark.parametrize("stage", STAGES)
def test_who_searches_is_let_into_the_domain_before_callers_and_executions_come_to_a_release(
    templates: Ask, stage: str
) -> None:
    made = templates(stage)
    app = made.of["app"]["Resources"]
    step = app["SearchAccess"]["Properties"]
    found = functions(made, stage)
    assert step["ServiceToken"]["Fn::GetAtt"][0] == found["admit_search_roles"]["id"]
    searching = [found[row.name]["Role"]["Fn::GetAtt"][0] for row in CATALOGUE.values() if "search" in row.needs]
    assert [role["Fn::GetAtt"] for role in step["Roles"]] == [[role, "Arn"] for role in searching]
    assert step["Release"] and "SearchDomain" in str(step["Domain"]), "another release or domain asks again"
    for id, body in app.items():
        if body["Type"] in ("AWS::Lambda::Alias", "AWS::StepFunctions::StateMachineAlias"):
            assert {"Schema", "SearchAccess"} <= set(body["DependsOn"]), id
    [policy] = [id for id in app[found["admit_search_roles"]["id"]]["DependsOn"] if "DefaultPolicy" in id]
    assert "SearchAdmin" in str(app[policy]), "its rights are there when it is called"


def environment(asked: Templates, name: str) -> Any:
    """RELEASE_UNDER_TEST of a hook, as text."""
    functions = asked.resources("AWS::Lambda::Function").values()
    found = [body["Properties"] for body in functions if body["Properties"].get("FunctionName", "").endswith(name)]
    return str(found[0]["Environment"]["Variables"]["RELEASE_UNDER_TEST"])


def test_the_hook_before_calls_the_new_version_and_the_hook_after_the_alias(templates: Ask) -> None:
    asked = templates("staging")
    version = aliases(asked)[API]["Properties"]["FunctionVersion"]["Fn::GetAtt"][0]
    assert f"'Ref': '{version}'" in environment(asked, f"-{BEFORE}")
    assert "function:bidproof-staging-api:live" in environment(asked, f"-{AFTER}")


@pytest.mark.parametrize("name", [BEFORE, AFTER])
def test_a_hook_may_call_the_api_read_the_machines_secrets_and_answer_its_group_only(templates: Ask, name: str) -> None:
    asked = templates("staging")
    policies = asked.resources("AWS::IAM::Policy")
    [policy] = [
        body["Properties"]["PolicyDocument"]["Statement"]
        for id, body in policies.items()
        if id.startswith(f"Functions{name.title().replace('_', '')}Role")
    ]
    rights = {
        action: str(row["Resource"])
        for row in policy
        for action in ([row["Action"]] if isinstance(row["Action"], str) else row["Action"])
    }
    assert "bidproof-staging-api:*" in rights.pop("lambda:InvokeFunction")
    assert "IdentityPool" in rights.pop("cognito-idp:DescribeUserPoolClient")
    answers = rights.pop("codedeploy:PutLifecycleEventHookExecutionStatus")
    assert "deploymentgroup:bidproof-staging/bidproof-staging-api" in answers
    assert {action.partition(":")[0] for action in rights} <= {"logs", "xray", "kms", "secretsmanager"}


def test_the_role_of_codedeploy_moves_these_aliases_and_calls_these_hooks_only(templates: Ask) -> None:
    statements = [
        row
        for body in templates("staging").of["delivery"]["Resources"].values()
        if body["Type"] == "AWS::IAM::Policy"
        for row in body["Properties"]["PolicyDocument"]["Statement"]
    ]
    moved = next(row["Resource"] for row in statements if "lambda:UpdateAlias" in row["Action"])
    assert len(moved) == 2 * len(SHIFTED)
    called = next(str(row["Resource"]) for row in statements if row["Action"] == "lambda:InvokeFunction")
    assert called.count(":function:bidproof-staging-") == 2 and BEFORE in called and AFTER in called


@pytest.mark.parametrize("stage", STAGES)
def test_no_stack_comes_near_the_500_resources_that_cloudformation_takes(templates: Ask, stage: str) -> None:
    assert {
        name: len(body["Resources"]) for name, body in templates(stage).of.items() if len(body["Resources"]) > 495
    } == {}


def test_every_version_of_a_function_says_which_release_it_is_of(templates: Ask) -> None:
    functions = [
        body["Properties"]
        for body in templates("dev").of["app"]["Resources"].values()
        if body["Type"] == "AWS::Lambda::Function" and "FunctionName" in body["Properties"]
    ]
    [release] = {body["Description"].rpartition(" of release ")[2] for body in functions}
    machines = templates("dev").resources("AWS::StepFunctions::StateMachineVersion").values()
    assert {body["Properties"]["Description"] for body in machines} == {release}
