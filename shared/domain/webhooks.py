"""Signed webhooks: which events, which targets, which signature, when a receiver is dead (spec A136-A138)."""

import hashlib
import hmac
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from shared.domain.errors import Refused
from shared.domain.events import PRODUCERS
from shared.domain.retries import PROFILES

TEST_EVENT = "webhook.tested"  # sent to the endpoint that asked, never subscribed to
EVENT_TYPES = frozenset(PRODUCERS) - {TEST_EVENT}  # A134
SECRET_PREFIX = "whs_"
ROTATION_TIME = timedelta(hours=24)  # A136: both secrets sign
SEND_SECONDS = 10.0  # A137
DEAD_TO_DISABLE = 50  # A137
REPLAY_SPAN, REPLAY_AGE = timedelta(days=7), timedelta(days=30)  # A126
SECRET_PURPOSE = "webhook-secret"


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A row of `webhook_endpoints` without its secrets."""

    endpoint_id: str
    url: str
    event_types: list[str]
    status: str = "active"
    dead_in_a_row: int = 0
    previous_until: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    created_by: str = ""
    row_version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A row of `webhook_deliveries`: one event for one endpoint; a replay has its own (A137)."""

    delivery_id: str
    endpoint_id: str
    event_id: str
    event_type: str
    status: str = "pending"
    replay_of: str | None = None
    attempt: int = 0
    http_status: int | None = None
    error_code: str | None = None
    next_at: datetime | None = None
    delivered_at: datetime | None = None
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SendResult:
    """What one attempt came to: `status` delivered, retrying after `delay_seconds`, or dead."""

    status: str
    http_status: int | None
    error_code: str | None
    delay_seconds: float = 0.0


def signature(secret: str, unix: int, body: bytes) -> str:
    """v1: HMAC-SHA256 of "<unix>.<body>" under the secret's text, in hex (A136)."""
    return hmac.new(secret.encode(), f"{unix}.".encode() + body, hashlib.sha256).hexdigest()


def signature_header(secrets: Sequence[str], unix: int, body: bytes) -> str:
    """The value of Bidproof-Signature; during a rotation one v1 per secret, the newest first."""
    return ",".join([f"t={unix}", *(f"v1={signature(secret, unix, body)}" for secret in secrets)])


def result_of(attempt: int, *, http_status: int | None, error_code: str | None) -> SendResult:
    """2xx is success, everything else is tried again by `event_delivery` until the fifth attempt is dead (A137)."""
    if http_status is not None and 200 <= http_status <= 299:
        return SendResult(status="delivered", http_status=http_status, error_code=None)
    profile = PROFILES["event_delivery"]
    if attempt >= profile.tries:
        return SendResult(status="dead", http_status=http_status, error_code=error_code)
    delay = profile.delay_seconds(attempt)
    return SendResult(status="retrying", http_status=http_status, error_code=error_code, delay_seconds=delay)


def check_target(url: str) -> None:
    """Refuse what can never be a target: not https, another port, credentials, a fragment, no name, a private address.

    Names are resolved when they are called (A138). Raises Refused WEBHOOK_URL_FORBIDDEN with the reason."""
    reason = _why_not(url)
    if reason is not None:
        raise Refused("WEBHOOK_URL_FORBIDDEN", details={"reason": reason})


def _why_not(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        return "not a URL"
    if parts.scheme != "https" or port not in (None, 443):
        return "https on port 443 only"
    if "@" in parts.netloc or parts.fragment or not url.isascii() or any(c <= " " or c in '\\"<>' for c in url):
        return "credentials, fragments, spaces and other scripts are not allowed"
    if _address(host) is not None:
        return None if is_public(host) else "the address is not public"
    labels = host.split(".")
    if len(labels) < 2 or len(host) > 253 or labels[-1].isdigit() or labels[-1].startswith("0x"):
        return "the host is not a full name"
    if not all(0 < len(label) < 64 and label.replace("-", "").replace("_", "").isalnum() for label in labels):
        return "the host is not a name"
    return None


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet; raises nothing, what is no address is not public.

    IPv6 forms that carry an IPv4 address (mapped, 6to4, NAT64, Teredo) are refused as a whole."""
    found = _address(address)
    if found is None or not found.is_global or found.is_multicast or found.is_reserved:
        return False
    if found.version == 4:
        return True
    return found in _UNICAST and not any(found in network for network in _CARRIERS)


_UNICAST = ipaddress.IPv6Network("2000::/3")  # the only range that is handed out (RFC 4291, IANA)
_CARRIERS = tuple(
    ipaddress.IPv6Network(n)
    for n in ("::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")
)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
