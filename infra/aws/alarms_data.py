"""Alarms of the database and of the search domain, whose limits follow from the stage (spec O22)."""

from collections.abc import Iterator
from typing import Any

from infra.aws.alarm_rows import AlarmRow, source
from infra.aws.stages import Stage

VOLUME_BYTES = 128 * 2**40  # an Aurora volume at most


def data_rows(stage: Stage) -> Iterator[AlarmRow]:
    """The alarms of what must not be lost."""
    yield from _database(stage)
    yield from _search(stage)


def connection_limit(stage: Stage) -> int:
    """max_connections of Aurora PostgreSQL: LEAST(bytes / 9,531,392, 5000) at the largest size (2 GiB per unit), and
    at most 2,000 while the smallest is 0 or 0.5 units (Aurora user guide, Serverless v2, maximum connections)."""
    most = min(5000, int(stage.database_max_acu * 2 * 2**30 / 9_531_392))
    return min(most, 2000) if stage.database_min_acu <= 0.5 else most


def _database(stage: Stage) -> Iterator[AlarmRow]:
    def row(
        name: str, severity: Any, about: str, metric: str, where: str = "DBClusterIdentifier={cluster}", **more: Any
    ) -> AlarmRow:
        sources = (source(f"AWS/RDS {metric} {where}"),)
        given: dict[str, Any] = {"statistic": "Maximum", "of": 3} | more
        return AlarmRow(
            name=f"database-{name}",
            severity=severity,
            owner="platform",
            runbook="capacity",
            about=about,
            sources=sources,
            **given,
        )

    most = int(0.8 * connection_limit(stage))
    about = f"more than {most} connections, 80 % of what the largest size allows (O22)"
    yield row("connections", "P1", about, "DatabaseConnections", above=most)
    yield row("size", "P2", "more than 90 % of the largest size for 30 min", "ACUUtilization", above=90, of=6)
    yield row(
        "storage", "P1", "more than 80 % of a volume of 128 TiB (O22)", "VolumeBytesUsed", above=0.8 * VOLUME_BYTES
    )
    pinned = "DatabaseConnectionsCurrentlySessionPinned"
    yield row("pinned", "P2", "sessions are pinned to connections (O22)", pinned, "ProxyName={proxy}", above=0)
    if stage.database_readers:
        yield row("replica-lag", "P1", "a standby is 30 s behind (O22)", "AuroraReplicaLagMaximum", above=30_000)


def _search(stage: Stage) -> Iterator[AlarmRow]:
    def row(name: str, severity: Any, about: str, metric: str, runbook: str = "capacity", **more: Any) -> AlarmRow:
        sources = (source(f"AWS/ES {metric} DomainName={{domain}} ClientId={{account}}"),)
        given: dict[str, Any] = {"statistic": "Maximum", "of": 3} | more
        return AlarmRow(
            name=f"search-{name}",
            severity=severity,
            owner="platform",
            runbook=runbook,
            about=about,
            sources=sources,
            **given,
        )

    yield row("red", "P1", "a primary shard is gone", "ClusterStatus.red", "reindex", above=0, seconds=60, of=1)
    if stage.search_nodes > 1:  # one node has no place for a replica
        yield row(
            "yellow", "P2", "a replica is missing for 15 min", "ClusterStatus.yellow", above=0, muted_by="search-red"
        )
    yield row("blocked", "P1", "the domain refuses writes", "ClusterIndexWritesBlocked", "reindex", above=0, seconds=60)
    low = stage.search_volume_gib * 1024 * 0.2  # MiB
    free = "less than 20 % of a node's volume is free"
    yield row("storage", "P1", free, "FreeStorageSpace", below=low, statistic="Minimum")
    yield row("memory", "P1", "JVM memory above 92 % for 15 min", "JVMMemoryPressure", above=92)
    high = "JVM memory above 80 % for 15 min"
    yield row("memory-high", "P2", high, "JVMMemoryPressure", above=80, muted_by="search-memory")
