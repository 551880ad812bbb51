"""The process's clock, chance and vault."""

import os
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from shared.domain.canonical_json import canonical
from shared.domain.errors import Permanent
from shared.domain.ids import new_id

VAULT_KEY_VERSION = 1


def derive_key(master: bytes, purpose: str) -> bytes:
    """32 bytes for one purpose: HKDF-SHA256 of the master key (RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"bidproof|{purpose}".encode()).derive(master)


class SystemClock:
    """The Clock port over the machine's clock."""

    def now(self) -> datetime:
        """The time in UTC, with its zone."""
        return datetime.now(UTC)


class SystemIds:
    """The Ids port over the operating system's randomness."""

    def __init__(self, clock: SystemClock) -> None:
        self._clock = clock

    def new(self, prefix: str) -> str:
        """A new typed id; raises ValueError for an unknown prefix."""
        now = int(self._clock.now().timestamp() * 1000)
        return new_id(prefix, unix_ms=now, random_bytes=os.urandom(10))

    def token(self, prefix: str) -> str:
        """The prefix and 43 URL-safe characters (256 bit)."""
        return prefix + secrets.token_urlsafe(32)


class AesVault:
    """The Vault port: AES-256-GCM under one key, a version byte and a 12-byte nonce in front."""

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)

    def encrypt(self, plain: str, *, context: Mapping[str, str]) -> bytes:
        """Seal the text for this context only."""
        nonce = os.urandom(12)
        sealed = self._aead.encrypt(nonce, plain.encode(), canonical(dict(context)))
        return bytes([VAULT_KEY_VERSION]) + nonce + sealed

    def decrypt(self, sealed: bytes, *, context: Mapping[str, str]) -> str:
        """Open it; raises Permanent DATA_CORRUPTED for another context, key version or altered bytes."""
        if not sealed or sealed[0] != VAULT_KEY_VERSION:
            raise Permanent("DATA_CORRUPTED", "unknown key version")
        try:
            return self._aead.decrypt(sealed[1:13], sealed[13:], canonical(dict(context))).decode()
        except InvalidTag as error:
            raise Permanent("DATA_CORRUPTED", "a sealed value does not open here") from error
