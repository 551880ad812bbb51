"""The product on one machine: database, demo tenant, API and worker as child processes over one data folder."""

import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.error import URLError

from infra.local.children import Children
from infra.local.issuer import LIFE, LocalIssuer
from infra.local.local_secrets import ensure_secrets
from infra.local.postgres import Databases, ensure_database, restart_server
from infra.local.search_server import ensure_search_server
from infra.local.tenants import DemoTenant, ensure_tenant
from shared.adapters.system import SystemClock
from shared.settings import LocalOptions, Settings, environment

MODULES = {"api": "infra.local.api", "worker": "infra.local.worker"}
START_SECONDS = 60
SLOTS_PER_HANDLER = 1  # more would wait inside the worker, where nobody asks whose turn it is (W121, bench/fairness.py)


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a running product is made of."""

    settings: Settings
    databases: Databases
    tenant: DemoTenant
    issuer: LocalIssuer
    owns_server: bool

    def token(self, role: str, *, life: timedelta = LIFE) -> str:
        """A fresh access token of the demo tenant's user with this role."""
        now = SystemClock().now()
        return self.issuer.issue(self.tenant.subjects[role], self.tenant.tenant_id, now=now, life=life)


def prepare(options: LocalOptions) -> Prepared:
    """Bring up database, schema, secrets, search server and demo tenant; safe to repeat."""
    root = options.data_dir.resolve()
    databases = ensure_database(root, options.server_url or None)
    secrets = ensure_secrets(root, ("master_key",))
    settings = Settings(
        **_login_urls(databases),
        master_key=secrets["master_key"],
        data_dir=root,
        public_url=f"http://127.0.0.1:{options.port}",
        search=options.search,
        opensearch_url=ensure_search_server(root) if options.search == "opensearch" else "",
    )
    settings = replace(settings, max_running=SLOTS_PER_HANDLER * settings.worker_threads)
    issuer = LocalIssuer(root, issuer=settings.issuer, audience=settings.audience)
    tenant = ensure_tenant(databases.owner_url, issuer=settings.issuer, tier="enterprise")
    return Prepared(settings, databases, tenant, issuer, owns_server=not options.server_url)


def _login_urls(databases: Databases) -> dict[str, Any]:
    return {
        "database_url": databases.app_url,
        "relay_url": databases.relay_url,
        "dispatch_url": databases.dispatch_url,
        "sweep_url": databases.sweep_url,
        "platform_url": databases.platform_url,
    }


class Product:
    """API and worker as child processes; `revive` starts again whatever died, `stop` ends both.

    The children inherit the descriptors `held` and write logs into `log_dir`, or to this terminal without one."""

    def __init__(self, prepared: Prepared, *, log_dir: Path | None = None, held: tuple[int, ...] = ()) -> None:
        self.prepared = prepared
        self._children = Children(MODULES, environment(prepared.settings), log_dir=log_dir, held=held)

    def start(self, *, give_up: Callable[[], bool] = lambda: False) -> None:
        """Start both and wait until the API is ready or the caller gives up; raises TimeoutError after 60 s."""
        self._children.start()
        ready = f"{self.prepared.settings.public_url}/health/ready"
        deadline = time.monotonic() + START_SECONDS
        while not give_up():
            try:
                with urllib.request.urlopen(ready, timeout=2) as answer:
                    if answer.status == 200:
                        return
            except (URLError, ConnectionError, TimeoutError):
                self.revive()
            if time.monotonic() > deadline:
                raise TimeoutError(f"the API did not get ready at {ready} within {START_SECONDS} s")
            time.sleep(0.05)

    def revive(self) -> list[str]:
        """Start again what ended, the database first; return the names.

        Raises ServerDown when the database does not come back."""
        again = []
        databases = restart_server(self.prepared.settings.data_dir) if self.prepared.owns_server else None
        if databases is not None:
            again.append("PostgreSQL")
            if databases != self.prepared.databases:
                self._move_to(databases)
        return again + self._children.revive()

    def stop(self) -> None:
        """SIGTERM to both; SIGKILL to what is still there shortly before 30 s (W127)."""
        self._children.stop()

    def _move_to(self, databases: Databases) -> None:
        """A server that another environment had started may come back behind another socket."""
        settings = replace(self.prepared.settings, **_login_urls(databases))
        self.prepared = replace(self.prepared, databases=databases, settings=settings)
        self._children.stop()
        self._children.environment = environment(settings)
        self._children.start()
