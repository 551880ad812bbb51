"""The HTTP interface as one application: routes, checks and errors over the services of a process."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.routing import BaseRoute

from functions.api import contract_page, problems
from functions.api.resources import Resources
from functions.api.routes import health
from functions.api.routing import problem_schemas
from functions.api.transport import Transport
from shared.adapters.jwt_tokens import TokenVerifier, key_set_source
from shared.settings import Settings
from shared.wiring import Services

VERSION = "1.0.0"
OBJECTS = "/objects/"


def create_app(services: Services) -> FastAPI:
    """The application; every business route lives below /api/v1 (A1)."""
    app = FastAPI(title="Bidproof", version=VERSION, openapi_url="/openapi.json", docs_url=None, redoc_url=None)
    app.state.services = services
    app.state.verifier = verifier_for(services)
    app.routes.append(Resources())
    # their routes as they are: `include_router` would build each of them once more, with the first request
    app.routes.extend([*health.router.routes, *contract_page.router.routes])
    if services.settings.platform == "local":  # bytes and figures of one machine have no other door
        from functions.api.routes import metrics, objects

        app.routes.extend([*objects.router.routes, *metrics.router.routes])
    problems.install(app)
    app.add_middleware(Transport, ids=services.ids, telemetry=services.telemetry, unlimited=OBJECTS)
    app.openapi = lambda: openapi(app)  # type: ignore[method-assign]
    return app


def verifier_for(services: Services) -> TokenVerifier:
    """Verifies tokens of the issuer in the settings; without JWKS_URL that is the issuer of this machine."""
    settings: Settings = services.settings
    source = settings.jwks_url or str(settings.data_dir / "issuer" / "jwks.json")
    return TokenVerifier(
        key_set_source(source), issuer=settings.issuer, audience=settings.audience, clock=services.clock
    )


def openapi(app: FastAPI) -> dict[str, Any]:
    """The contract: OpenAPI 3.1 with the bearer scheme; made once."""
    if app.openapi_schema is None:
        routes: list[BaseRoute] = []
        for route in app.routes:
            routes += [one.described() for one in route.all()] if isinstance(route, Resources) else [route]
        schema = get_openapi(title=app.title, version=app.version, routes=routes, description=__doc__)
        schema.setdefault("components", {})["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
        }
        schema["components"].setdefault("schemas", {}).update(problem_schemas())
        for path in schema["paths"].values():
            for operation in path.values():
                operation["responses"].pop("422", None)  # field errors are 400 REQ_VALIDATION_FAILED (A8)
        app.openapi_schema = schema
    return app.openapi_schema
