"""One row per function: memory, timeout, package, trigger, concurrency, database logins and what it may touch.

Grants are made from `needs` in stack.py and compared with this table in tests/infra (least privilege)."""

from dataclasses import dataclass
from typing import Literal

Package = Literal["runtime", "reasoning", "reporting", "migrations", "parsing"]
Need = Literal[
    "objects:read",  # documents, derived files, reports
    "objects:list",  # keys and unfinished uploads, for the sweeps
    "objects:write",
    "objects:lock",  # put a report under Object Lock
    "objects:remove",  # unlocked versions of uploads and expired exports
    "search",  # the OpenSearch domain's indexes
    "search:admin",  # the domain's rights, as its first user
    "events:put",  # the event bus
    "queue:nudge",  # wake the relay after a commit
    "queue:send",  # messages to one consumer (replays, wake-ups of sweeps)
    "machines:start",
    "machines:answer",  # SendTaskSuccess, SendTaskFailure, SendTaskHeartbeat
    "machines:stop",  # StopExecution and DescribeExecution
    "secret:master",  # key of vault, audit and cursors
    "secret:admin",  # the database administrator's login, kept by RDS
    "internet",  # receivers of webhooks
    "alarms:read",  # the state of alarms
    "weights:functions",  # which versions the aliases of functions point to
    "weights:machines",  # the same of state machines
    "release:try",  # call any version of the API with tokens of the smoke tenant's machines, and answer CodeDeploy
]


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionRow:
    """A function. `timeout` in seconds, `memory` in MiB; `concurrency` None means the account's pool."""

    name: str
    memory: int
    timeout: int
    trigger: str  # http | step | queue | schedule:<minutes> | deployment | sign_in
    package: Package = "runtime"
    concurrency: int | None = None
    logins: tuple[str, ...] = ("app",)
    needs: tuple[Need, ...] = ("secret:master",)
    inside: bool = True  # of the network: database, search and private endpoints are reached from nowhere else


_KEY: tuple[Need, ...] = ("secret:master",)
_WEIGHTS: tuple[Need, ...] = ("alarms:read", "weights:functions", "weights:machines")


def _step(name: str, timeout: int, *needs: Need, memory: int = 512, package: Package = "runtime") -> FunctionRow:
    return FunctionRow(
        name=name, memory=memory, timeout=timeout, trigger="step", package=package, needs=(*_KEY, *needs)
    )


def _queue(name: str, timeout: int, *needs: Need, memory: int = 512, concurrency: int = 10) -> FunctionRow:
    return FunctionRow(
        name=name, memory=memory, timeout=timeout, trigger="queue", concurrency=concurrency, needs=(*_KEY, *needs)
    )


def _deployment(
    name: str, timeout: int, need: Need, *, package: Package = "runtime", inside: bool = True
) -> FunctionRow:
    """Called by a deployment alone, one at a time, and without any of the logins of the product."""
    return FunctionRow(
        name=name,
        memory=512,
        timeout=timeout,
        trigger="deployment",
        package=package,
        concurrency=1,
        logins=(),
        needs=(*_KEY, need),
        inside=inside,
    )


def _sweep(
    name: str,
    minutes: int,
    *needs: Need,
    timeout: int = 300,
    logins: tuple[str, ...] = (),
    memory: int = 512,
    package: Package = "runtime",
    concurrency: int = 1,
) -> FunctionRow:
    return FunctionRow(
        name=name,
        memory=memory,
        package=package,
        timeout=timeout,
        trigger=f"schedule:{minutes}",
        concurrency=concurrency,
        logins=("app", "sweep", *logins),
        needs=(*_KEY, *needs),
    )


ROWS = (
    FunctionRow(
        name="api",
        memory=1024,
        timeout=29,  # HTTP API answers 504 after 30 s
        trigger="http",
        logins=("app", "relay"),  # a replayed event goes back to the outbox
        needs=(*_KEY, "objects:read", "objects:write", "objects:remove", "queue:send"),
    ),
    # all state machines
    _step("claim_job", 30),
    _step("record_failure", 60),
    # ingest_document
    _step("inspect_file", 300, "objects:read", memory=2048, package="parsing"),
    _step("unpack_archive", 300, "objects:read", "objects:write", memory=2048, package="parsing"),
    _step("route_pages", 300, "objects:read", memory=2048, package="parsing"),
    _step("parse_range", 330, "objects:read", "objects:write", memory=4096, package="parsing"),
    _step("chunk_document", 600, memory=1024),
    _step("extract_facts", 300, memory=1024),
    _step("index_chunks", 840, "search", memory=2048, package="reasoning"),
    _step("finish_ingestion", 60, "search", memory=1024, package="reasoning"),  # asks the embedder for its profile
    # evaluate_bid
    _step("plan_evaluation", 60),
    _step("evaluate_criteria", 840, "search", memory=2048, package="reasoning"),
    _step("park_criteria", 60, memory=1024, package="reasoning"),
    _step("score_bid", 120, memory=1024),
    _step("open_review", 60),
    _step("expire_review", 60),
    _step("build_report", 300, "objects:read", "objects:write", "objects:lock", memory=1024, package="reporting"),
    _step("finish_evaluation", 60),
    # roll_out_release
    FunctionRow(name="check_release_gate", memory=512, timeout=60, trigger="step", logins=("app", "sweep")),
    _step("block_release", 60),
    _step("shift_release_traffic", 120, *_WEIGHTS),
    _step("check_release_health", 60, "alarms:read"),
    _step("roll_back_step", 240, *_WEIGHTS),
    _step("replay_release", 60, *_WEIGHTS),
    _step("finish_rollback", 60),
    _step("close_release", 60),
    # consumers
    FunctionRow(
        name="start_work",
        memory=512,
        timeout=60,
        trigger="queue",
        concurrency=6,
        logins=("app", "dispatch"),
        needs=(*_KEY, "machines:start"),
    ),
    _queue("deliver_wait", 60, "machines:answer", "machines:stop"),
    _queue("stop_execution", 60, "machines:stop"),
    _queue("deliver_webhook", 60),
    _queue("follow_batch", 60),
    _queue("record_dead_message", 60),
    FunctionRow(
        name="work_tasks",
        memory=2048,
        timeout=900,
        trigger="queue",
        package="reporting",
        concurrency=10,
        needs=(*_KEY, "objects:read", "objects:write"),
    ),
    # deployments
    _deployment("migrate_schema", 900, "secret:admin", package="migrations"),
    _deployment("enroll_tenant", 60, "secret:admin", package="migrations"),
    # the layer has all that opensearch-py imports
    _deployment("admit_search_roles", 300, "search:admin", package="reasoning"),
    # outside of the network: the token endpoint of the pool has no private one, and no other data is theirs to reach
    _deployment("verify_release", 900, "release:try", inside=False),
    _deployment("check_release", 120, "release:try", inside=False),
    # the user pool
    FunctionRow(name="shape_token", memory=256, timeout=5, trigger="sign_in", logins=(), needs=()),
    # schedules
    FunctionRow(
        name="relay_outbox",
        memory=512,
        timeout=60,
        trigger="schedule:1",
        concurrency=2,
        logins=("relay", "app"),
        needs=(*_KEY, "events:put"),
    ),
    _sweep("send_due_webhooks", 1, "internet", timeout=120, concurrency=2),
    _sweep("reconcile_runs", 1, "machines:start", "queue:send", logins=("dispatch",)),
    _sweep("reconcile_executions", 1, "machines:stop", "machines:start"),
    _sweep("reconcile_leases", 1, "queue:send"),
    _sweep("reconcile_waits", 1, "queue:send", "machines:answer"),
    _sweep("reconcile_outbox", 1, "queue:send"),
    _sweep("finish_dead_letters", 1),
    _sweep("clear_leftovers", 1, "objects:remove"),
    _sweep("reconcile_batches", 1),
    _sweep("remind_reviewers", 1),
    _sweep("watch_sweeps", 1),
    FunctionRow(
        name="compare_replays",
        memory=512,
        timeout=300,
        trigger="schedule:1",
        concurrency=1,
        needs=(*_KEY, "machines:answer"),
    ),
    _sweep("reconcile_index", 60, "search", timeout=900, memory=2048, package="reasoning"),
    _sweep("reindex_tenants", 5, "search", timeout=900, memory=2048, package="reasoning"),
    _sweep(
        "reconcile_objects",
        1440,
        "objects:read",
        "objects:list",
        "objects:write",
        "objects:lock",
        "objects:remove",
        timeout=900,
    ),
)

CATALOGUE = {row.name: row for row in ROWS}
