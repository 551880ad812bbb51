"""Access tokens: RS256 only, keys by `kid` from the issuer's key set, every claim checked (spec S7, S8)."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import RSAAlgorithm
from jwt.types import Options

from shared.domain.errors import Refused, Retryable
from shared.domain.ids import is_id
from shared.ports.platform import Clock

SKEW = timedelta(seconds=60)
FRESH = timedelta(minutes=10)
REFETCH = timedelta(seconds=30)
STALE = timedelta(hours=24)
SMALLEST_KEY_BITS = 2048
LARGEST_TOKEN = 8192
REQUIRED = ("iss", "exp", "iat", "sub", "jti", "tenant_id", "token_use")  # and aud with nbf, or client_id
CHECKED_HERE: Options = {"verify_aud": False, "verify_exp": False, "verify_nbf": False, "verify_iat": False}
KeySet = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a verified token says; roles are not in it (S11)."""

    issuer: str
    subject: str
    tenant_id: str
    jti: str


def key_set_source(url: str) -> Callable[[], KeySet]:
    """How to read a JSON Web Key Set: `http(s)://...` over the network within 5 s, anything else as a file."""

    def over_http() -> KeySet:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                read: KeySet = json.loads(answer.read(1 << 20))
        except (urllib.error.URLError, TimeoutError, json.JSONDecodeError) as error:
            raise Retryable("DEPENDENCY_UNAVAILABLE", "the issuer's key set does not answer") from error
        return read

    def from_file() -> KeySet:
        try:
            read: KeySet = json.loads(Path(url).read_text())
        except (OSError, json.JSONDecodeError) as error:
            raise Retryable("DEPENDENCY_UNAVAILABLE", "the issuer's key set cannot be read") from error
        return read

    return over_http if url.startswith(("http://", "https://")) else from_file


class TokenVerifier:
    """Verifies access tokens of one issuer for our audiences (separated by spaces); safe to share by threads."""

    def __init__(self, fetch: Callable[[], KeySet], *, issuer: str, audience: str, clock: Clock) -> None:
        self._fetch, self._issuer, self._clock = fetch, issuer, clock
        self._audiences = frozenset(audience.split())
        self._lock = threading.Lock()
        self._keys: dict[str, RSAPublicKey] = {}
        self._fetched_at: datetime | None = None
        self._fetching = threading.Lock()
        self._tried_at: datetime | None = None

    def verify(self, token: str) -> Claims:
        """The claims; raises Refused AUTH_UNAUTHORIZED for anything but a valid access token."""
        if len(token) > LARGEST_TOKEN:
            raise Refused("AUTH_UNAUTHORIZED", "the token is too long")
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") != "RS256" or not isinstance(header.get("kid"), str):
                raise Refused("AUTH_UNAUTHORIZED", "the token is not signed with RS256 by a named key")
            claims = jwt.decode(
                token,
                self._key(header["kid"]),
                algorithms=["RS256"],
                issuer=self._issuer,
                options={"require": list(REQUIRED), **CHECKED_HERE},
            )
        except jwt.PyJWTError as error:
            raise Refused("AUTH_UNAUTHORIZED", "the token is not valid") from error
        self._check(claims)
        return Claims(
            issuer=claims["iss"], subject=claims["sub"], tenant_id=claims["tenant_id"], jti=str(claims["jti"])
        )

    def check(self) -> None:
        """Raise Retryable DEPENDENCY_UNAVAILABLE when there is no key to verify with."""
        if not self._keys:
            self._refetch(self._clock.now())
        if not self._keys:
            raise Retryable("DEPENDENCY_UNAVAILABLE", "no signing key is known")

    def _check(self, claims: Mapping[str, Any]) -> None:
        """Audience, times against our clock with 60 s of skew, use and the form of tenant and subject."""
        if not self._is_for_us(claims):
            raise Refused("AUTH_UNAUTHORIZED", "the token is for somebody else")
        now = self._clock.now().timestamp()
        begins = claims["nbf"] if "nbf" in claims else claims["iat"]
        times = [claims["exp"], begins, claims["iat"]]
        if not all(isinstance(time, int | float) and not isinstance(time, bool) for time in times):
            raise Refused("AUTH_UNAUTHORIZED", "a time of the token is no number")
        skew = SKEW.total_seconds()
        if now >= claims["exp"] + skew or now < begins - skew or now < claims["iat"] - skew:
            raise Refused("AUTH_UNAUTHORIZED", "the token is not valid now")
        texts = (claims["sub"], claims["tenant_id"], claims["jti"])
        if claims["token_use"] != "access" or not all(isinstance(text, str) and text for text in texts):
            raise Refused("AUTH_UNAUTHORIZED", "the token is no access token")
        if not is_id(claims["tenant_id"], "ten"):
            raise Refused("AUTH_UNAUTHORIZED", "the token names no tenant")

    def _is_for_us(self, claims: Mapping[str, Any]) -> bool:
        """`aud` names us and `nbf` is there; or there is no `aud` at all and `client_id` names us.

        The second is the form of Cognito's access tokens, which carry neither `aud` nor `nbf`. API Gateway's JWT
        authorizer decides in the same way: `client_id` counts only where `aud` is not present."""
        named = claims["aud"] if "aud" in claims else claims.get("client_id")
        if "aud" in claims and "nbf" not in claims:
            return False
        listed = named if isinstance(named, list) and "aud" in claims else [named]
        return any(isinstance(name, str) and name in self._audiences for name in listed)

    def _key(self, kid: str) -> RSAPublicKey:
        """The key of this id: cached 10 min, refetched for an unknown id at most every 30 s, usable for 24 h when
        the issuer is out (S8)."""
        now = self._clock.now()
        with self._lock:
            missing = kid not in self._keys
        if missing:  # who has no key waits for a fetch under way; the first calls of a new process come together
            with self._fetching:
                self._fetch_if_due(kid, now)
        else:  # the others go on with the cached keys
            self._fetch_if_due(kid, now)
        with self._lock:
            if self._fetched_at is None or now - self._fetched_at >= STALE or kid not in self._keys:
                raise Refused("AUTH_UNAUTHORIZED", "the signing key is unknown")
            return self._keys[kid]

    def _fetch_if_due(self, kid: str, now: datetime) -> None:
        with self._lock:
            old = self._fetched_at is None or now - self._fetched_at >= FRESH
            rested = self._tried_at is None or now - self._tried_at >= REFETCH
            refetch = rested and (old or kid not in self._keys)
            if refetch:
                self._tried_at = now
        if refetch:
            self._refetch(now)

    def _refetch(self, now: datetime) -> None:
        try:
            found = self._fetch()
        except Retryable:
            return  # the issuer is out: cached keys stay valid, unknown ones are refused
        listed = found.get("keys") if isinstance(found, Mapping) else None
        entries = [key for key in listed if isinstance(key, Mapping)] if isinstance(listed, list) else []
        keys = {key["kid"]: made for key in entries if (made := _public_key(key)) is not None}
        with self._lock:
            self._keys, self._fetched_at = keys, now


def _public_key(key: Mapping[str, Any]) -> RSAPublicKey | None:
    """An RSA signing key of at least 2048 bits, or None for keys of other kinds and uses."""
    usable = key.get("kty") == "RSA" and key.get("use", "sig") == "sig" and key.get("alg", "RS256") == "RS256"
    if not usable or not isinstance(key.get("kid"), str):
        return None
    try:
        made = RSAAlgorithm.from_jwk(dict(key))
    except (jwt.InvalidKeyError, ValueError, TypeError):  # numbers that make no key: one bad entry spoils no other
        return None
    return made if isinstance(made, RSAPublicKey) and made.key_size >= SMALLEST_KEY_BITS else None
