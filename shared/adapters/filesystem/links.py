"""Links that name exactly one request: HMAC-SHA256 over method, key, expiry and what may be sent (spec A53, A21)."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

from shared.domain.canonical_json import canonical
from shared.domain.errors import Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What the holder of a link may do: one method on one key until `expires` (Unix seconds).

    A PUT of a file carries `size_bytes`, `sha256` and `media_type`; a PUT of a part `upload` and `part`; a GET the
    object's `version` and how the answer is named."""

    method: str
    key: str
    expires: int
    size_bytes: int | None = None
    sha256: str | None = None
    media_type: str | None = None
    upload: str | None = None
    part: int | None = None
    version: str | None = None
    filename: str | None = None
    attachment: bool = False


def link(grant: Grant, *, key: bytes, base_url: str) -> str:
    """The URL of the grant below `base_url`/objects/."""
    named = {name: value for name, value in asdict(grant).items() if name not in ("method", "key") and value}
    query = urlencode({**named, "signature": _signature(grant, key)})
    return f"{base_url.rstrip('/')}/objects/{quote(grant.key)}?{query}"


def read_link(method: str, object_key: str, query: Mapping[str, str], *, key: bytes, now: datetime) -> Grant:
    """The grant of a request; raises Refused AUTH_FORBIDDEN for a forged, altered or expired link."""
    try:
        grant = Grant(
            method=method,
            key=object_key,
            expires=int(query["expires"]),
            size_bytes=_number(query.get("size_bytes")),
            part=_number(query.get("part")),
            attachment="attachment" in query,
            **{name: query.get(name) for name in ("sha256", "media_type", "upload", "version", "filename")},
        )
        given = query["signature"]
    except (KeyError, ValueError) as error:
        raise Refused("AUTH_FORBIDDEN", "the link is not valid") from error
    if not hmac.compare_digest(given.encode(), _signature(grant, key).encode()):
        raise Refused("AUTH_FORBIDDEN", "the link is not valid")
    if datetime.fromtimestamp(grant.expires, UTC) <= now:
        raise Refused("AUTH_FORBIDDEN", "the link has expired")
    return grant


def _signature(grant: Grant, key: bytes) -> str:
    return hmac.new(key, canonical(grant), hashlib.sha256).hexdigest()


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)
