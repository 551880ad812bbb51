"""One authenticated request: who asks, with which rights, and the use cases it may run."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request

from functions.api.policy import may
from functions.entry import call
from shared.adapters.postgres.records import PostgresRecords
from shared.domain.canonical_json import canonical
from shared.domain.context import Actor
from shared.domain.errors import Refused
from shared.domain.project_rows import Identity, User
from shared.wiring import Parts

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The verified person, the request's facts and the parts bound to both; used by one thread at a time."""

    identity: Identity
    user: User
    parts: Parts
    method: str
    route: str
    path_ids: Mapping[str, str]
    query: Mapping[str, str]
    body: Any
    key: str | None
    if_match: int | None
    if_none_match: str | None
    jti: str = ""

    @property
    def actor(self) -> Actor:
        """The origin that rows, events and audit entries name."""
        return self.parts.actor

    @property
    def records(self) -> PostgresRecords:
        """The tenant's rows."""
        return self.parts.records

    @property
    def meta(self) -> dict[str, str]:
        """The `meta` of the envelope."""
        return {"trace_id": self.actor.trace_id, "request_id": self.actor.request_id}

    def run(self, usecase: Callable[..., Found], command: Any) -> Found:
        """Run a use case with the parts it names."""
        done: Found = call(usecase, command, self.parts)
        return done

    def may(self, action: str, project_id: str | None) -> bool:
        """Whether the person may do it to a row of this project."""
        return may(self.identity.grants, action, project_id)

    def require(self, action: str, project_id: str | None, *, missing: str) -> None:
        """Raise the `missing` code for a row out of sight (A9) and AUTH_FORBIDDEN for a visible one."""
        if not self.may("project.read", project_id):
            raise Refused(missing)
        if not self.may(action, project_id):
            raise Refused("AUTH_FORBIDDEN", details={"action": action})

    def require_for(self, action: str, project_of: Callable[[], str | None], *, missing: str) -> None:
        """The same for a command: the row is only read when grants differ between projects."""
        if any(grant.scope == "project" for grant in self.identity.grants):
            self.require(action, project_of(), missing=missing)

    def fingerprint(self) -> str:
        """SHA-256 over method, route, path ids, actor and canonical body; trace headers are no part of it (A12)."""
        parts = [self.method, self.route, dict(self.path_ids), self.actor.actor_id, self.body]
        return hashlib.sha256(canonical(parts)).hexdigest()


async def _caller(request: Request) -> Caller:
    found: Caller = request.state.caller
    return found


Asking = Annotated[Caller, Depends(_caller)]
