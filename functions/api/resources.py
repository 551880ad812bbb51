"""Which module answers where below the prefix.

A module is loaded with its use cases for the first request to one of its places: all of them are a seventh of what the
API takes to load, and a request needs one to five (O91).
"""

from collections.abc import Iterator
from importlib import import_module

from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from functions.api.routing import Declared, LateRoute

PREFIX = "/api/v1"
# The first parts of each module's paths, in the order of the contract.
PLACES = {
    "me": ("me", "errors"),
    "projects": ("projects",),
    "suppliers": ("suppliers",),
    "bids": ("projects", "bids"),
    "rule_packs": ("rule-packs",),
    "uploads": ("uploads",),
    "documents": ("documents",),
    "citations": ("citations", "chunks", "facts"),
    "evaluations": ("evaluations",),
    "reissues": ("evaluations",),
    "verdicts": ("projects",),
    "reviews": ("reviews",),
    "decisions": ("reviews", "evaluations"),
    "reports": ("evaluations", "reports"),
    "exports": ("exports",),
    "jobs": ("jobs", "runs"),
    "batches": ("batches",),
    "traces": ("runs", "traces"),
    "dead_letters": ("dlq",),
    "approvals": ("approvals",),
    "events": ("runs", "evaluations"),
    "webhooks": ("webhooks",),
    "releases": ("releases",),
}


def declared(name: str) -> list[Declared]:
    """The routes of a module, which is loaded."""
    routes: list[Declared] = import_module(f"functions.api.routes.{name}").router.routes
    return routes


class Resources(BaseRoute):
    """The routes of all modules as one."""

    def __init__(self) -> None:
        self._routes: dict[str, list[LateRoute]] = {}

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As a router finds: the first route of path and method, else the first of the path."""
        other: tuple[Match, Scope] = (Match.NONE, {})
        for route in self._at(scope) if scope["type"] == "http" else ():
            match, found = route.matches(scope)
            if match is Match.FULL:
                return match, found
            if other[0] is Match.NONE:
                other = match, found
        return other

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer by the route that was found."""
        await scope["route"].handle(scope, receive, send)

    def all(self) -> Iterator[LateRoute]:
        """Every route, in the order of the contract; loads all modules."""
        for name in PLACES:
            yield from self._of(name)

    def _at(self, scope: Scope) -> Iterator[LateRoute]:
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if path.startswith(f"{PREFIX}/"):
            place = path.removeprefix(f"{PREFIX}/").partition("/")[0]
            for name in (name for name, places in PLACES.items() if place in places):
                yield from self._of(name)

    def _of(self, name: str) -> list[LateRoute]:
        if name not in self._routes:
            self._routes[name] = [LateRoute(one, PREFIX, name) for one in declared(name)]
        return self._routes[name]
