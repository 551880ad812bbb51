"""The whole product inside the test process: the API on a real port, the worker beside it, a fresh tenant."""

import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import uvicorn

from functions.api.app import create_app
from infra.local.demo_client import Client
from infra.local.issuer import LocalIssuer
from infra.local.postgres import Databases
from infra.local.tenants import DemoTenant, ensure_tenant
from infra.local.worker import Worker
from shared import wiring
from shared.wiring import Services
from tests.product import environment_of, settings_for


@contextmanager
def demo_product(databases: Databases, folder: Path) -> Iterator[Client]:
    """A client of the product's HTTP API, as the demo uses it; all of it ends with the block."""
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    settings = replace(settings_for(databases, folder), public_url=url)
    with environment_of(settings):
        wiring.forget_services()
        made = wiring.services()
        client = _client(made, databases)
        server = uvicorn.Server(uvicorn.Config(create_app(made), log_level="critical", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        worker = Worker(settings.platform_url, threads=4)
        thread.start()
        worker.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield client
        finally:
            assert worker.stop(30)
            server.should_exit = True
            thread.join(10)
            listener.close()
            made.close()
            wiring.forget_services()


def _client(made: Services, databases: Databases) -> Client:
    settings = made.settings
    issuer = LocalIssuer(settings.data_dir, issuer=settings.issuer, audience=settings.audience)
    code = f"t{secrets.token_hex(6)}"
    tenant: DemoTenant = ensure_tenant(databases.owner_url, issuer=settings.issuer, code=code, tier="enterprise")

    def token(role: str) -> str:
        return issuer.issue(tenant.subjects[role], tenant.tenant_id, now=made.clock.now())

    return Client(settings.public_url, token)
