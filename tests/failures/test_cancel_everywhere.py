"""A cancel in every state of both machines: nothing is written after its commit (W109 and F16 of spec 06)."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infra.local.postgres import Databases
from shared.adapters.local_workflows import MACHINES
from shared.adapters.postgres.session import Session
from shared.domain.errors import BudgetStopped, CodedError, Permanent, Refused
from shared.domain.jobs import Job
from shared.usecases.cancel_job import CancelJob, cancel_job
from shared.usecases.start_evaluation import start_evaluation
from shared.wiring import Parts
from tests.archives import write_zip
from tests.evaluation_seed import BID, Seed, limit_and_judged
from tests.failures.light_product import light
from tests.failures.stepping import Stepping, Watch
from tests.failures.tenant_rows import changes, everything
from tests.fakes.word_embedder import WordEmbedder
from tests.product import TestProduct, standing_product
from tests.records import make_records, new_tenant
from tests.rows import a_project


@pytest.fixture(scope="module")
def product(own_databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestProduct]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Parts, "embedder", WordEmbedder())
        patch.setattr(Parts, "report_pages", staticmethod(lambda content: b"%PDF"))
        with standing_product(own_databases, tmp_path_factory.mktemp("product"), light) as standing:
            yield standing


Story = Callable[[Stepping], tuple[str, Callable[[], None]]]  # makes a job: its id, and what it goes through


def a_document(steps: Stepping) -> tuple[str, Callable[[], None]]:
    """A document of one page on its way in."""
    path = steps.product.made.settings.data_dir / "bid.txt"
    path.write_text("\n\n".join(BID), encoding="utf-8")
    return uploaded(steps, path)


def an_archive(steps: Stepping) -> tuple[str, Callable[[], None]]:
    """An archive of two documents."""
    files = {"bid.txt": "\n\n".join(BID).encode(), "terms.txt": b"Warranty: 24 months.\n"}
    return uploaded(steps, write_zip(steps.product.made.settings.data_dir / "bid.zip", files))


def uploaded(steps: Stepping, path: Path) -> tuple[str, Callable[[], None]]:
    product = steps.product
    project_id = a_project(make_records(product.databases, product.tenant_id))
    [item] = product.upload(project_id, None, path, doc_type="tender")
    return str(item.job_id), steps.run


def a_bid(steps: Stepping) -> tuple[str, Callable[[], None]]:
    """An evaluation that asks a person, who gives points."""
    seed, evaluation_id, job_id = started(steps)

    def work() -> None:
        steps.run()
        if steps.product.parts().records.jobs.get(job_id).waiting_on:
            steps.answer(evaluation_id, seed.points("T-2", "48"))

    return job_id, work


def an_unanswered_bid(steps: Stepping) -> tuple[str, Callable[[], None]]:
    """An evaluation whose review expires."""
    _, _, job_id = started(steps)

    def work() -> None:
        steps.run()
        if steps.product.parts().records.jobs.get(job_id).waiting_on:
            steps.expire()

    return job_id, work


def failing(story: Story, function: str, error: CodedError | None = None) -> Story:
    """The same with a step that fails, for good unless told otherwise."""

    def fails(steps: Stepping) -> tuple[str, Callable[[], None]]:
        steps.fails[function] = error or Permanent("DATA_CORRUPTED")
        return story(steps)

    return fails


def started(steps: Stepping) -> tuple[Seed, str, str]:
    product = steps.product
    seed = Seed(make_records(product.databases, product.tenant_id), limit_and_judged(), url=product.databases.app_url)
    parts = product.parts()
    command = seed.command(seed.bid("S-1", *BID), force_review=True)
    made = start_evaluation(command, records=parts.records, ids=parts.ids, clock=parts.clock)
    return seed, made.evaluation.evaluation_id, made.job.job_id


STORIES: dict[str, Story] = {"ingest_document": a_document, "evaluate_bid": a_bid}
# states that lie on another way than the usual one of their machine
DETOURS: dict[tuple[str, str], Story] = {
    ("ingest_document", "UnpackArchive"): an_archive,
    ("ingest_document", "RecordFailure"): failing(a_document, "chunk_document"),
    ("evaluate_bid", "RecordFailure"): failing(a_bid, "score_bid"),
    ("evaluate_bid", "ExpireReview"): an_unanswered_bid,
    ("evaluate_bid", "ParkCriteria"): failing(a_bid, "evaluate_criteria", BudgetStopped()),
}


def tasks(states: dict[str, Any]) -> Iterator[str]:
    """The names of all Task states, those of Maps too."""
    for name, state in states.items():
        if state["Type"] == "Task":
            yield name
        elif state["Type"] == "Map":
            yield from tasks(state["ItemProcessor"]["States"])


# a release moves traffic outside of the rows: its states stand in test_release_cancel.py
STATES = [
    (path.name.partition(".")[0], state)
    for path in sorted(MACHINES.glob("*.asl.json"))
    if path.name.partition(".")[0] in STORIES
    for state in tasks(json.loads(path.read_text(encoding="utf-8"))["States"])
]


@dataclass
class Played:
    """A story with its cancel: what the cancel said, and what changed after its commit."""

    steps: Stepping
    job: Job
    canceled: bool
    changed: dict[str, list[str]]


def play(product: TestProduct, story: Story, state: str, at: int) -> Played:
    """Go through the story and cancel its job before the transaction `at` of the state's first try."""
    mine = TestProduct(product.made, new_tenant(product.databases), product.databases)
    watch = Watch(state, at)
    steps = Stepping(mine, watch)
    after: list[dict[str, list[str]]] = []
    canceled = False

    def cancel() -> None:
        nonlocal canceled
        try:
            mine.run(cancel_job, CancelJob(job_id=job_id, reason="withdrawn"))
            canceled = True
        except Refused as refused:
            assert refused.code == "JOB_CANCEL_CONFLICT"
        after.append(everything(mine.databases, mine.tenant_id))

    watch.then = cancel
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Session, "_begin", lambda session, connection: watch.begin(session, connection))
        job_id, work = story(steps)
        work()
    found = changes(after[0], everything(mine.databases, mine.tenant_id)) if after else {}
    return Played(steps, mine.parts().records.jobs.get(job_id), canceled, found)


@pytest.fixture(scope="module")
def whole() -> dict[Story, Played]:
    """The stories that were gone through without a cancel."""
    return {}


@pytest.mark.parametrize(("machine", "state"), STATES)
def test_w109_f16_after_a_cancel_in_any_state_nothing_more_is_written(
    product: TestProduct, whole: dict[Story, Played], machine: str, state: str
) -> None:
    story = DETOURS.get((machine, state), STORIES[machine])
    if story not in whole:
        whole[story] = play(product, story, "", -1)
    begins = whole[story].steps.watch.begins[state]
    assert begins, f"no story goes through {state}: add one"
    for at in sorted({0, (begins + 1) // 2, begins}):
        played = play(product, story, state, at)
        records = played.steps.product.parts().records
        if not played.canceled:  # the step had ended the job before: then it ended as without a cancel
            assert played.job.status == whole[story].job.status
            continue
        assert played.changed == {}, f"canceled before transaction {at} of {begins}"
        assert (played.job.status, played.job.error_code) == ("canceled", "JOB_CANCELED")
        assert records.jobs.newest_run(played.job.job_id).status == "stopped"
        assert played.job.dlq_id is None
