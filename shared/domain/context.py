"""Who acts, for which tenant, on whose trace: made once from verified sources and passed along."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """The verified origin of a call. `kind` is `user` or `system`; `roles` are read from the grants."""

    tenant_id: str
    actor_id: str
    kind: str = "user"
    roles: frozenset[str] = frozenset()
    trace_id: str = "0" * 32
    request_id: str = ""
