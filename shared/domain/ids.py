"""Typed ids: a prefix, an underscore and 26 Crockford base32 characters of a UUIDv7 or a hash (spec D22)."""

import hashlib

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
PREFIXES = frozenset(
    "ten usr grn prj sup bid rpk crt upl fil doc prs chk blk fct slg pck evl vrd cit rev rvi dec wai rpt job run "
    "apr dlq fnd evt aud req svc whk whd exp bat rel gat".split()
)


def encode(number: int) -> str:
    """Write a 128-bit number as 26 base32 characters, the first of them 0-7."""
    return "".join(ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))


def new_id(prefix: str, *, unix_ms: int, random_bytes: bytes) -> str:
    """Make a sortable id from a time in milliseconds and 10 random bytes (UUIDv7, RFC 9562)."""
    if prefix not in PREFIXES:
        raise ValueError(f"unknown id prefix {prefix!r}")
    if len(random_bytes) != 10:
        raise ValueError("a UUIDv7 takes 10 random bytes")
    chance = int.from_bytes(random_bytes, "big")
    rand_a, rand_b = chance >> 68, chance & ((1 << 62) - 1)
    number = (unix_ms & ((1 << 48) - 1)) << 80 | 7 << 76 | rand_a << 64 | 2 << 62 | rand_b
    return f"{prefix}_{encode(number)}"


def hash_id(prefix: str, *parts: str) -> str:
    """Make the id that a content always gets: 128 bits of SHA-256 over the length-prefixed parts."""
    digest = hashlib.sha256("".join(f"{len(p)}:{p}" for p in parts).encode()).digest()
    return f"{prefix}_{encode(int.from_bytes(digest[:16], 'big'))}"


def is_id(text: str, prefix: str) -> bool:
    """Tell whether the text is a well-formed id with this prefix."""
    head, _, tail = text.partition("_")
    return head == prefix and len(tail) == 26 and tail[0] in "01234567" and all(c in ALPHABET for c in tail)
