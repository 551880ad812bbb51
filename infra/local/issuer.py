"""The issuer of one machine: an RS256 key pair under the data folder and tokens for its users (spec S15)."""

import fcntl
import hashlib
import json
import os
import secrets
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

LIFE = timedelta(minutes=15)
FOLDER = "issuer"


class LocalIssuer:
    """Signs access tokens with the key pair of the folder, which it makes at first use."""

    def __init__(self, data_dir: Path, *, issuer: str, audience: str) -> None:
        self._folder = data_dir / FOLDER
        self._issuer, self._audience = issuer, audience
        self._key = _ensure_key(self._folder)
        self._kid = jwks_of(self._key)["keys"][0]["kid"]

    def jwks(self) -> dict[str, Any]:
        """The public key set, as it stands in `jwks_path`."""
        return jwks_of(self._key)

    def issue(self, subject: str, tenant_id: str, /, *, now: datetime, life: timedelta = LIFE, **claims: Any) -> str:
        """An access token of 15 minutes; a longer life is for the token that `make up` prints, and is said there."""
        issued = int(now.timestamp())
        body = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": subject,
            "tenant_id": tenant_id,
            "token_use": "access",
            "iat": issued,
            "nbf": issued,
            "exp": issued + int(life.total_seconds()),
            "jti": secrets.token_urlsafe(16),
            **claims,
        }
        return jwt.encode(body, self._key, algorithm="RS256", headers={"kid": self._kid})


def jwks_path(data_dir: Path) -> Path:
    """Where the API finds the public keys when JWKS_URL is empty."""
    return data_dir / FOLDER / "jwks.json"


def jwks_of(key: rsa.RSAPrivateKey) -> dict[str, Any]:
    """The key set of one pair; the key id is the start of its RFC 7638 thumbprint."""
    public: dict[str, Any] = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    needed = json.dumps({name: public[name] for name in ("e", "kty", "n")}, separators=(",", ":"), sort_keys=True)
    kid = hashlib.sha256(needed.encode()).hexdigest()[:16]
    named = {"kty": public["kty"], "n": public["n"], "e": public["e"], "kid": kid, "use": "sig", "alg": "RS256"}
    return {"keys": [named]}


def _ensure_key(folder: Path) -> rsa.RSAPrivateKey:
    """Read the private key, or make it once; the file has mode 0600 and the folder's lock keeps two starts apart."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "private.pem"
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if path.exists():
            key = serialization.load_pem_private_key(path.read_bytes(), password=None)
            if not isinstance(key, rsa.RSAPrivateKey):
                raise ValueError(f"{path} holds no RSA key")
        else:
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            _write(path, _pem(key), 0o600)
        _write(folder / "jwks.json", json.dumps(jwks_of(key), indent=1).encode(), 0o644)
    return key


def _pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    fresh.replace(path)
