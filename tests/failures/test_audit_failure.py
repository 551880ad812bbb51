"""An audit entry that cannot be appended takes the business write with it (F27 of spec 06, S84)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from infra.local.postgres import Databases
from shared.domain.errors import Retryable
from shared.usecases.cancel_job import CancelJob, cancel_job
from tests.failures.tenant_rows import everything
from tests.handlers.api_server import Api, new_api, serve
from tests.records import make_records
from tests.rows import a_document, an_ingest_job

BREAKS = {
    "a trigger refuses the row": (
        """create function refuse() returns trigger language plpgsql as $$
           begin raise exception 'the audit log is closed'; end $$;
           create trigger closed before insert on audit_log for each row execute function refuse();""",
        "drop trigger closed on audit_log; drop function refuse();",
    ),
    "the right to append was revoked": (
        "revoke execute on function audit_append(bigint, jsonb, text, text) from bidproof_app;",
        "grant execute on function audit_append(bigint, jsonb, text, text) to bidproof_app;",
    ),
    "the right to the head was revoked": (
        "revoke execute on function audit_lock_head() from bidproof_app;",
        "grant execute on function audit_lock_head() to bidproof_app;",
    ),
    "the chain is not where it was": (
        "alter function audit_append(bigint, jsonb, text, text) rename to audit_append_elsewhere;",
        "alter function audit_append_elsewhere(bigint, jsonb, text, text) rename to audit_append;",
    ),
    "the head does not move": (
        """create function hold_head() returns trigger language plpgsql as $$
           begin return null; end $$;
           create trigger held before update on audit_heads for each row execute function hold_head();""",
        "drop trigger held on audit_heads; drop function hold_head();",
    ),
}


@pytest.fixture(scope="module")
def api(own_databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """The real API over a database whose audit log this module alone may break."""
    with serve(own_databases, tmp_path_factory.mktemp("api")) as server:
        made = new_api(server)
        yield made
        made.http.close()


@contextmanager
def broken(databases: Databases, how: str) -> Iterator[None]:
    """The audit log refuses inside the block."""
    statements = BREAKS[how]
    with psycopg.connect(databases.owner_url, autocommit=True) as owner:
        owner.execute(statements[0])
        try:
            yield
        finally:
            owner.execute(statements[1])


def start_project(api: Api) -> Any:
    return api.call("POST", "/projects", {"code": "P-1", "name": "Stations", "size": "small", "currency": "EUR"})


def cancel(api: Api, job_id: str) -> Any:
    return api.call("POST", f"/jobs/{job_id}/cancel", {"reason": "withdrawn"})


@pytest.mark.parametrize("how", BREAKS)
def test_f27_a_request_whose_audit_entry_is_refused_writes_nothing_and_answers_503(api: Api, how: str) -> None:
    databases, tenant_id = api.server.databases, api.tenant.tenant_id
    records = make_records(databases, tenant_id)
    job = an_ingest_job(records, a_document(records))
    before = everything(databases, tenant_id)
    requests: list[Callable[[], Any]] = [lambda: start_project(api), lambda: cancel(api, job.job_id)]
    with broken(databases, how):
        for request in requests:
            answer = request()
            assert answer.status_code == 503, answer.text
            error = answer.json()["error"]
            assert (error["code"], error["class"], error["retryable"]) == ("AUDIT_APPEND_FAILED", "transient", True)
            assert answer.headers["Retry-After"]
            assert everything(databases, tenant_id) == before
    answer = cancel(api, job.job_id)
    assert answer.status_code < 300, answer.text
    assert records.jobs.get(job.job_id).status == "canceled"


@pytest.mark.parametrize("how", BREAKS)
def test_f27_a_step_whose_audit_entry_is_refused_is_to_be_retried(api: Api, how: str) -> None:
    databases = api.server.databases
    records = make_records(databases)
    job = an_ingest_job(records, a_document(records))
    before = everything(databases, records.actor.tenant_id)
    with broken(databases, how), pytest.raises(Retryable) as refused:
        cancel_job(CancelJob(job_id=job.job_id, reason="withdrawn"), records=records)
    assert refused.value.code == "AUDIT_APPEND_FAILED"
    assert everything(databases, records.actor.tenant_id) == before
