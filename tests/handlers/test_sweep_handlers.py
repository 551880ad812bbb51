"""The hourly and daily sweeps as the scheduler calls them, with the product's own parts."""

import importlib
import shutil
from pathlib import Path
from typing import Any

import psycopg
import pytest

from infra.local.postgres import Databases
from tests.failures.waiting import wait_for
from tests.failures.work import a_text, send
from tests.product import running_product


@pytest.fixture(scope="module")
def databases(own_databases: Databases) -> Databases:
    """Heartbeats and sweeps of a database of its own."""
    return own_databases


class Minutes:
    """What is left of the function's time."""

    def get_remaining_time_in_millis(self) -> int:
        return 600_000


def call(function: str) -> dict[str, Any]:
    """What each sweep of the function did, by name."""
    handler = importlib.import_module(f"functions.{function}.handler").handler
    return {one["sweep"]: one for one in handler({}, Minutes())["sweeps"]}


def had_their_turn(databases: Databases) -> bool:
    """Whether the worker's own calls of these sweeps are over, which are due at its start and then in an hour."""
    with psycopg.connect(databases.platform_url) as connection:
        calls = "select function from local_platform.schedules where every_seconds >= 3600 and due_at > now()"
        return {row[0] for row in connection.execute(calls)} == {"reconcile_index", "reconcile_objects"}


def test_an_index_that_was_lost_is_made_again_and_nothing_else_is_touched(databases: Databases, tmp_path: Path) -> None:
    with running_product(databases, tmp_path) as product:
        wait_for(lambda: had_their_turn(databases))
        document_id, job_id = send(product, a_text(tmp_path, "north"))
        assert product.wait_for_job(job_id).status == "succeeded"
        before = product.parts().index.entries(document_id)
        assert before and call("reconcile_index")["index_entries"]["repaired"] == 0
        shutil.rmtree(product.made.settings.data_dir / "index")
        assert product.parts().index.count(document_id) == 0
        assert call("reconcile_index")["index_entries"]["repaired"] == 1
        assert product.parts().index.entries(document_id) == before
        objects = call("reconcile_objects")
        assert {name: (one["repaired"], one["error_code"]) for name, one in objects.items()} == dict.fromkeys(
            ("unfinished_uploads", "unnamed_objects", "report_objects"), (0, None)
        )
        assert call("watch_sweeps")["sweep_alarms"]["error_code"] is None
