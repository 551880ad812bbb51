"""A function times out in each state of both machines: first before its work, then after it (F10)."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from infra.local.asl_errors import StateError
from infra.local.postgres import Databases
from shared.domain.retrieval import IndexEntry
from shared.wiring import Services
from tests.failures.faults import Fault, Faults, Parsers, Try, hurried, task_states, times_out, times_out_after_work
from tests.failures.promises import Rows, check_promises
from tests.failures.waiting import Waiting, start_waiting, wait_for
from tests.failures.work import (
    a_pdf,
    a_text,
    a_zip,
    answer,
    at_rest,
    beside,
    check_verdicts,
    evaluate,
    let_expire,
    send,
)
from tests.product import TestProduct, running_product

PAGES = 51  # two ranges
BROKEN = StateError("Permanent", json.dumps({"errorMessage": "broken", "code": "DATA_CORRUPTED", "details": {}}))


STATES = [(name, state) for name in ("ingest_document", "evaluate_bid") for state in task_states(name)]


class CountingIndex:
    """An index that also counts the entries it is given."""

    def __init__(self, real: Any, added: Counter[str]) -> None:
        self._real, self._added = real, added

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def add(self, entries: Sequence[IndexEntry], *, generation: int) -> None:
        """As the index's."""
        self._added.update(entry.entry_id for entry in entries)
        self._real.add(entries, generation=generation)


@dataclass
class Story:
    """Jobs that enter every state between them, and what was called on the way."""

    faults: Faults = field(default_factory=Faults)
    added: Counter[str] = field(default_factory=Counter)
    jobs: dict[str, str] = field(default_factory=dict)
    resources: dict[str, str] = field(default_factory=dict)
    products: dict[str, TestProduct] = field(default_factory=dict)
    parsers: Parsers | None = None

    def prepare(self, made: Services) -> None:
        """See parsers and index through counters."""
        vars(made)["parsers"] = self.parsers = Parsers(made.parsers)
        real = made.index
        vars(made)["index"] = lambda records: CountingIndex(real(records), self.added)

    def plan(self, tried: Try, before: int) -> Fault | None:
        """Out of time before the work, then after it; two jobs then meet an error that no retry helps."""
        early = times_out("Sandbox.Timedout")
        late = times_out_after_work("Sandbox.Timedout" if tried.state == "OpenReview" else "States.Timeout")
        if tried.state == "ExpireReview":
            late = early  # after its work the job is canceled, and its execution may be stopped before the retry
        if before < 2:
            return (early, late)[before]
        if (tried.job_id, tried.state) == (self.jobs.get("outage"), "EvaluateCriteria") and before < 4:
            return _has_no_model
        if (tried.job_id, tried.state) in (
            (self.jobs.get("broken document"), "RoutePages"),
            (self.jobs.get("broken evaluation"), "PlanEvaluation"),
        ):
            return _breaks
        return None

    def tell(self, name: str, product: TestProduct, job_id: str, resource_id: str) -> None:
        """Note whose job it is and on what."""
        self.products[name], self.jobs[name], self.resources[name] = product, job_id, resource_id


def _breaks(_run: Any) -> Any:
    raise BROKEN


def _has_no_model(_run: Any) -> Any:
    raise StateError("ModelUnavailable", json.dumps({"errorMessage": "down", "code": "MODEL_UNAVAILABLE"}))


@pytest.fixture(scope="module")
def story(own_databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("timeouts")
    made = Story()
    made.faults.plan = made.plan
    with (
        hurried(own_databases.platform_url),
        running_product(own_databases, folder / "data", made.prepare, resolve=made.faults.resolve) as product,
    ):
        files = {"document": a_pdf(folder, PAGES), "broken document": a_text(folder, "broken")}
        files["archived document"] = a_zip(folder, a_text(folder, "archived"))
        for name, path in files.items():
            document_id, job_id = send(product, path)
            made.tell(name, product, job_id, document_id)
        for name, other in (("broken evaluation", beside(product)), ("outage", beside(product))):
            started = evaluate(other)
            made.tell(name, other, started.job.job_id, started.evaluation.evaluation_id)
        waiting = {name: start_waiting(beside(product), until_waiting=False) for name in ("answered", "expired")}
        for name, one in waiting.items():
            made.tell(name, one.product, one.job_id, one.evaluation_id)
        _let_end(made, waiting)
        yield made


def _let_end(made: Story, waiting: dict[str, Waiting]) -> None:
    def asks(one: Waiting) -> bool:
        return len(made.faults.attempts(one.job_id, "OpenReview")) == 3 and at_rest(one)

    wait_for(lambda: all(map(asks, waiting.values())))
    answer(waiting["answered"])
    let_expire(waiting["expired"])
    for name, product in made.products.items():
        product.wait_for_job(made.jobs[name])
    running = "select from local_platform.executions where status = 'RUNNING'"
    wait_for(lambda: not Rows(made.products["document"]).platform(running))


@pytest.mark.parametrize(("machine_name", "state"), STATES)
def test_f10_a_function_that_times_out_before_and_after_its_work_is_called_again(
    story: Story, machine_name: str, state: str
) -> None:
    kind = "document" if machine_name == "ingest_document" else "e"
    jobs = {job_id for name, job_id in story.jobs.items() if (name.endswith("document")) == (kind == "document")}
    entered = {(each.job_id, each.item) for each in story.faults.tries if each.job_id in jobs and each.state == state}
    assert entered, "no run of this file enters the state: add one"
    for job_id, item in entered:
        assert story.faults.attempts(job_id, state, item)[:3] == [0, 1, 2]


def test_f10_a_document_timed_out_in_every_state_is_read_and_indexed_once(story: Story) -> None:
    assert story.parsers
    rows = check_promises(story.products["document"], story.jobs["document"], "succeeded")
    document_id = story.resources["document"]
    assert sorted(each for each in story.parsers.asked if each != (1, 1)) == [(1, 50), (51, 51)]
    chunks = rows.column("select chunk_id from chunks where document_id = %s", document_id)
    added = {entry for entry in story.added if entry.partition("#")[0] in chunks}
    assert {entry.partition("#")[0] for entry in added} == set(chunks)
    assert {story.added[entry] for entry in added} == {1}
    assert story.products["document"].parts().index.count(document_id) == len(chunks)
    assert rows.column("select count(*) from parse_runs where document_id = %s", document_id) == [1]


def test_f10_an_evaluation_timed_out_in_every_state_is_decided_and_reported_once(story: Story) -> None:
    rows = check_promises(story.products["answered"], story.jobs["answered"], "succeeded")
    evaluation_id = story.resources["answered"]
    assert rows.column("select status from evaluations where evaluation_id = %s", evaluation_id) == ["report_generated"]
    assert rows.column("select version from reports where evaluation_id = %s", evaluation_id) == [1]
    assert rows.column("select status from reviews where evaluation_id = %s", evaluation_id) == ["applied"]
    check_verdicts(rows, evaluation_id)


def test_f10_a_review_whose_expiry_timed_out_parks_the_evaluation_once(story: Story) -> None:
    rows = check_promises(story.products["expired"], story.jobs["expired"], "canceled", code="WF_INTERRUPT_EXPIRED")
    evaluation_id = story.resources["expired"]
    assert rows.column("select status from evaluations where evaluation_id = %s", evaluation_id) == ["parked"]
    assert rows.column("select status from reviews where evaluation_id = %s", evaluation_id) == ["expired"]


@pytest.mark.parametrize(
    ("name", "table", "key", "status"),
    [
        ("broken document", "documents", "document_id", "parse_failed"),
        ("broken evaluation", "evaluations", "evaluation_id", "failed"),
    ],
)
def test_f10_a_failure_whose_recording_timed_out_is_recorded_once(
    story: Story, name: str, table: str, key: str, status: str
) -> None:
    rows = check_promises(story.products[name], story.jobs[name], "failed", code="DATA_CORRUPTED")
    assert rows.states(story.jobs[name])[-3:] == ["dlq_pending", "dlq_recorded", "failed"]
    assert rows.column(f"select status from {table} where {key} = %s", story.resources[name]) == [status]


def test_f10_an_archive_timed_out_in_every_state_has_each_file_once(story: Story) -> None:
    rows = check_promises(story.products["archived document"], story.jobs["archived document"], "succeeded")
    child = "select document_id, status from documents where filename = 'archived.txt'"
    [(document_id, status)] = rows.all(child)
    assert status == "indexed"
    [job_id] = rows.column("select job_id from jobs where resource_id = %s", document_id)
    check_promises(story.products["archived document"], job_id, "succeeded")


def test_f10_criteria_whose_parking_timed_out_are_decided_once(story: Story) -> None:
    rows = check_promises(story.products["outage"], story.jobs["outage"], "succeeded")
    revisions = rows.column("select revision from verdicts where evaluation_id = %s", story.resources["outage"])
    assert revisions == [1]
