"""Every setting, typed and read once; docs/operations.md is generated from this table."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar


def _row(env: str, doc: str, default: Any = ...) -> Any:
    meta = {"env": env, "doc": doc, "required": default is ...}
    return field(metadata=meta) if default is ... else field(default=default, metadata=meta)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Values of one process. A missing required one raises KeyError with its name at start."""

    database_url: str = _row("APP_DATABASE_URL", "PostgreSQL URL of the login bidproof_app")
    relay_url: str = _row("RELAY_DATABASE_URL", "the same database as bidproof_relay (outbox rows only)")
    dispatch_url: str = _row("DISPATCH_DATABASE_URL", "the same as bidproof_dispatch (scheduling columns)")
    sweep_url: str = _row("SWEEP_DATABASE_URL", "the same as bidproof_sweep (what the reconcilers compare)")
    platform: str = _row("PLATFORM", "`local` (one machine) or `aws`", "local")
    platform_url: str = _row("PLATFORM_DATABASE_URL", "local only: the platform's schema: executions, messages", "")
    master_key: str = _row(
        "MASTER_KEY", "local only: a random text of 43 characters or more; audit, vault, cursor and link keys", ""
    )
    master_secret: str = _row("MASTER_SECRET_ARN", "AWS only: where Secrets Manager keeps that text", "")
    admin_url: str = _row("ADMIN_DATABASE_URL", "AWS only, of the migration function: the cluster without a login", "")
    admin_secret: str = _row("ADMIN_SECRET_ARN", "AWS only, of the migration function: its login, kept by RDS", "")
    search_admin_role: str = _row(
        "SEARCH_ADMIN_ROLE",
        "AWS only, of admit_search_roles: the role that the search domain knows as its first user",
        "",
    )
    region: str = _row("AWS_REGION", "AWS only: set by Lambda", "")
    stage: str = _row("STAGE", "AWS only: dev, staging or prod", "")
    objects_bucket: str = _row("OBJECTS_BUCKET", "AWS only: the bucket of all objects", "")
    event_bus: str = _row("EVENT_BUS", "AWS only: name of the event bus", "")
    queue_prefix: str = _row("QUEUE_PREFIX", "AWS only: what the names of queues begin with", "")
    state_machines: str = _row("STATE_MACHINES", "AWS only: JSON object, machine -> ARN of its alias", "")
    release_under_test: str = _row(
        "RELEASE_UNDER_TEST", "AWS only, of the deployment hooks: JSON with function, user_pool, token_url, clients", ""
    )
    data_dir: Path = _row("DATA_DIR", "folder of objects, search index and issuer keys", Path(".local"))
    public_url: str = _row("PUBLIC_URL", "address under which clients reach the API", "http://127.0.0.1:8080")
    issuer: str = _row("ISSUER", "`iss` of accepted access tokens", "https://issuer.bidproof.local")
    audience: str = _row(
        "AUDIENCE", "`aud` (of Cognito `client_id`) of accepted access tokens; spaces separate several", "bidproof"
    )
    jwks_url: str = _row("JWKS_URL", "key set of the issuer; empty means the local issuer's own file", "")
    search: str = _row("SEARCH", "`embedded` or `opensearch`", "embedded")
    opensearch_url: str = _row(
        "OPENSEARCH_URL", "address of OpenSearch when SEARCH=opensearch", "http://127.0.0.1:9201"
    )
    search_shards: int = _row("SEARCH_SHARDS", "shards of a new index in OpenSearch", 1)
    search_replicas: int = _row("SEARCH_REPLICAS", "copies of each shard, at most one less than nodes", 0)
    pool_size: int = _row("POOL_SIZE", "database connections per process and role", 8)
    worker_threads: int = _row("WORKER_THREADS", "handlers that one local worker runs at once", 4)
    max_running: int = _row("MAX_RUNNING", "running executions of the environment (W121)", 200)
    log_level: str = _row("LOG_LEVEL", "DEBUG, INFO, WARNING or ERROR", "INFO")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalOptions:
    """What a user may say to `make up`, `make demo` and `make migrate`; the rest of Settings follows from it."""

    server_url: str = _row(
        "DATABASE_URL", "another PostgreSQL >= 15 with pgvector, as a role that may create roles", ""
    )
    data_dir: Path = _row("DATA_DIR", "folder of everything the product keeps", Path(".local"))
    port: int = _row("PORT", "port of the API on 127.0.0.1", 8080)
    search: str = _row("SEARCH", "`embedded` or `opensearch`", "embedded")


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokeOptions:
    """What a user may say to `make smoke` instead of a stage: an address and a token for each role."""

    url: str = _row("SMOKE_URL", "address of the API; empty: the output ApiUrl of the stage", "")
    agent_token: str = _row("SMOKE_AGENT_TOKEN", "access token of an agent; empty: of the stage's machine client", "")
    evaluator_token: str = _row("SMOKE_EVALUATOR_TOKEN", "access token of an evaluator", "")
    admin_token: str = _row("SMOKE_ADMIN_TOKEN", "access token of an admin, who activates the agent's rule pack", "")


NEEDED = {
    "local": ("platform_url", "master_key"),
    "aws": ("master_secret", "region", "objects_bucket", "event_bus", "state_machines", "jwks_url"),
}
Kind = TypeVar("Kind", Settings, LocalOptions, SmokeOptions)


def read_settings(kind: type[Kind], environ: Mapping[str, str] | None = None) -> Kind:
    """Read one of the tables from the environment (or the mapping given).

    Raises KeyError for a missing required row, also one that only the platform needs, and ValueError for a value that
    does not fit its type or an unknown platform."""
    source = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    for row in fields(kind):
        name = row.metadata["env"]
        if name in source:
            values[row.name] = row.type(source[name]) if isinstance(row.type, type) else source[name]
        elif row.metadata["required"]:
            raise KeyError(f"setting {name} is missing: {row.metadata['doc']}")
    made = kind(**values)
    if isinstance(made, Settings):
        _check_platform(made)
    return made


def _check_platform(settings: Settings) -> None:
    if settings.platform not in NEEDED:
        raise ValueError(f"setting PLATFORM is {settings.platform!r}; known are {', '.join(NEEDED)}")
    rows = {row.name: row.metadata for row in fields(Settings)}
    for name in NEEDED[settings.platform]:
        if not getattr(settings, name):
            raise KeyError(f"setting {rows[name]['env']} is missing: {rows[name]['doc']}")


def environment(settings: Settings) -> dict[str, str]:
    """The variables that make a child process read the same settings, over those of this process."""
    return dict(os.environ) | {row.metadata["env"]: str(getattr(settings, row.name)) for row in fields(Settings)}
