"""What a user pool calls: triggers of Cognito. They answer within 5 s, so nothing is connected to."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from shared.domain.errors import Refused

Handler = Callable[[Mapping[str, Any], Any], dict[str, Any]]
MACHINE = "TokenGeneration_ClientCredentials"
TENANT_ATTRIBUTE = "custom:tenant_id"
log = logging.getLogger("bidproof.sign_in")


def token_trigger(command: type[Any], usecase: Callable[..., Any]) -> Handler:
    """A pre token generation trigger, event version 3: people and machines alike, claims of the access token.

    An error is the only refusal that the user pool knows: it then issues no token at all."""

    def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
        del context
        asked = event["request"]
        machine = event["triggerSource"] == MACHINE
        attributes = asked.get("userAttributes") or {}
        try:
            shaped = usecase(
                command(
                    tenant_id=None if machine else attributes.get(TENANT_ATTRIBUTE),
                    scopes=tuple(asked.get("scopes") or ()) if machine else (),
                )
            )
        except Refused as refused:
            who = event.get("userName") or event["callerContext"]["clientId"]
            log.warning("BP_AUTH_TOKEN_REFUSED", extra={"error_code": refused.code, "subject": who})
            raise
        answer = {"accessTokenGeneration": {"claimsToAddOrOverride": dict(shaped.claims)}}
        return {**event, "response": {"claimsAndScopeOverrideDetails": answer}}

    return handler
