"""Let the functions of a stage into its search domain, before anything searches (runbook reindex)."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.domain.errors import Retryable
from shared.ports.search_access import SearchAccess

PAUSE_SECONDS = 10.0  # a role that was just made is not known everywhere at once
RESERVE_SECONDS = 100.0  # a try of three requests with 30 seconds each, and the answer to whoever asked


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmitSearchRoles:
    """ARNs of all roles that search or index; who is not among them loses the rights."""

    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmittedSearchRoles:
    """How many roles have the rights now."""

    admitted: int


def admit_search_roles(
    command: AdmitSearchRoles,
    *,
    search_access: SearchAccess,
    pause: Callable[[float], None],
    time_left: Callable[[], float],
) -> AdmittedSearchRoles:
    """Admit the roles, again after a pause while the domain or its first user cannot be reached; repeatable.

    Raises Permanent when the domain refuses, and the last Retryable when the time is over."""
    while True:
        try:
            search_access.admit(command.roles)
            return AdmittedSearchRoles(admitted=len(command.roles))
        except Retryable:
            if time_left() < PAUSE_SECONDS + RESERVE_SECONDS:
                raise
        pause(PAUSE_SECONDS)
