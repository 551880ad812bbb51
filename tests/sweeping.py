"""Real sweeps on the worker's database, and time that passes when a test says so."""

from collections.abc import Callable
from typing import Any

import psycopg

from functions.entry import _names
from infra.local.postgres import Databases
from shared.adapters.local_workflows import LocalWorkflows
from shared.adapters.postgres.dispatch import PostgresDispatch
from shared.adapters.postgres.figures import PostgresFigures
from shared.adapters.postgres.records import PostgresRecords
from shared.adapters.postgres.sweeps import PostgresSweeps
from shared.adapters.prometheus import PrometheusTelemetry
from shared.domain.sweeps import Heartbeat, Reconciled, Swept
from tests.records import clock, ids, make_records, pool


def sweep(databases: Databases, usecase: Callable[..., Any], command: Any, **given: Any) -> dict[str, Swept]:
    """Call a reconciler with real adapters; what each of its sweeps did, by name."""
    parts: dict[str, Any] = {
        "sweeps": PostgresSweeps(pool(databases.sweep_url)),
        "dispatch": PostgresDispatch(pool(databases.dispatch_url)),
        "workflows": LocalWorkflows(pool(databases.platform_url)),
        "records_of": lambda tenant: make_records(databases, tenant, actor_id="system", kind="system"),
        "figures": PostgresFigures(pool(databases.sweep_url), pool(databases.app_url)),
        "telemetry": PrometheusTelemetry(),
        "clock": clock,
        "ids": ids,
        "time_left": lambda: 100.0,
    } | given
    done: Reconciled = usecase(command, **{name: parts[name] for name in _names(usecase)})
    return {one.sweep: one for one in done.sweeps}


def age(databases: Databases, table: str, key: str, id: str, **seconds: int) -> None:
    """Move timestamps of one row into the past, as the owner of the schema, whom no trigger of ours concerns."""
    changes = ", ".join(f"{name} = {name} - interval '{ago} s'" for name, ago in seconds.items())
    with psycopg.connect(databases.owner_url) as connection:
        connection.execute(f"alter table {table} no force row level security")
        connection.execute(f"update {table} set {changes} where {key} = %s", (id,))
        connection.execute(f"alter table {table} force row level security")


def findings(records: PostgresRecords, sweep: str, subject_id: str) -> list[dict[str, Any]]:
    """What the sweep noted about the subject."""
    return records.session.rows(
        "select * from reconcile_findings where sweep = %(sweep)s and subject_id = %(id)s",
        sweep=sweep,
        id=subject_id,
    )


def heartbeat(databases: Databases, sweep: str) -> Heartbeat:
    """The sweep's heartbeat."""
    return next(h for h in PostgresSweeps(pool(databases.sweep_url)).heartbeats() if h.sweep == sweep)
