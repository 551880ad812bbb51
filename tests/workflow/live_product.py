"""The product as a user runs it: API and worker as processes over a data folder, called over HTTP."""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
from psycopg.rows import dict_row

from infra.local.demo_client import Client
from infra.local.embedded_server import stop_server
from infra.local.ports import free_port
from infra.local.product import Prepared, Product, prepare
from infra.local.tenants import DemoTenant, ensure_tenant
from shared.adapters.system import SystemClock
from shared.settings import LocalOptions

PATIENCE = 120.0  # seconds after which a test gives up; no test measures how long something took
ENDED = ("succeeded", "failed", "canceled")


@dataclass
class Live:
    """A running product and its demo tenant."""

    prepared: Prepared

    @property
    def client(self) -> Client:
        """Calls as the demo tenant."""
        return Client(self.prepared.settings.public_url, self.prepared.token)

    def ask(
        self, method: str, path: str, body: Any = None, *, role: str = "agent", token: str = "", key: str = ""
    ) -> httpx.Response:
        """One request as it is; `token` replaces the role's, `key` is the Idempotency-Key."""
        headers = {"Authorization": f"Bearer {token or self.prepared.token(role)}"}
        if method == "POST":
            headers["Idempotency-Key"] = key or secrets.token_hex(8)
        url = f"{self.prepared.settings.public_url}/api/v1{path}"
        return httpx.request(method, url, json=body, headers=headers, timeout=60)

    def refused(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, dict[str, Any]]:
        """Status and error of a refusal."""
        answer = self.ask(method, path, body, **options)
        assert answer.status_code >= 400, answer.text
        error: dict[str, Any] = answer.json()["error"]
        return answer.status_code, error

    def old_token(self, role: str) -> str:
        """A token that ran out two minutes ago."""
        return self.prepared.token(role, life=timedelta(minutes=-2))

    def other_tenant(self) -> tuple[DemoTenant, str]:
        """Another tenant and a token of its admin."""
        settings = self.prepared.settings
        tenant = ensure_tenant(
            self.prepared.databases.owner_url, issuer=settings.issuer, code=f"t{secrets.token_hex(4)}"
        )
        now = SystemClock().now()
        return tenant, self.prepared.issuer.issue(tenant.subjects["admin"], tenant.tenant_id, now=now)

    def job(self, job_id: str) -> dict[str, Any]:
        """The job once it ended or waits for a person."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            job: dict[str, Any] = self.client.call("GET", f"/jobs/{job_id}")
            if job["status"] in ENDED or job["waiting_on"]:
                return job
            time.sleep(0.05)
        raise AssertionError(f"{job} did not end")

    def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """Rows of the demo tenant."""
        with psycopg.connect(self.prepared.databases.owner_url, row_factory=dict_row) as connection:
            connection.execute("select set_config('app.tenant_id', %s, true)", (self.prepared.tenant.tenant_id,))
            return connection.execute(query, values).fetchall()

    def process(self, name: str) -> psutil.Process:
        """The process of `api` or `worker`."""
        children = psutil.Process().children()
        return next(child for child in children if f"infra.local.{name}" in child.cmdline())


@contextmanager
def live_product(folder: Path) -> Iterator[Live]:
    """Start it on a free port; everything has ended after the block."""
    prepared = prepare(LocalOptions(data_dir=folder, port=free_port()))
    product = Product(prepared, log_dir=folder / "logs")
    try:
        product.start()
        yield Live(prepared)
    finally:
        product.stop()
        stop_server(folder.resolve() / "postgres")
