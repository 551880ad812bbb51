"""A cancel while a document is parsed, a model is asked or a report is filed, in the running product (F16)."""

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from infra.local.postgres import Databases
from infra.local.state_machine import Handler, resolve_function
from shared.adapters.filesystem import FilesystemObjects
from shared.adapters.no_model import NoModel
from shared.adapters.text_parser import TextParser
from shared.domain.blocks import ParsedRange
from shared.domain.criteria import Criterion
from shared.domain.errors import Refused
from shared.domain.evidence import Passage
from shared.domain.rule_results import RuleResult
from shared.ports.objects import StoredObject
from shared.usecases.cancel_job import CancelJob, cancel_job
from shared.wiring import Services
from tests.failures.tenant_rows import changes, everything
from tests.failures.waiting import Waiting, start_waiting, wait_for
from tests.failures.work import a_text, answer, send
from tests.ingest import TextInspector
from tests.product import TestProduct, running_product
from tests.records import clock, new_tenant

CAUSED = {"outbox_events", "consumed_events", "waits"}  # the relay and the consumers of job.canceled


STEPS = {"parse_range": "parse", "evaluate_criteria": "model call", "build_report": "report"}


class Gate:
    """Where one call is held until the test lets it go; open unless `closed`."""

    def __init__(self) -> None:
        self.closed, self.reached, self.go, self.left = "", threading.Event(), threading.Event(), threading.Event()

    def pass_by(self, place: str) -> None:
        """Wait here when the gate is closed at this place."""
        if place == self.closed:
            self.reached.set()
            assert self.go.wait(60)

    def resolve(self, name: str) -> Handler:
        """The function; `left` says that the held one has ended."""
        handler = resolve_function(name)

        def watched(event: Any, context: Any) -> Any:
            try:
                return handler(event, context)
            finally:
                if self.go.is_set() and STEPS.get(name) == self.closed:
                    self.left.set()

        return watched


class Parser(TextParser):
    """The text parser behind the gate."""

    gate: Gate

    def parse(self, path: Path, media_type: str, first: int, last: int) -> ParsedRange:
        self.gate.pass_by("parse")
        return super().parse(path, media_type, first, last)


class Judge(NoModel):
    """Nobody, who takes his time to say so."""

    gate: Gate

    def judge(self, criterion: Criterion, passages: Sequence[Passage], *, language: str) -> RuleResult:
        self.gate.pass_by("model call")
        return super().judge(criterion, passages, language=language)


class Objects(FilesystemObjects):
    """A folder whose reports go through the gate before they are written."""

    gate: Gate

    def put(self, key: str, body: bytes | Path, **more: Any) -> StoredObject:
        if "/reports/" in key:
            self.gate.pass_by("report")
        return super().put(key, body, **more)


class Parsers:
    """One parser, in this process."""

    def __init__(self, parser: Parser) -> None:
        self._parser = parser

    def parser_for(self, media_type: str) -> Parser:
        return self._parser

    def close(self) -> None: ...


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def product(databases: Databases, tmp_path: Path, gate: Gate) -> Iterator[TestProduct]:
    def wire(made: Services) -> None:
        parser, judge = Parser(), Judge()
        objects = Objects(tmp_path / "objects", base_url="http://localhost", key=b"k" * 32, clock=clock)
        parser.gate = judge.gate = objects.gate = gate
        vars(made).update(parsers=Parsers(parser), judge=judge, objects=objects, inspector=TextInspector())

    with running_product(databases, tmp_path, wire, resolve=gate.resolve) as running:
        yield TestProduct(running.made, new_tenant(databases), databases)


def parse(product: TestProduct, folder: Path) -> tuple[str, Callable[[], None]]:
    document_id, job_id = send(product, a_text(folder, "bid"))

    def hold() -> None:
        records = product.parts().records
        document = records.documents.get(document_id)
        assert (document.status, document.error_code) == ("parse_failed", "JOB_CANCELED")
        assert records.session.rows("select 1 from blocks union all select 1 from chunks") == []

    return job_id, hold


def model_call(product: TestProduct, folder: Path) -> tuple[str, Callable[[], None]]:
    waiting = start_waiting(product, until_waiting=False)

    def hold() -> None:
        judged = waiting.seed.criteria[1].criterion_id
        assert judged not in {
            verdict.criterion_id for verdict in waiting.records.verdicts.current(waiting.evaluation_id)
        }
        ended(waiting)

    return waiting.job_id, hold


def report(product: TestProduct, folder: Path) -> tuple[str, Callable[[], None]]:
    waiting = start_waiting(product)
    answer(waiting)
    return waiting.job_id, lambda: ended(waiting, "failed")


def ended(waiting: Waiting, status: str = "canceled") -> None:
    """The evaluation has its last state, no report and nothing to answer."""
    assert waiting.status() == status
    assert waiting.records.evaluations.get(waiting.evaluation_id).error_code == "JOB_CANCELED"
    assert waiting.records.reports.of_evaluation(waiting.evaluation_id) == []
    assert waiting.records.reviews.live(waiting.evaluation_id) is None


@pytest.mark.parametrize(("place", "begin"), [("parse", parse), ("model call", model_call), ("report", report)])
def test_f16_a_cancel_during_the_work_stands_and_the_work_leaves_nothing(
    product: TestProduct, gate: Gate, tmp_path: Path, place: str, begin: Callable[..., Any]
) -> None:
    gate.closed = place
    job_id, holds = begin(product, tmp_path)
    assert gate.reached.wait(60)
    product.run(cancel_job, CancelJob(job_id=job_id, reason="withdrawn"))
    before = everything(product.databases, product.tenant_id)
    with pytest.raises(Refused) as twice:
        product.run(cancel_job, CancelJob(job_id=job_id, reason="again"))
    assert twice.value.code == "JOB_CANCEL_CONFLICT"
    workflows = product.made.workflows
    run = product.parts().records.jobs.newest_run(job_id)
    wait_for(lambda: (found := workflows.describe(run.execution_ref or "")) is not None and found.status == "aborted")
    gate.go.set()
    assert gate.left.wait(60)
    after = everything(product.databases, product.tenant_id)
    assert changes(before, after).keys() <= CAUSED
    assert [product.parts().records.jobs.get(job_id).status, run.status] == ["canceled", "stopped"]
    holds()
