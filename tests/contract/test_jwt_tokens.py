"""The token verifier's key handling: rotation, outage, other keys (spec S7, S8); claims are tested over HTTP."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from infra.local.issuer import LocalIssuer, jwks_of, jwks_path
from shared.adapters.jwt_tokens import TokenVerifier, key_set_source
from shared.domain.errors import Refused, Retryable
from shared.domain.ids import hash_id

ISSUER, AUDIENCE = "https://issuer.test", "bidproof"
TENANT = hash_id("ten", "t")


@dataclass
class Hands:
    """A clock that is turned by hand."""

    time: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time


@dataclass
class KeyServer:
    """A key set that can be changed and switched off; `calls` counts the fetches."""

    keys: Mapping[str, Any]
    calls: int = 0
    out: bool = False
    clock: Hands = field(default_factory=Hands)

    def fetch(self) -> Mapping[str, Any]:
        self.calls += 1
        if self.out:
            raise Retryable("DEPENDENCY_UNAVAILABLE")
        return self.keys

    def verifier(self) -> TokenVerifier:
        return TokenVerifier(self.fetch, issuer=ISSUER, audience=AUDIENCE, clock=self.clock)


def an_issuer(folder: Path) -> LocalIssuer:
    return LocalIssuer(folder, issuer=ISSUER, audience=AUDIENCE)


def accepted(verifier: TokenVerifier, issuer: LocalIssuer, clock: Hands) -> bool:
    try:
        claims = verifier.verify(issuer.issue("person", TENANT, now=clock.now()))
    except Refused as refused:
        assert refused.code == "AUTH_UNAUTHORIZED"
        return False
    return (claims.subject, claims.tenant_id) == ("person", TENANT)


def test_keys_are_cached_for_ten_minutes(tmp_path: Path) -> None:
    issuer = an_issuer(tmp_path)
    server = KeyServer(issuer.jwks())
    verifier = server.verifier()
    for minutes, calls in ((0, 1), (9, 1), (10, 2)):
        server.clock.time = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
        assert accepted(verifier, issuer, server.clock) and server.calls == calls


def test_a_rotated_key_is_fetched_and_the_old_one_refused(tmp_path: Path) -> None:
    old, new = an_issuer(tmp_path / "old"), an_issuer(tmp_path / "new")
    server = KeyServer(old.jwks())
    verifier = server.verifier()
    assert accepted(verifier, old, server.clock)
    server.keys = new.jwks()
    server.clock.time += timedelta(seconds=30)
    assert accepted(verifier, new, server.clock)
    assert not accepted(verifier, old, server.clock)


def test_unknown_keys_refetch_at_most_every_30_seconds(tmp_path: Path) -> None:
    issuer, stranger = an_issuer(tmp_path / "a"), an_issuer(tmp_path / "b")
    server = KeyServer(issuer.jwks())
    verifier = server.verifier()
    for seconds in range(0, 60, 5):
        server.clock.time = datetime(2026, 1, 1, second=seconds, tzinfo=UTC)
        assert not accepted(verifier, stranger, server.clock)
    assert server.calls == 2


def test_in_an_outage_known_keys_count_for_24_hours_and_unknown_ones_never(tmp_path: Path) -> None:
    issuer, stranger = an_issuer(tmp_path / "a"), an_issuer(tmp_path / "b")
    server = KeyServer(issuer.jwks())
    verifier = server.verifier()
    assert accepted(verifier, issuer, server.clock)
    server.out = True
    server.clock.time += timedelta(hours=23, minutes=59)
    assert accepted(verifier, issuer, server.clock) and not accepted(verifier, stranger, server.clock)
    server.clock.time += timedelta(minutes=1)
    assert not accepted(verifier, issuer, server.clock)
    server.out = False
    server.clock.time += timedelta(seconds=30)
    assert accepted(verifier, issuer, server.clock)


@pytest.mark.parametrize("change", [{"kty": "EC"}, {"use": "enc"}, {"alg": "RS512"}, {"kid": 7}, {"n": "!"}])
def test_keys_of_another_kind_are_not_used(tmp_path: Path, change: dict[str, Any]) -> None:
    issuer = an_issuer(tmp_path)
    server = KeyServer({"keys": [issuer.jwks()["keys"][0] | change]})
    assert not accepted(server.verifier(), issuer, server.clock)
    with pytest.raises(Retryable):
        server.verifier().check()


@pytest.mark.parametrize("key_set", [{}, {"keys": "none"}, {"keys": [7, None]}, []])
def test_a_key_set_of_another_shape_has_no_keys(tmp_path: Path, key_set: Any) -> None:
    issuer = an_issuer(tmp_path)
    server = KeyServer(key_set)
    assert not accepted(server.verifier(), issuer, server.clock)


def test_a_short_key_is_not_used() -> None:
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    with pytest.raises(Retryable):
        KeyServer(jwks_of(short)).verifier().check()


def test_the_issuer_keeps_its_key_and_hides_the_private_half(tmp_path: Path) -> None:
    first, second = an_issuer(tmp_path), an_issuer(tmp_path)
    assert first.jwks() == second.jwks() == json.loads(jwks_path(tmp_path).read_text())
    assert "d" not in first.jwks()["keys"][0]
    assert (tmp_path / "issuer" / "private.pem").stat().st_mode & 0o777 == 0o600


def test_key_sets_come_from_a_file_or_over_http(tmp_path: Path) -> None:
    issuer = an_issuer(tmp_path)
    assert key_set_source(str(jwks_path(tmp_path)))() == issuer.jwks()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(issuer.jwks()).encode())

        def log_message(self, *_: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = Thread(target=server.handle_request)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/jwks.json"
        assert key_set_source(url)() == issuer.jwks()
        thread.join()
    for gone in (url, str(tmp_path / "missing.json")):
        with pytest.raises(Retryable):
            key_set_source(gone)()


def test_the_first_calls_of_a_new_process_wait_for_its_first_fetch(tmp_path: Path) -> None:
    issuer = an_issuer(tmp_path)
    server, begun, go_on = KeyServer(issuer.jwks()), Event(), Event()

    def slow() -> Mapping[str, Any]:
        begun.set()
        assert go_on.wait(30)
        return server.fetch()

    verifier = TokenVerifier(slow, issuer=ISSUER, audience=AUDIENCE, clock=server.clock)
    with ThreadPoolExecutor(4) as threads:
        first = threads.submit(accepted, verifier, issuer, server.clock)
        assert begun.wait(30)
        others = [threads.submit(accepted, verifier, issuer, server.clock) for _ in range(3)]
        go_on.set()
        assert [call.result() for call in (first, *others)] == [True] * 4
    assert server.calls == 1


def cognito_token(issuer: LocalIssuer, clock: Hands, /, drop: tuple[str, ...] = (), **change: Any) -> str:
    """A really signed access token with the claims that Cognito sends: `client_id`, neither `aud` nor `nbf`."""
    now = int(clock.now().timestamp())
    claims = {
        "sub": "7f1c",
        "iss": ISSUER,
        "version": 2,
        "client_id": AUDIENCE,
        "origin_jti": "5e3a",
        "event_id": "b1f0",
        "token_use": "access",
        "scope": "aws.cognito.signin.user.admin",
        "auth_time": now,
        "exp": now + 900,
        "iat": now,
        "jti": "9d2e",
        "username": "7f1c",
        "tenant_id": TENANT,
        **change,
    }
    kept = {name: value for name, value in claims.items() if name not in drop}
    return jwt.encode(kept, issuer._key, algorithm="RS256", headers={"kid": issuer._kid})


def verdict(token: str, issuer: LocalIssuer, *, audience: str = AUDIENCE) -> bool:
    server = KeyServer(issuer.jwks())
    try:
        TokenVerifier(server.fetch, issuer=ISSUER, audience=audience, clock=server.clock).verify(token)
    except Refused as refused:
        assert refused.code == "AUTH_UNAUTHORIZED"
        return False
    return True


def test_an_access_token_of_cognitos_form_is_accepted(tmp_path: Path) -> None:
    issuer = an_issuer(tmp_path)
    assert verdict(cognito_token(issuer, Hands()), issuer)
    assert verdict(cognito_token(issuer, Hands()), issuer, audience=f"other {AUDIENCE}")


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": "another"},
        {"client_id": ""},
        {"client_id": [AUDIENCE]},
        {"aud": "another"},  # where there is an audience it alone counts, as in API Gateway
        {"aud": []},
        {"aud": None},
        {"aud": AUDIENCE},  # the form of others, which owes `nbf`
        {"token_use": "id"},
        {"nbf": int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) + 61},
        {"nbf": None},
        {"tenant_id": None},
        {"exp": int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) - 61},
    ],
    ids=str,
)
def test_a_token_of_cognitos_form_with_another_claim_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    issuer = an_issuer(tmp_path)
    assert not verdict(cognito_token(issuer, Hands(), **change), issuer)


@pytest.mark.parametrize("claim", ["client_id", "tenant_id", "exp", "iat", "jti", "sub", "iss", "token_use"])
def test_a_token_of_cognitos_form_owes_every_other_claim(tmp_path: Path, claim: str) -> None:
    issuer = an_issuer(tmp_path)
    assert not verdict(cognito_token(issuer, Hands(), drop=(claim,)), issuer)


def test_with_an_audience_the_time_from_which_it_holds_is_owed(tmp_path: Path) -> None:
    issuer = an_issuer(tmp_path)
    now = int(Hands().now().timestamp())
    assert verdict(cognito_token(issuer, Hands(), aud=AUDIENCE, nbf=now), issuer)
    assert verdict(cognito_token(issuer, Hands(), aud=["other", AUDIENCE], nbf=now, drop=("client_id",)), issuer)
    assert not verdict(cognito_token(issuer, Hands(), aud=AUDIENCE), issuer)
