"""Reading a document again over HTTP (spec A66)."""

import pytest

from shared.domain.documents import Document
from tests.handlers.api_server import Api
from tests.records import make_records
from tests.rows import a_document

NOWHERE = "0" * 26
WHY = {"reason": "the reader is newer"}


@pytest.fixture
def document(api: Api) -> Document:
    return a_document(make_records(api.server.databases, api.tenant.tenant_id), status="indexed")


def test_a_document_is_read_again_as_a_job_and_stays_indexed(api: Api, document: Document) -> None:
    path = f"/documents/{document.document_id}/parse"
    answer = api.call("POST", path, WHY, key="parse-once-1")
    made = answer.json()["data"]
    assert answer.status_code == 202 and answer.headers["location"] == f"/api/v1/jobs/{made['job_id']}"
    assert made["resource"] == {"type": "document", "id": document.document_id}
    assert api.call("POST", path, WHY, key="parse-once-1").json()["data"] == made
    assert api.ok("GET", f"/documents/{document.document_id}")["status"] == "indexed"
    assert api.refused("POST", path, WHY) == (409, "WF_STATE_TRANSITION_INVALID")


def test_what_is_not_there_not_allowed_or_without_a_reason_is_refused(api: Api, document: Document) -> None:
    path = f"/documents/{document.document_id}/parse"
    assert api.refused("POST", f"/documents/doc_{NOWHERE}/parse", WHY) == (404, "DOC_NOT_FOUND")
    assert api.refused("POST", path, WHY, role="evaluator") == (403, "AUTH_FORBIDDEN")
    assert api.refused("POST", path, {"reason": ""}) == (400, "REQ_VALIDATION_FAILED")
    assert api.refused("POST", path, {**WHY, "route": "ocr"}) == (400, "REQ_VALIDATION_FAILED"), "no wishes yet"
