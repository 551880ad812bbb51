"""The product on one machine: database, demo tenant, API and worker as child processes over one data folder."""

import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.error import URLError

from infra.local.issuer import LIFE, LocalIssuer
from infra.local.local_secrets import ensure_secrets
from infra.local.postgres import Databases, ensure_database
from infra.local.tenants import DemoTenant, ensure_tenant
from shared.adapters.system import SystemClock
from shared.settings import LocalOptions, Settings, environment

CHILDREN = {"api": "infra.local.api", "worker": "infra.local.worker"}
START_SECONDS = 60
STOP_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a running product is made of."""

    settings: Settings
    databases: Databases
    tenant: DemoTenant
    issuer: LocalIssuer

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
        database_url=databases.app_url,
        relay_url=databases.relay_url,
        dispatch_url=databases.dispatch_url,
        platform_url=databases.platform_url,
        master_key=secrets["master_key"],
        data_dir=root,
        public_url=f"http://127.0.0.1:{options.port}",
        search=options.search,
        **_search_server(options, root),
    )
    issuer = LocalIssuer(root, issuer=settings.issuer, audience=settings.audience)
    tenant = ensure_tenant(databases.owner_url, issuer=settings.issuer, tier="enterprise")
    return Prepared(settings, databases, tenant, issuer)


def _search_server(options: LocalOptions, root: Path) -> dict[str, str]:
    if options.search != "opensearch":
        return {}
    from infra.local.opensearch import start_server

    return {"opensearch_url": start_server(root / "opensearch").url}


class Product:
    """API and worker; `watch` starts again whatever died, `stop` ends both."""

    def __init__(self, prepared: Prepared, *, log_dir: Path | None = None) -> None:
        self.prepared = prepared
        self._environment = environment(prepared.settings)
        self._log_dir = log_dir
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Start both and wait until the API is ready; raises TimeoutError after 60 s."""
        for name in CHILDREN:
            self._spawn(name)
        ready = f"{self.prepared.settings.public_url}/health/ready"
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(ready, timeout=2) as answer:
                    if answer.status == 200:
                        return
            except (URLError, ConnectionError, TimeoutError):
                self.revive()
            time.sleep(0.05)
        raise TimeoutError(f"the API did not get ready at {ready}")

    def revive(self) -> list[str]:
        """Start again the children that ended; return their names."""
        dead = [name for name, child in self._children.items() if child.poll() is not None]
        for name in dead:
            self._spawn(name)
        return dead

    def stop(self) -> None:
        """SIGTERM to both; SIGKILL to what is still there after 30 s (W127)."""
        for child in self._children.values():
            child.terminate()
        for child in self._children.values():
            try:
                child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
        self._children.clear()

    def _spawn(self, name: str) -> None:
        command = [sys.executable, "-m", CHILDREN[name]]
        if self._log_dir is None:
            self._children[name] = subprocess.Popen(command, env=self._environment)
            return
        self._log_dir.mkdir(parents=True, exist_ok=True)
        with (self._log_dir / f"{name}.log").open("ab") as log:
            self._children[name] = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)
