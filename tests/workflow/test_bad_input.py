"""Bad files over HTTP, through real API and worker: each ends with its code, and nothing is lost (P13-P36, P106)."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from infra.local.demo_client import MEDIA_TYPES
from infra.local.demo_run import publish_rules
from tests.contract.parsing_samples import offer_pdf
from tests.workflow.bad_files import BAD_FILES, MIB, BadFile, write_large
from tests.workflow.live_product import Live, live_product
from tests.workflow.up_process import write_pack

LARGE = 300  # MiB
CHILD_GROWTH = 128 * MIB
API_GROWTH = 48 * MIB
DERIVED = ("chunks", "facts", "chunk_vectors", "citations", "index_writes")


@dataclass
class Stand:
    """A product, a project with one supplier, and where files are written."""

    live: Live
    project_id: str
    supplier_id: str
    folder: Path

    def upload(self, path: Path) -> dict[str, Any]:
        """Send a file as a bid; file, document and job ids."""
        (item,) = self.live.client.upload(self.project_id, self.supplier_id, [path], "bid")
        return item

    def document(self, document_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.live.client.call("GET", f"/documents/{document_id}")
        return found

    def stored_sha256(self, document_id: str) -> str:
        """The hash of the bytes behind the link of the original, fetched piece by piece."""
        url = self.live.client.call("GET", f"/documents/{document_id}/raw")["url"]
        hashed = hashlib.sha256()
        with httpx.stream("GET", url, timeout=60) as answer:
            for piece in answer.raise_for_status().iter_bytes():
                hashed.update(piece)
        return hashed.hexdigest()

    def derived(self, document_id: str) -> dict[str, int]:
        """How many rows of each kind were derived from the document."""
        query = "select count(*) as n from {} where document_id = %s"
        return {table: self.live.rows(query.format(table), document_id)[0]["n"] for table in DERIVED}

    def audited(self, document_id: str) -> list[tuple[str, str]]:
        rows = self.live.rows("select action, result from audit_log where resource_id = %s order by seq", document_id)
        return [(row["action"], row["result"]) for row in rows]

    def announced(self, content: bytes, name: str, **changed: Any) -> dict[str, Any]:
        """The body that opens an upload of one file."""
        file = {
            "filename": name,
            "doc_type": "bid",
            "role": "primary",
            "size_bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "media_type": MEDIA_TYPES.get(Path(name).suffix, "application/octet-stream"),
        }
        return {"project_id": self.project_id, "supplier_id": self.supplier_id, "files": [file | changed]}


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with live_product(tmp_path_factory.mktemp("bad") / "data") as live:
        client = live.client
        rules = publish_rules(client, write_pack(tmp_path_factory.mktemp("rules") / "rules.json"), "bad")
        body = {"code": "BAD", "name": "Bad input", "currency": "EUR", "rule_pack": rules}
        project = client.call("POST", "/projects", body)
        supplier = client.call("POST", "/suppliers", {"code": "S-1", "name": "Careless Ltd"})
        yield Stand(live, project["project_id"], supplier["supplier_id"], tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="module")
def sent(stand: Stand) -> dict[str, dict[str, Any]]:
    """All bad files, uploaded at once; the worker reads them side by side."""
    for bad in BAD_FILES:
        bad.write(stand.folder / bad.name)
    return {bad.name: stand.upload(stand.folder / bad.name) for bad in BAD_FILES}


@pytest.mark.parametrize("bad", BAD_FILES, ids=lambda bad: bad.name)
def test_a_file_that_cannot_be_read_fails_with_its_code(
    stand: Stand, sent: dict[str, dict[str, Any]], bad: BadFile
) -> None:
    item = sent[bad.name]
    job = stand.live.job(item["job_id"])
    error = job["error"]
    assert (job["status"], error["code"], error["retryable"]) == ("failed", bad.code, False), error
    assert error["trace_id"] and error["step"] == ("RoutePages" if bad.name == "scan.pdf" else "InspectFile")
    assert error["details"].items() >= bad.details.items()
    document = stand.document(item["document_id"])
    assert (document["status"], document["error_code"]) == ("parse_failed", bad.code)
    (letter,) = stand.live.rows("select * from dlq_items where job_id = %s", item["job_id"])
    assert (letter["error_code"], letter["status"], letter["dlq_id"]) == (bad.code, "open", job["dlq_id"])
    events = stand.live.client.call("GET", f"/runs/{job['run_id']}/events")["items"]
    assert [event["type"] for event in events][-2:] == ["run.failed", "run.closed"]


@pytest.mark.parametrize("bad", BAD_FILES, ids=lambda bad: bad.name)
def test_nothing_is_derived_from_it_and_its_bytes_are_kept(
    stand: Stand, sent: dict[str, dict[str, Any]], bad: BadFile
) -> None:
    item = sent[bad.name]
    stand.live.job(item["job_id"])
    document_id = item["document_id"]
    assert stand.derived(document_id) == dict.fromkeys(DERIVED, 0)
    assert stand.live.client.call("GET", f"/documents/{document_id}/chunks")["items"] == []
    assert stand.live.client.call("GET", f"/documents/{document_id}/blocks")["items"] == []
    audited = stand.audited(document_id)
    assert audited[0] == ("document.uploaded", "done")
    assert audited[-1] == ("document.parse_failed", "done")
    stored = (stand.folder / bad.name).read_bytes()
    assert stand.stored_sha256(document_id) == hashlib.sha256(stored).hexdigest()


def test_a_bomb_names_limit_and_measure(stand: Stand, sent: dict[str, dict[str, Any]]) -> None:
    details = stand.live.job(sent["bomb.docx"]["job_id"])["error"]["details"]
    assert details["measured"] > details["limit"] == 100


def test_a_bid_of_unreadable_files_cannot_be_evaluated(stand: Stand, sent: dict[str, dict[str, Any]]) -> None:
    for item in sent.values():
        stand.live.job(item["job_id"])
    body = {"project_id": stand.project_id, "supplier_id": stand.supplier_id}
    status, error = stand.live.refused("POST", "/evaluations", body)
    assert (status, error["code"]) == (409, "BID_INCOMPLETE"), error
    assert {failed["document_id"] for failed in error["details"]["failed"]} >= {i["document_id"] for i in sent.values()}
    assert stand.live.rows("select count(*) as n from evaluations") == [{"n": 0}]


def test_the_worker_goes_on_with_good_files(stand: Stand, sent: dict[str, dict[str, Any]]) -> None:
    for item in sent.values():
        stand.live.job(item["job_id"])
    chinese = stand.folder / "good.txt"
    chinese.write_bytes("投标文件\n\n交货期：60日历天。\n\n质保期：36个月。\n".encode("gb18030"))
    for path in (chinese, offer_pdf(stand.folder)):
        item = stand.upload(path)
        assert stand.live.job(item["job_id"])["status"] == "succeeded"
        assert stand.document(item["document_id"])["status"] == "indexed"
        assert stand.derived(item["document_id"])["chunks"] > 0
    texts = [row["text"] for row in stand.live.rows("select text from chunks")]
    assert any("交货期：60日历天" in text for text in texts)


@pytest.mark.parametrize(
    ("name", "changed", "status", "code"),
    [
        ("bid.pdf", {"size_bytes": 0}, 422, "INPUT_EMPTY_FILE"),
        ("bid.pdf", {"size_bytes": (1 << 30) + 1}, 413, "UPLOAD_FILE_SIZE_LIMIT_EXCEEDED"),
        ("../../etc/passwd.pdf", {}, 422, "INPUT_FILENAME_UNSAFE"),
        ("gpj.\u202efdp.pdf", {}, 422, "INPUT_FILENAME_UNSAFE"),
        ("prices.xlsx", {}, 415, "INPUT_UNSUPPORTED_FORMAT"),
        ("photo.png", {"media_type": "image/png"}, 415, "INPUT_UNSUPPORTED_FORMAT"),
        ("bundle.rar", {"media_type": "application/vnd.rar"}, 415, "INPUT_UNSUPPORTED_FORMAT"),
    ],
)
def test_what_the_announcement_shows_is_refused_at_once(
    stand: Stand, name: str, changed: dict[str, Any], status: int, code: str
) -> None:
    sessions = "select count(*) as n from upload_sessions"
    before = stand.live.rows(sessions)
    found, error = stand.live.refused("POST", "/uploads", stand.announced(b"%PDF-1.7", name, **changed))
    assert (found, error["code"]) == (status, code)
    assert stand.live.rows(sessions) == before
    if code == "INPUT_UNSUPPORTED_FORMAT":
        assert "application/pdf" in error["details"]["accepted"]


def test_an_empty_or_different_body_leaves_the_session_open_for_the_right_one(stand: Stand) -> None:
    content = b"Delivery period: 60 calendar days.\n"
    opened = stand.live.client.call("POST", "/uploads", stand.announced(content, "late.txt"))
    put, path = opened["files"][0]["put"], f"/uploads/{opened['upload_id']}"
    for wrong in (b"", b"x" * len(content)):
        answer = httpx.put(put["url"], content=wrong, headers=put["headers"])
        assert answer.status_code in (409, 413), answer.text
        assert answer.json()["error"]["code"] in ("CHECKSUM_MISMATCH", "UPLOAD_FILE_SIZE_LIMIT_EXCEEDED")
    status, error = stand.live.refused("POST", f"{path}/complete", {})
    assert (status, error["code"], error["retryable"]) == (409, "UPLOAD_INCOMPLETE", True)
    assert stand.live.client.call("GET", path)["status"] == "open"
    assert httpx.put(put["url"], content=content, headers=put["headers"]).status_code == 200
    (item,) = stand.live.client.call("POST", f"{path}/complete", {})["items"]
    assert stand.live.job(item["job_id"])["status"] == "succeeded"


def test_a_file_of_300_mb_ends_with_its_code_in_little_memory(stand: Stand) -> None:
    path = write_large(stand.folder / "large.txt", LARGE)
    stand.live.job(stand.upload(offer_pdf(stand.folder))["job_id"])  # everybody is awake
    api = stand.live.process("api")
    before = _fresh_peaks(stand.live)
    item = stand.upload(path)
    job = stand.live.job(item["job_id"])
    after = {process.pid: _peak(process) for process in _processes(stand.live)}
    assert (job["status"], job["error"]["code"]) == ("failed", "DOC_PAGE_LIMIT_EXCEEDED"), job["error"]
    details = job["error"]["details"]
    assert details["limit"] == 2000 < details["measured"] < 10_000 < details["estimated"]
    assert stand.derived(item["document_id"]) == dict.fromkeys(DERIVED, 0)
    with path.open("rb") as file:
        assert stand.stored_sha256(item["document_id"]) == hashlib.file_digest(file, "sha256").hexdigest()
    path.unlink()
    grown = {pid: after[pid] - before[pid] for pid in before.keys() & after.keys()}
    assert grown[api.pid] < API_GROWTH, grown
    assert max(grown.values()) < CHILD_GROWTH, grown


def _processes(live: Live) -> list[psutil.Process]:
    """API and worker with the parsers of the worker."""
    return [live.process("api"), live.process("worker"), *live.process("worker").children()]


def _fresh_peaks(live: Live) -> dict[int, int]:
    """Forget the largest resident sizes until now; return the sizes by process id."""
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("this system does not say how much memory a process had at most")
    for process in _processes(live):
        Path(f"/proc/{process.pid}/clear_refs").write_text("5")
    return {process.pid: _peak(process) for process in _processes(live)}


def _peak(process: psutil.Process) -> int:
    """The largest resident size since it was last forgotten, in bytes."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
