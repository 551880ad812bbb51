"""The handlers of ingest_document with the parts of wiring: child process, PDF reader, embedder, embedded index."""

import hashlib
import io
import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from functions import entry
from infra.local.postgres import Databases
from shared.adapters.embedded_index import EmbeddedIndex
from shared.adapters.filesystem import FilesystemObjects
from shared.domain.context import Actor
from shared.domain.embedding_profiles import PROFILE_ID
from shared.domain.errors import Permanent, Retryable
from shared.domain.retrieval import IndexEntry, Scope
from shared.domain.terms import codes, unique_terms
from shared.domain.upload_rules import DeclaredFile
from shared.settings import Settings
from shared.usecases.finish_upload import FinishUpload, finish_upload
from shared.usecases.open_upload import OpenUpload, open_upload
from shared.wiring import Parts, Services
from shared.wiring.local import LocalServices
from tests.records import new_tenant
from tests.rows import a_project

LINES = {
    1: ["1 Form of Tender", "Delivery period: 60 calendar days", "Our company holds ISO 9001 certification."],
    2: ["2 Method", "The shelving is assembled on site by our own staff and levelled before handover."],
}


class Context:
    """What Lambda tells a handler."""

    def __init__(self, seconds: float = 900.0) -> None:
        self.seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


def a_pdf(pages: dict[int, list[str]]) -> bytes:
    from reportlab.pdfgen.canvas import Canvas

    body = io.BytesIO()
    canvas = Canvas(body, pagesize=(595, 842), invariant=True)
    for lines in pages.values():
        for number, line in enumerate(lines):
            canvas.setFont("Helvetica-Bold" if number == 0 else "Helvetica", 16 if number == 0 else 11)
            canvas.drawString(72, 760 - 40 * number, line)
        canvas.showPage()
    canvas.save()
    return body.getvalue()


@dataclass
class Run:
    """One claimed run of one document, stepped by hand as the state machine would."""

    services: Services
    actor: Actor
    document_id: str
    job_id: str
    run_id: str

    def parts(self) -> Parts:
        return self.services.bind(self.actor)

    def step(self, state: str, *, context: Context | None = None, attempt: int = 0, **command: Any) -> dict[str, Any]:
        """Call the handler of a state with JSON and give back its JSON."""
        name = "".join(f"_{c.lower()}" if c.isupper() else c for c in state).lstrip("_")
        handler = import_module(f"functions.{name}.handler").handler
        scope = {"tenant_id": self.actor.tenant_id, "job_id": self.job_id, "run_id": self.run_id}
        event = {"scope": {**scope, "trace": "0" * 32, "state": state, "attempt": attempt}, "command": command}
        if "range_no" in command:
            event["scope"]["item"] = command["range_no"]
        answer = json.dumps(handler(json.loads(json.dumps(event)), context or Context()))
        assert len(answer) < 2000
        found: dict[str, Any] = json.loads(answer)
        return found

    def upto(self, last: str) -> dict[str, Any]:
        """Run the states up to and with this one; the ids of document and parse run."""
        self.step("ClaimJob", job_id=self.job_id, run_id=self.run_id)
        self.step("InspectFile", document_id=self.document_id)
        plan = self.step("RoutePages", document_id=self.document_id)
        ids: dict[str, Any] = {"document_id": self.document_id, "parse_run_id": str(plan["parse_run_id"])}
        states = ["ParseRange", "ChunkDocument", "ExtractFacts", "IndexChunks", "FinishIngestion"]
        for state in states[: states.index(last) + 1]:
            extra: dict[str, Any] = {"ParseRange": {"range_no": 0}, "IndexChunks": {"round": 0}}.get(state, {})
            self.step(state, **ids, **extra)
        return ids


@pytest.fixture(scope="module")
def services(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    made = LocalServices(
        Settings(
            database_url=databases.app_url,
            relay_url=databases.relay_url,
            dispatch_url=databases.dispatch_url,
            sweep_url=databases.sweep_url,
            platform_url=databases.platform_url,
            master_key=secrets.token_urlsafe(32),
            data_dir=tmp_path_factory.mktemp("data"),
        )
    )
    yield made
    made.close()


@pytest.fixture
def start(services: Services, databases: Databases, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(entry, "services", lambda: services)

    def make(body: bytes, *, filename: str = "bid.pdf", media_type: str = "application/pdf") -> Run:
        actor = Actor(tenant_id=new_tenant(databases), actor_id="usr_test")
        parts = services.bind(actor)
        project_id = a_project(parts.records)
        file = DeclaredFile(
            filename=filename,
            doc_type="tender",
            role="primary",
            size_bytes=len(body),
            sha256=hashlib.sha256(body).hexdigest(),
            media_type=media_type,
        )
        opened = entry.call(open_upload, OpenUpload(project_id=project_id, files=(file,)), parts)
        assert isinstance(services.objects, FilesystemObjects)
        services.objects.put(opened.files[0].object_key, body, media_type=media_type)
        item = entry.call(finish_upload, FinishUpload(upload_id=opened.upload.upload_id), parts).items[0]
        return Run(services, actor, item.document_id, item.job_id, item.run_id)

    return make


def test_a_pdf_goes_through_all_steps_and_is_found(start: Any) -> None:
    run: Run = start(a_pdf(LINES))
    run.upto("FinishIngestion")
    parts = run.parts()
    document = parts.records.documents.get(run.document_id)
    assert (document.status, document.page_count, document.language) == ("indexed", 2, "en")
    assert parts.records.jobs.get(run.job_id).status == "succeeded"
    scope = Scope(tenant_id=run.actor.tenant_id, project_id=document.project_id, tender=True)
    asked = "ISO 9001 certification"
    by_words = parts.index.lexical(scope, unique_terms(asked), codes(asked), limit=5)
    by_meaning = parts.index.nearest(scope, parts.embedder.query(asked), limit=5)
    for ranked in (by_words, by_meaning):
        chunk = parts.records.chunks.texts([ranked[0].chunk_id])[0]
        assert "ISO 9001" in chunk.text
    (place,) = [p for p in chunk.positions if "ISO 9001" in chunk.text[p.start : p.end]]
    assert place.page == 1 and 70 < place.box.x0 < 74 and 140 < place.box.y0 < 170


def test_every_step_may_run_twice(start: Any) -> None:
    run: Run = start(a_pdf(LINES))
    ids = run.upto("IndexChunks")
    records = run.parts().records
    before = (
        records.parse_runs.blocks(ids["parse_run_id"]),
        records.chunks.of_run(ids["parse_run_id"]),
        records.documents.get(run.document_id),
    )
    run.step("InspectFile", document_id=run.document_id)
    assert run.step("RoutePages", document_id=run.document_id)["parse_run_id"] == ids["parse_run_id"]
    run.step("ParseRange", **ids, range_no=0)
    run.step("ChunkDocument", **ids)
    run.step("ExtractFacts", **ids)
    assert run.step("IndexChunks", **ids, round=0)["more"] is False
    assert before == (
        records.parse_runs.blocks(ids["parse_run_id"]),
        records.chunks.of_run(ids["parse_run_id"]),
        records.documents.get(run.document_id),
    )
    run.step("FinishIngestion", **ids)
    assert records.documents.get(run.document_id).status == "indexed"


def test_the_last_step_repeated_after_a_lost_answer_does_nothing_and_does_not_fail(start: Any) -> None:
    run: Run = start(a_pdf(LINES))
    ids = run.upto("IndexChunks")
    run.step("FinishIngestion", **ids)
    records = run.parts().records
    acts = records.session.rows("select action from audit_log order by seq")
    assert run.step("FinishIngestion", **ids) == {}
    assert records.session.rows("select action from audit_log order by seq") == acts


def test_a_step_of_a_canceled_job_does_nothing(start: Any) -> None:
    run: Run = start(a_pdf(LINES))
    ids = run.upto("ParseRange")
    records = run.parts().records
    records.moves.job(records.jobs.get(run.job_id), "canceled")
    with pytest.raises(entry.Canceled):
        run.step("ChunkDocument", **ids)
    assert records.chunks.count(ids["parse_run_id"]) == 0


def test_indexing_stops_in_time_and_goes_on(start: Any) -> None:
    run: Run = start(a_pdf(LINES))
    ids = run.upto("ExtractFacts")
    assert run.step("IndexChunks", **ids, round=0, context=Context(seconds=30)) == {
        "more": True,
        "round": 1,
        "acked": 0,
    }
    assert run.step("IndexChunks", **ids, round=1)["more"] is False


def test_a_file_that_lies_about_its_type_fails_with_its_code(start: Any) -> None:
    run: Run = start(b"just words", filename="bid.pdf")
    run.step("ClaimJob", job_id=run.job_id, run_id=run.run_id)
    with pytest.raises(Permanent) as caught:
        run.step("InspectFile", document_id=run.document_id)
    assert caught.value.code == "INPUT_TYPE_MISMATCH"
    attempts = run.parts().records.session.rows(
        "select error_code from step_attempts where run_id = %(id)s and step = 'InspectFile'", id=run.run_id
    )
    assert attempts == [{"error_code": "INPUT_TYPE_MISMATCH"}]


class RefusingIndex(EmbeddedIndex):
    """The embedded index, refusing every entry."""

    def add(self, entries: Sequence[IndexEntry], *, generation: int) -> None:
        raise Retryable("INDEX_WRITE_PARTIAL", details={"failed": [entry.entry_id for entry in entries]})


def test_a_retryable_failure_moves_the_job_to_retrying_and_back(
    start: Any, services: Services, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run: Run = start(a_pdf(LINES))
    ids = run.upto("ExtractFacts")
    records = run.parts().records
    refusing = RefusingIndex(tmp_path, records.session, tenant_id=run.actor.tenant_id, profile_id=PROFILE_ID)
    with monkeypatch.context() as patched:
        patched.setattr(services, "index", lambda records: refusing)
        with pytest.raises(Retryable):
            run.step("IndexChunks", **ids, round=0)
    job = records.jobs.get(run.job_id)
    assert (job.status, job.retry_count) == ("retrying", 1)
    assert run.step("IndexChunks", **ids, round=0, attempt=1)["more"] is False
    assert records.jobs.get(run.job_id).status == "running"
