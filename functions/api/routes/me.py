"""Who the caller is, and the catalogue of errors (spec A33, A154; PATCH /me is not built yet)."""

from dataclasses import asdict
from typing import Any

from functions.api.answers import Answer, view
from functions.api.caller import Asking
from functions.api.policy import permissions, roles_in
from functions.api.routing import new_router, route
from shared.domain.error_catalogue import CATALOGUE

router = new_router()


@route(router, "GET", "/me", "me.read", shows=dict[str, Any])
def get_me(caller: Asking) -> Answer:
    """The person, roles, project grants, permissions and tenant."""
    identity, grants = caller.identity, caller.identity.grants
    projects = sorted({grant.project_id for grant in grants if grant.project_id is not None})
    tenant = view(identity.tenant, "settings", settings=caller.records.users.tenant_settings())
    data = {
        "user": view(caller.user, "issuer", "subject"),
        "roles": roles_in(grants, None),
        "permissions": permissions(grants),
        "project_grants": [
            {"project_id": project, "roles": roles_in(grants, project), "permissions": permissions(grants, project)}
            for project in projects
        ],
        "tenant": tenant,
    }
    return Answer(data=data)


@route(router, "GET", "/errors", "catalogue.read", shows=list[dict[str, Any]])
def get_errors(caller: Asking) -> Answer:
    """Every error this interface can answer, with texts in English and Chinese."""
    return Answer(data=[asdict(row) for row in CATALOGUE.values()])
