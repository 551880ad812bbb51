"""Upload sessions and the signed links of the local object store (spec A53-A64, A68)."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.handlers.api_server import Api

TEXT = b"Delivery period: 60 calendar days.\n"
MIB = 1 << 20


def declared(content: bytes, **changed: Any) -> dict[str, Any]:
    named = {"filename": "投标 bid.txt", "doc_type": "bid", "role": "primary", "media_type": "text/plain"}
    return named | {"size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()} | changed


@pytest.fixture
def bundle(api: Api) -> dict[str, Any]:
    project = api.ok("POST", "/projects", {"code": "P-1", "name": "Bridge", "currency": "EUR"})["project_id"]
    supplier = api.ok("POST", "/suppliers", {"code": "S-1", "name": "Aqua"})["supplier_id"]
    return {"project_id": project, "supplier_id": supplier, "files": [declared(TEXT)]}


def put(link: dict[str, Any], content: bytes, **headers: str) -> httpx.Response:
    return httpx.put(link["url"], content=content, headers=link.get("headers", {}) | headers)


def test_a_file_goes_from_announcement_to_an_ingest_job(api: Api, bundle: dict[str, Any]) -> None:
    answer = api.call("POST", "/uploads", bundle)
    upload = answer.json()["data"]
    path = f"/uploads/{upload['upload_id']}"
    assert answer.status_code == 201 and upload["status"] == "open" and "object_key" not in answer.text
    assert api.refused("POST", f"{path}/complete", {}) == (409, "UPLOAD_INCOMPLETE")
    assert api.ok("GET", path)["files"][0]["state"] == "missing"
    assert put(upload["files"][0]["put"], TEXT).headers["etag"] == f'"{hashlib.sha256(TEXT).hexdigest()}"'
    assert api.ok("GET", path)["files"][0]["state"] == "stored"
    done = api.call("POST", f"{path}/complete", {"files": [{"file_id": upload["files"][0]["file_id"]}]})
    item = done.json()["data"]["items"][0]
    assert done.status_code == 202 and set(item) == {"file_id", "document_id", "job_id", "run_id"}
    again = api.ok("POST", f"{path}/complete", {})
    assert again["items"][0]["document_id"] == item["document_id"] and again["status"] == "completed"
    document = api.ok("GET", f"/documents/{item['document_id']}")
    assert (document["filename"], document["status"], document["parse"]) == ("投标 bid.txt", "parse_queued", None)
    assert api.ok("GET", f"/jobs/{item['job_id']}")["status"] == "queued"
    bids = api.ok("GET", f"/projects/{bundle['project_id']}/bids")["items"]
    assert [bid["status"] for bid in bids] == ["submitted"]
    assert api.refused("DELETE", path, headers={"If-Match": '"9"'}) == (412, "REQ_PRECONDITION_FAILED")


def test_ten_parallel_completions_give_one_document(api: Api, bundle: dict[str, Any]) -> None:
    upload = api.ok("POST", "/uploads", bundle)
    put(upload["files"][0]["put"], TEXT)
    with ThreadPoolExecutor(10) as threads:
        path = f"/uploads/{upload['upload_id']}/complete"
        answers = list(threads.map(lambda _: api.ok("POST", path, {}), range(10)))
    assert len({answer["items"][0]["document_id"] for answer in answers}) == 1
    assert len(api.ok("GET", "/documents", project_id=bundle["project_id"])["items"]) == 1


def test_the_original_can_be_fetched_by_an_audited_link_and_not_by_a_forged_one(
    api: Api, other: Api, bundle: dict[str, Any]
) -> None:
    upload = api.ok("POST", "/uploads", bundle)
    put(upload["files"][0]["put"], TEXT)
    document = api.ok("POST", f"/uploads/{upload['upload_id']}/complete", {})["items"][0]["document_id"]
    raw = api.ok("GET", f"/documents/{document}/raw", role="viewer")
    answer = httpx.get(raw["url"])
    assert answer.content == TEXT and raw["sha256"] == hashlib.sha256(TEXT).hexdigest()
    assert (
        answer.headers["content-disposition"].startswith("inline")
        and "sandbox" in answer.headers["content-security-policy"]
    )
    assert ("document.link_issued", "done") in api.audit_actions()
    forged = httpx.get(raw["url"].replace("expires=", "expires=9"))
    assert (forged.status_code, forged.json()["error"]["code"]) == (403, "AUTH_FORBIDDEN")
    assert other.refused("GET", f"/documents/{document}/raw") == (404, "DOC_NOT_FOUND")


def test_a_link_takes_only_the_bytes_it_was_signed_for(api: Api, bundle: dict[str, Any]) -> None:
    link = api.ok("POST", "/uploads", bundle)["files"][0]["put"]
    wrong = put(link, b"x" * len(TEXT))
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (409, "CHECKSUM_MISMATCH")
    longer = put(link, TEXT + b"x")
    assert (longer.status_code, longer.json()["error"]["code"]) == (413, "UPLOAD_FILE_SIZE_LIMIT_EXCEEDED")
    streamed = httpx.put(link["url"], content=iter([TEXT, b"more"]), headers=link["headers"])
    assert (streamed.status_code, streamed.json()["error"]["code"]) == (413, "UPLOAD_FILE_SIZE_LIMIT_EXCEEDED")
    assert put(link, TEXT, **{"Content-Type": "text/html"}).status_code == 415
    assert httpx.put(link["url"], content=TEXT, headers={"Content-Type": "text/plain"}).status_code == 428
    assert put(link, TEXT).status_code == 200
    assert put(link, TEXT).json()["error"]["code"] == "REQ_PRECONDITION_FAILED"
    assert httpx.get(link["url"]).json()["error"]["code"] == "AUTH_FORBIDDEN"


def test_a_large_file_is_sent_in_parts(api: Api, bundle: dict[str, Any]) -> None:
    content = bytes(range(256)) * (64 * MIB // 256) + b"tail"
    upload = api.ok("POST", "/uploads", bundle | {"files": [declared(content, filename="a.txt")]})
    file, path = upload["files"][0], f"/uploads/{upload['upload_id']}"
    size = file["multipart"]["part_size"]
    assert file["mode"] == "multipart" and len(file["multipart"]["parts"]) == 9
    for part in file["multipart"]["parts"][:-1]:
        assert put(part, content[(part["no"] - 1) * size : part["no"] * size]).status_code == 200
    assert api.refused("POST", f"{path}/complete", {})[1] in ("UPLOAD_INCOMPLETE", "UPLOAD_PARTS_INVALID")
    missing = api.ok("POST", f"{path}/links", {"file_ids": [file["file_id"]]})["files"][0]["multipart"]["parts"]
    assert [part["no"] for part in missing] == [9]
    assert put(missing[0], content[8 * size :]).status_code == 200
    assert api.ok("POST", f"{path}/complete", {})["status"] == "completed"


def test_an_aborted_session_takes_nothing_more(api: Api, bundle: dict[str, Any]) -> None:
    upload = api.ok("POST", "/uploads", bundle)
    path = f"/uploads/{upload['upload_id']}"
    assert api.ok("DELETE", path, headers={"If-Match": f'"{upload["row_version"]}"'})["status"] == "aborted"
    assert api.refused("POST", f"{path}/complete", {}) == (409, "UPLOAD_SESSION_STATE_CONFLICT")
    assert api.refused("POST", f"{path}/links", {}) == (409, "UPLOAD_SESSION_STATE_CONFLICT")


@pytest.mark.parametrize(
    ("changed", "answer"),
    [
        ({"filename": "bid.exe", "media_type": "application/x-msdownload"}, (415, "INPUT_UNSUPPORTED_FORMAT")),
        ({"filename": "../bid.txt"}, (422, "INPUT_FILENAME_UNSAFE")),
        ({"size_bytes": 0}, (422, "INPUT_EMPTY_FILE")),
        ({"size_bytes": (1 << 30) + 1}, (413, "UPLOAD_FILE_SIZE_LIMIT_EXCEEDED")),
        ({"role": "attachment"}, (400, "INPUT_PRIMARY_REQUIRED")),
        ({"doc_type": "letter"}, (400, "REQ_VALIDATION_FAILED")),
        ({"sha256": "abc"}, (400, "REQ_VALIDATION_FAILED")),
    ],
)
def test_a_file_that_cannot_come_is_refused_when_announced(
    api: Api, bundle: dict[str, Any], changed: dict[str, Any], answer: tuple[int, str]
) -> None:
    assert api.refused("POST", "/uploads", bundle | {"files": [declared(TEXT, **changed)]}) == answer


def test_upload_errors_have_their_codes(api: Api, bundle: dict[str, Any]) -> None:
    many = [declared(TEXT, role="attachment") for _ in range(64)] + [declared(TEXT)]
    assert api.refused("POST", "/uploads", bundle | {"files": many}) == (400, "UPLOAD_FILES_LIMIT_EXCEEDED")
    nowhere = {"project_id": f"prj_{'0' * 26}"}
    assert api.refused("POST", "/uploads", bundle | nowhere) == (404, "PROJECT_NOT_FOUND")
    nobody = {"supplier_id": f"sup_{'0' * 26}"}
    assert api.refused("POST", "/uploads", bundle | nobody) == (404, "SUPPLIER_NOT_FOUND")
    unknown = f"/uploads/upl_{'0' * 26}"
    for method, path in (("GET", unknown), ("POST", f"{unknown}/links"), ("POST", f"{unknown}/complete")):
        assert api.refused(method, path, {} if method == "POST" else None) == (404, "UPLOAD_SESSION_NOT_FOUND")
    upload = api.ok("POST", "/uploads", bundle)
    foreign = {"file_ids": [f"fil_{'0' * 26}"]}
    assert api.refused("POST", f"/uploads/{upload['upload_id']}/links", foreign) == (404, "UPLOAD_FILE_NOT_FOUND")
    api.as_owner("update upload_sessions set expires_at = now() - interval '1 second'")
    assert api.refused("POST", f"/uploads/{upload['upload_id']}/links", {}) == (410, "UPLOAD_SESSION_EXPIRED")
    api.as_owner("update projects set status = 'closed'")
    assert api.refused("POST", "/uploads", bundle) == (409, "PROJECT_CLOSED")


def test_no_more_than_64_sessions_are_open_per_project(api: Api, bundle: dict[str, Any]) -> None:
    for _ in range(64):
        api.ok("POST", "/uploads", bundle)
    answer = api.call("POST", "/uploads", bundle)
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "UPLOAD_SESSIONS_LIMIT_EXCEEDED")
    assert int(answer.headers["retry-after"]) >= 1
