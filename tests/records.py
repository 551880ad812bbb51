"""Records of a fresh tenant on the worker's real database, for tests of use cases and adapters."""

import os
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool

from infra.local.postgres import Databases
from shared.adapters.postgres.records import PostgresRecords
from shared.adapters.postgres.session import open_pool
from shared.adapters.system import SystemClock, SystemIds
from shared.domain.context import Actor

AUDIT_KEY = b"k" * 32
clock = SystemClock()
ids = SystemIds(clock)


class Shifted:
    """The clock of a machine, some minutes from now."""

    def __init__(self, minutes: float = 0) -> None:
        self._shift = timedelta(minutes=minutes)

    def now(self) -> datetime:
        """The shifted time."""
        return clock.now() + self._shift


_pools: dict[str, ConnectionPool[psycopg.Connection[Any]]] = {}


def pool(url: str) -> ConnectionPool[psycopg.Connection[Any]]:
    """One pool per URL and process."""
    if url not in _pools:
        _pools[url] = open_pool(url, size=24 if "bidproof_app" in url else 6)
    return _pools[url]


def close_pools(database: str) -> None:
    """Close the pools of a database that is about to be dropped."""
    for url in [url for url in _pools if f"/{database}?" in url or url.endswith(f"/{database}")]:
        _pools.pop(url).close()


def new_tenant(databases: Databases, *, tier: str = "enterprise", settings: str = '{"schema_version": 1}') -> str:
    """Insert a tenant as the owner and return its id."""
    tenant_id = ids.new("ten")
    with psycopg.connect(databases.owner_url) as connection:
        connection.execute("select set_config('app.tenant_id', %s, true)", (tenant_id,))
        connection.execute(
            """insert into tenants (tenant_id, code, name, status, tier, settings)
               values (%s, %s, 'Test', 'active', %s, %s)""",
            (tenant_id, tenant_id, tier, settings),
        )
    return tenant_id


def make_records(databases: Databases, tenant: str | None = None, **actor: Any) -> PostgresRecords:
    """Records as bidproof_app for the tenant (a new one by default); `actor` sets fields of Actor."""
    tenant = tenant or new_tenant(databases)
    who = Actor(**({"tenant_id": tenant, "actor_id": ids.new("usr"), "trace_id": os.urandom(16).hex()} | actor))
    return PostgresRecords(pool(databases.app_url), who, clock=clock, ids=ids, audit_key=AUDIT_KEY)
