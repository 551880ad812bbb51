"""Access tokens for machines: the client credentials grant at the token endpoint of a Cognito user pool."""

import base64
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any

from shared.adapters.aws_calls import ask
from shared.domain.errors import Permanent, Retryable
from shared.ports.release_under_test import SmokeRole

SECONDS = 10.0
RESERVE = 60.0  # a token with less left is fetched anew


class MachineTokens:
    """`clients` names the app client of each role; their secrets are read from the pool, so nobody else keeps them.

    The client comes from aws_calls.aws_client("cognito-idp")."""

    def __init__(self, client: Any, *, user_pool: str, token_url: str, clients: Mapping[str, str]) -> None:
        self._client, self._user_pool, self._token_url, self._clients = client, user_pool, token_url, dict(clients)
        self._kept: dict[str, tuple[str, float]] = {}

    def __call__(self, role: SmokeRole) -> str:
        """A token of the role's client, kept until it is about to run out (each one costs money).

        Raises Retryable DEPENDENCY_UNAVAILABLE or DEPENDENCY_TIMEOUT, and Permanent INTERNAL_ERROR for a refusal."""
        client_id = self._clients[role]
        token, until = self._kept.get(client_id, ("", 0.0))
        if time.monotonic() >= until:
            token, life = self._fetch(client_id)
            self._kept[client_id] = token, time.monotonic() + life - RESERVE
        return token

    def _fetch(self, client_id: str) -> tuple[str, float]:
        found = ask(self._client.describe_user_pool_client, UserPoolId=self._user_pool, ClientId=client_id)
        secret = found["UserPoolClient"]["ClientSecret"]
        login = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
        form = urllib.parse.urlencode({"grant_type": "client_credentials"}).encode()
        headers = {"authorization": f"Basic {login}", "content-type": "application/x-www-form-urlencoded"}
        request = urllib.request.Request(self._token_url, form, headers)
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:
                made = json.load(answer)
            return str(made["access_token"]), float(made["expires_in"])
        except urllib.error.HTTPError as error:
            failure: Permanent | Retryable = (
                Retryable("DEPENDENCY_UNAVAILABLE", f"the token endpoint answered {error.code}")
                if error.code >= 500 or error.code == 429
                else Permanent("INTERNAL_ERROR", f"the token endpoint refused the client ({error.code})")
            )
        except TimeoutError:
            failure = Retryable("DEPENDENCY_TIMEOUT", "the token endpoint did not answer in time")
        except (urllib.error.URLError, HTTPException, OSError):
            failure = Retryable("DEPENDENCY_UNAVAILABLE", "the token endpoint was not reached")
        except (ValueError, KeyError):
            failure = Permanent("INTERNAL_ERROR", "the token endpoint answered without a token")
        raise failure  # outside of the handler: the SDK's and urllib's errors may quote what was sent
