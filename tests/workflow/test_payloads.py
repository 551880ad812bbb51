"""A spy on what travels between states: ids, keys, counts and flags, far below 200 KiB (spec W6)."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from infra.local.postgres import Databases
from infra.local.state_machine import resolve_function
from shared.domain.payloads import PAYLOAD_LIMIT, wire_text
from shared.usecases.submit_review import SubmitReview, submit_review
from tests.failures.waiting import start_waiting, wait_for
from tests.product import TestProduct, running_product
from tests.rows import a_project

SMALL = 4096  # bytes; a result that holds text or rows instead of ids would be larger
STATES = {
    *("ClaimJob", "InspectFile", "RoutePages", "ParseRange", "ChunkDocument", "ExtractFacts", "IndexChunks"),
    *("FinishIngestion", "PlanEvaluation", "EvaluateCriteria", "ScoreBid", "OpenReview", "EvaluateCriteriaDecided"),
    *("ScoreBidReviewed", "BuildReport", "FinishEvaluation"),
}


class Spy:
    """Finds the worker's functions and keeps the bytes of the largest result and event of each state."""

    def __init__(self) -> None:
        self.results: dict[str, int] = {}
        self.events: dict[str, int] = {}

    def resolve(self, name: str) -> Callable[[Any, Any], Any]:
        """The function, listened to."""
        handler = resolve_function(name)

        def listened(event: Any, context: Any) -> Any:
            result = handler(event, context)
            if "scope" in event:
                state = event["scope"]["state"]
                self.results[state] = max(self.results.get(state, 0), len(wire_text(result)))
                self.events[state] = max(self.events.get(state, 0), len(wire_text(event)))
            return result

        return listened


def running(databases: Databases, product: TestProduct) -> int:
    """Executions of the tenant that have not ended."""
    with psycopg.connect(databases.platform_url) as connection:
        return connection.execute(
            "select from local_platform.executions where input->>'tenant_id' = %s and status = 'RUNNING'",
            (product.tenant_id,),
        ).rowcount


@pytest.fixture(scope="module")
def spied(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Spy, TestProduct]]:
    """A tender document from upload to index, and an evaluation from its start over a review to its report."""
    spy, folder = Spy(), tmp_path_factory.mktemp("product")
    with running_product(databases, folder, resolve=spy.resolve) as product:
        tender = folder / "tender.md"
        tender.write_text("\n\n".join(f"# {n} Part\n\nDelivery within {n} calendar days." for n in range(1, 12)))
        (item,) = product.upload(a_project(product.parts().records), None, tender, doc_type="tender")
        waiting = start_waiting(product)
        review_id, token = waiting.claim()
        answer = SubmitReview(
            review_id=review_id,
            resume_token=token,
            decision="edit_scores",
            comment="Read and scored.",
            edits=(waiting.seed.points("T-2", "48"),),
        )
        product.run(submit_review, answer, **waiting.person())
        wait_for(lambda: waiting.job().status == "succeeded")
        assert product.wait_for_job(str(item.job_id)).status == "succeeded"
        wait_for(
            lambda: set(spy.results) >= STATES and not running(databases, product)
        )  # a job ends before its last step
        yield spy, product


def test_every_states_result_is_small(spied: tuple[Spy, TestProduct]) -> None:
    spy, _ = spied
    assert set(spy.results) >= STATES
    assert {state: size for state, size in (spy.results | spy.events).items() if size > SMALL} == {}
    assert SMALL < PAYLOAD_LIMIT


def test_inputs_and_outputs_of_executions_are_small(spied: tuple[Spy, TestProduct], databases: Databases) -> None:
    _, product = spied
    with psycopg.connect(databases.platform_url) as connection:
        rows = connection.execute(
            """select machine, input, output from local_platform.executions where input->>'tenant_id' = %s""",
            (product.tenant_id,),
        ).fetchall()
    assert {machine for machine, _, _ in rows} == {"ingest_document", "evaluate_bid"}
    for machine, given, output in rows:
        wanted = {"tenant_id", "job_id", "run_id", "resource_id", "start_at", "limits", "trace"}
        assert set(given) == wanted, machine
        assert max(len(wire_text(given)), len(wire_text(output))) <= 4 * SMALL, machine
