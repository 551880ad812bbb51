"""The real API on a real port over the worker's database, and people of a tenant to call it as."""

import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import uvicorn

from functions.api.app import create_app
from infra.local.issuer import LocalIssuer
from infra.local.postgres import Databases
from infra.local.tenants import DemoTenant, ensure_tenant
from shared.adapters.postgres.records import PostgresRecords
from shared.domain.context import Actor
from shared.settings import Settings
from shared.wiring import Services
from shared.wiring.local import LocalServices


@dataclass(frozen=True)
class Server:
    """A running API."""

    url: str
    services: Services
    issuer: LocalIssuer
    databases: Databases


@contextmanager
def serve(databases: Databases, data_dir: Path) -> Iterator[Server]:
    """Start uvicorn in a thread on a free port; it is stopped at the end."""
    # Only a socket that names TCP gets TCP_NODELAY from asyncio; without it every answer waits 40 ms for an ACK.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    settings = Settings(
        database_url=databases.app_url,
        relay_url=databases.relay_url,
        dispatch_url=databases.dispatch_url,
        sweep_url=databases.sweep_url,
        platform_url=databases.platform_url,
        master_key=secrets.token_urlsafe(32),
        data_dir=data_dir,
        public_url=url,
    )
    services = LocalServices(settings)
    issuer = LocalIssuer(data_dir, issuer=settings.issuer, audience=settings.audience)
    server = uvicorn.Server(uvicorn.Config(create_app(services), log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield Server(url, services, issuer, databases)
    finally:
        server.should_exit = True
        thread.join(10)
        services.close()
        listener.close()


@dataclass
class Api:
    """A tenant with one person per role. `call` gives the answer; `ok` its data; `refused` its error code."""

    server: Server
    tenant: DemoTenant
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.server.url, timeout=30)

    def token(self, role: str, **claims: Any) -> str:
        """A fresh token of the person with this role; claims given replace or add."""
        now = self.server.services.clock.now()
        return self.server.issuer.issue(self.tenant.subjects[role], self.tenant.tenant_id, now=now, **claims)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        role: str | None = "agent",
        key: str | None = "new",
        headers: dict[str, str] | None = None,
        **query: Any,
    ) -> httpx.Response:
        """One request below /api/v1; `key` None sends no Idempotency-Key, role None no token."""
        sent = dict(headers or {})
        if role is not None:
            sent.setdefault("Authorization", f"Bearer {self.token(role)}")
        if method == "POST" and key is not None:
            sent["Idempotency-Key"] = secrets.token_hex(8) if key == "new" else key
        return self.http.request(method, f"/api/v1{path}", json=body, headers=sent, params=query or None)

    def ok(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """The data of a successful answer."""
        answer = self.call(method, path, body, **options)
        assert answer.status_code < 300, answer.text
        return answer.json()["data"]

    def refused(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, str]:
        """Status and code of a refusal."""
        answer = self.call(method, path, body, **options)
        assert answer.status_code >= 400, answer.text
        return answer.status_code, answer.json()["error"]["code"]

    def records(self, role: str = "agent") -> PostgresRecords:
        """The tenant's rows as this person."""
        actor = Actor(tenant_id=self.tenant.tenant_id, actor_id=self.tenant.user_ids[role])
        return self.server.services.bind(actor).records

    def as_owner(self, statement: str, *values: Any) -> None:
        """Run SQL as the owner of the tables, in this tenant."""
        with psycopg.connect(self.server.databases.owner_url) as connection:
            connection.execute("select set_config('app.tenant_id', %s, true)", (self.tenant.tenant_id,))
            connection.execute(statement, values)

    def audit_actions(self) -> list[tuple[str, str]]:
        """(action, result) of the tenant's audit log, oldest first."""
        rows = self.records().session.rows("select action, result from audit_log order by seq")
        return [(row["action"], row["result"]) for row in rows]


def new_api(server: Server) -> Api:
    """A fresh tenant with its people."""
    code = f"t{secrets.token_hex(6)}"
    return Api(server, ensure_tenant(server.databases.owner_url, issuer=server.services.settings.issuer, code=code))
