"""A token is for exactly one tenant, or there is none (spec S7, S14)."""

import pytest

from functions.shape_token.handler import handler
from shared.domain.errors import Refused
from shared.domain.ids import hash_id
from shared.usecases.shape_token import SCOPE, ShapedToken, ShapeToken, shape_token

TENANT, OTHER = hash_id("ten", "one"), hash_id("ten", "two")


def person(**attributes: str) -> dict:
    """The event of Cognito's documentation, version 3, for a person."""
    return {
        "version": "3",
        "triggerSource": "TokenGeneration_Authentication",
        "region": "eu-central-1",
        "userPoolId": "eu-central-1_EXAMPLE",
        "userName": "7f1c",
        "callerContext": {"awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": "console"},
        "request": {
            "userAttributes": {"sub": "7f1c", "email": "person@example.org", **attributes},
            "groupConfiguration": {"groupsToOverride": [], "iamRolesToOverride": [], "preferredRole": None},
            "scopes": ["aws.cognito.signin.user.admin"],
        },
        "response": {"claimsAndScopeOverrideDetails": None},
    }


def machine(*scopes: str) -> dict:
    event = person()
    event |= {"triggerSource": "TokenGeneration_ClientCredentials", "userName": ""}
    event["request"] = {"scopes": list(scopes), "clientMetadata": {"custom:tenant_id": OTHER, "tenant_id": OTHER}}
    return event


def added(event: dict) -> dict:
    return handler(event, None)["response"]["claimsAndScopeOverrideDetails"]["accessTokenGeneration"]


def test_a_persons_token_names_the_tenant_of_the_account() -> None:
    assert shape_token(ShapeToken(tenant_id=TENANT)) == ShapedToken(claims={"tenant_id": TENANT})
    assert added(person(**{"custom:tenant_id": TENANT})) == {"claimsToAddOrOverride": {"tenant_id": TENANT}}


def test_a_machines_token_names_the_tenant_of_its_scope_and_not_what_the_caller_typed() -> None:
    assert added(machine(SCOPE + TENANT, "other/scope")) == {"claimsToAddOrOverride": {"tenant_id": TENANT}}


def test_a_persons_scopes_name_no_tenant() -> None:
    event = person()
    event["request"]["scopes"].append(SCOPE + TENANT)
    with pytest.raises(Refused, match="tenant"):
        handler(event, None)


@pytest.mark.parametrize("tenant", [None, "", "ten_1", hash_id("usr", "one"), TENANT + " ", f"{TENANT},{OTHER}"])
def test_an_account_without_one_tenant_gets_no_token(tenant: str | None) -> None:
    with pytest.raises(Refused) as refused:
        handler(person(**({} if tenant is None else {"custom:tenant_id": tenant})), None)
    assert refused.value.code == "AUTH_UNAUTHORIZED"


@pytest.mark.parametrize("scopes", [(), ("other/scope",), (SCOPE + "x",), (SCOPE + TENANT, SCOPE + OTHER)])
def test_a_machine_with_no_tenant_or_two_gets_no_token(scopes: tuple[str, ...]) -> None:
    with pytest.raises(Refused):
        handler(machine(*scopes), None)


def test_the_rest_of_the_event_goes_back_as_it_came() -> None:
    event = person(**{"custom:tenant_id": TENANT})
    assert handler(event, None) | {"response": None} == event | {"response": None}
