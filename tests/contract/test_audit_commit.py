"""The last audit entries travel with the commit: both happen or neither, and each failure keeps its name (S84)."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from infra.local.postgres import Databases
from shared.adapters.postgres.records import PostgresRecords
from shared.domain.errors import Retryable
from tests.records import make_records
from tests.rows import a_project


@contextmanager
def late_trigger(databases: Databases, table: str) -> Iterator[None]:
    """The table refuses new rows, and says so only when the transaction commits."""
    with psycopg.connect(databases.owner_url, autocommit=True) as owner:
        owner.execute(
            f"""create function late() returns trigger language plpgsql as $$ begin raise exception 'late'; end $$;
                create constraint trigger late after insert on {table} deferrable initially deferred
                for each row execute function late()"""
        )
        try:
            yield
        finally:
            owner.execute(f"drop trigger late on {table}; drop function late()")


def entries(records: PostgresRecords) -> list[str]:
    """Actions of the tenant's chain, in order."""
    return [row["action"] for row in records.session.rows("select action from audit_log order by seq")]


def test_entries_of_one_transaction_are_there_with_it_in_order(databases: Databases) -> None:
    records = make_records(databases)
    with records.transaction():
        a_project(records)
        for number in range(5):
            records.trail.audit(f"thing.{number}", "thing", "x")
        assert entries(records) == []
    assert entries(records) == [f"thing.{number}" for number in range(5)]


@pytest.mark.parametrize("table", ["projects", "audit_log"])
def test_what_only_the_commit_finds_rolls_everything_back_under_its_own_name(
    own_databases: Databases, table: str
) -> None:
    records = make_records(own_databases)
    late = pytest.raises(psycopg.errors.RaiseException, match="late")
    with late_trigger(own_databases, table), late, records.transaction():
        a_project(records)
        records.trail.audit("project.created", "project", "x")
    assert (entries(records), records.session.rows("select 1 from projects")) == ([], [])
    records.trail.audit("project.created", "project", "x")
    assert entries(records) == ["project.created"], "the chain goes on, and so does the connection"


def test_a_connection_that_is_lost_before_the_commit_leaves_nothing(databases: Databases) -> None:
    records = make_records(databases)
    with pytest.raises(Retryable) as lost, records.transaction():
        a_project(records)
        records.trail.audit("project.created", "project", "x")
        pid = records.session.rows("select pg_backend_pid() as pid")[0]["pid"]
        with psycopg.connect(databases.app_url) as other:
            other.execute("select pg_terminate_backend(%s)", (pid,))
    assert lost.value.code == "DEPENDENCY_UNAVAILABLE"
    assert (entries(records), records.session.rows("select 1 from projects")) == ([], [])
