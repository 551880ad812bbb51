"""The trace of an evaluation goes through its wait for a person and the callback to its report (spec O4)."""

from pathlib import Path

import psycopg

from infra.local.postgres import Databases
from tests.failures.waiting import start_waiting, wait_for
from tests.failures.work import answer
from tests.listening import listening
from tests.product import running_product

TRACE = "a" * 32  # of the people of the test product


def test_what_follows_an_answer_has_the_trace_of_what_was_asked(databases: Databases, tmp_path: Path) -> None:
    with listening() as seen, running_product(databases, tmp_path) as product:
        waiting = start_waiting(product)
        before = len(seen.lines)
        answer(waiting)
        wait_for(
            lambda: waiting.status() in ("approved", "rejected", "completed") or waiting.job().status == "succeeded"
        )
        wait_for(lambda: waiting.job().status == "succeeded")
        job = waiting.job()
        after = [line for line in seen.all()[before:] if line.get("job_id") == job.job_id]
    ours = [line for line in seen.all() if line.get("evaluation_id") == waiting.evaluation_id]
    states = [line["state"] for line in ours if line["event"] == "BP_STEP_DONE"]
    assert {"PlanEvaluation", "EvaluateCriteria", "OpenReview", "ScoreBid", "BuildReport"} <= set(states), states
    assert [line for line in after if line.get("state") == "BuildReport"], "the report came after the answer"
    assert {line["trace_id"] for line in ours} == {TRACE} == {line["trace_id"] for line in after}
    nodes = [line for line in seen.of("BP_GRAPH_NODE") if line.get("evaluation_id") == waiting.evaluation_id]
    assert nodes and {line["trace_id"] for line in nodes} == {TRACE} and all(line["thread_id"] for line in nodes)
    heard = [line for line in seen.of("BP_MESSAGE_DONE") if line["consumer"] == "deliver_wait"]
    assert TRACE in {line["trace_id"] for line in heard}
    with psycopg.connect(databases.owner_url) as connection:
        connection.execute("select set_config('app.tenant_id', %s, true)", (product.tenant_id,))
        for table in ("run_events", "outbox_events"):
            found = connection.execute(
                f"select distinct trace_id from {table} where tenant_id = %s and job_id = %s"
                if table == "outbox_events"
                else f"""select distinct e.trace_id from {table} e join runs r using (tenant_id, run_id)
                    where e.tenant_id = %s and r.job_id = %s""",
                (product.tenant_id, job.job_id),
            ).fetchall()
            assert found == [(TRACE,)], table
