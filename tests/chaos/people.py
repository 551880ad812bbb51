"""People who use the product over HTTP while its processes are killed: they ask again until they are answered."""

import hashlib
import random
import secrets
import threading
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx

from infra.local.product import Prepared
from tests.evaluation_seed import Seed

PAUSE = 0.1
REVIEWERS = 3
GIVE_UP = 300.0  # seconds without one answer
BUSY = ("IDEMPOTENCY_IN_PROGRESS", "DEPENDENCY_UNAVAILABLE", "SERVICE_SHUTTING_DOWN")
Rows = Any


class Refused(Exception):
    """An answer that is neither a success nor a reason to ask again."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"{status} {code}")
        self.code = code


@dataclass
class People:
    """What was asked and answered; `submitted` is the decision by review of every 202."""

    prepared: Prepared
    rows: Rows
    expected: dict[str, str] = field(default_factory=dict)
    submitted: dict[str, str] = field(default_factory=dict)
    documents: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None, *, role: str, key: str = "") -> Any:
        """The data of the answer; a lost answer is asked for again with the same Idempotency-Key."""
        end = time.monotonic() + GIVE_UP
        key = key or secrets.token_hex(8)
        url = f"{self.prepared.settings.public_url}/api/v1{path}"
        while time.monotonic() < end:
            headers = {"Authorization": f"Bearer {self.prepared.token(role)}"}
            headers |= {"Idempotency-Key": key} if method == "POST" else {}
            try:
                answer = httpx.request(method, url, json=body, headers=headers, timeout=20)
                envelope = answer.json()
            except httpx.TransportError:
                self._count("connections lost")
                time.sleep(PAUSE)
                continue
            if envelope["success"]:
                if answer.headers.get("Idempotency-Replayed") == "true":
                    self._count(f"{path.rpartition('/')[2]} replayed")
                return envelope["data"]
            code = envelope["error"]["code"]
            if code not in BUSY or "Retry-After" not in answer.headers:
                raise Refused(answer.status_code, code)
            self._count(code)
            time.sleep(float(answer.headers["Retry-After"]))
        raise TimeoutError(f"{method} {path} was not answered")

    def _count(self, what: str) -> None:
        with self._lock:
            self.seen[what] += 1

    def start(self, tender: Seed, supplier_id: str, decision: str) -> None:
        """Start one evaluation; its review will be answered with the decision."""
        pack = {"id": tender.pack.rule_pack_id, "version": tender.pack.version}
        body = {"project_id": tender.project.project_id, "supplier_id": supplier_id, "rule_pack": pack}
        started = self.ask("POST", "/evaluations", body, role="agent")
        self.expected[started["resource"]["id"]] = decision

    def upload(self, project_id: str, name: str, content: bytes) -> None:
        """Upload one text file; it will be parsed, cut and indexed."""
        sha256 = hashlib.sha256(content).hexdigest()
        declared = {"filename": name, "doc_type": "tender", "role": "primary", "media_type": "text/plain"}
        declared |= {"size_bytes": len(content), "sha256": sha256}
        opened = self.ask("POST", "/uploads", {"project_id": project_id, "files": [declared]}, role="agent")
        (entry,) = opened["files"]
        self._put(entry["put"], content)
        done = {"files": [{"file_id": entry["file_id"]}]}
        (item,) = self.ask("POST", f"/uploads/{opened['upload_id']}/complete", done, role="agent")["items"]
        self.documents.append(item["document_id"])

    def _put(self, link: Mapping[str, Any], content: bytes) -> None:
        end = time.monotonic() + GIVE_UP
        while time.monotonic() < end:
            try:
                answer = httpx.put(link["url"], content=content, headers=link["headers"], timeout=20)
            except httpx.TransportError:
                self._count("connections lost")
                time.sleep(PAUSE)
                continue
            if answer.status_code < 400:
                return
            if "Retry-After" not in answer.headers:
                raise Refused(answer.status_code, answer.text)
            time.sleep(float(answer.headers["Retry-After"]))
        raise TimeoutError("the file was not taken")

    def answer_all(self, stopped: threading.Event) -> None:
        """Answer what waits, several at once, until told to stop; a refusal is noted and the review looked at again."""
        with ThreadPoolExecutor(REVIEWERS) as reviewers:
            at_work: dict[str, Future[None]] = {}
            while not stopped.wait(PAUSE):
                for status in ("open", "claimed"):
                    found = self.ask("GET", f"/reviews?status={status}&limit=200", role="evaluator")["items"]
                    for review in found:
                        review_id, evaluation_id = review["review_id"], review["evaluation_id"]
                        is_free = review_id not in at_work or at_work[review_id].done()
                        if is_free and review_id not in self.submitted and evaluation_id in self.expected:
                            at_work[review_id] = reviewers.submit(self._answer, review_id, evaluation_id)
                for call in at_work.values():
                    if call.done():
                        call.result()

    def _answer(self, review_id: str, evaluation_id: str) -> None:
        decision = self.expected[evaluation_id]
        edits = [self._points(evaluation_id)] if decision == "edit_scores" else []
        try:
            token = self.ask("POST", f"/reviews/{review_id}/claim", {}, role="evaluator")["resume_token"]
            body = {"resume_token": token, "decision": decision, "comment": "Read and decided.", "edits": edits}
            self.ask("POST", f"/reviews/{review_id}/submit", body, role="evaluator")
        except Refused as refusal:
            self.refused.append(f"{review_id}: {refusal}")
            return
        if review_id in self.submitted:
            self.refused.append(f"{review_id}: answered twice")
        self.submitted[review_id] = decision

    def _points(self, evaluation_id: str) -> dict[str, Any]:
        ((chunk_id,),) = self.rows(
            """select c.chunk_id from evaluations e join documents d using (tenant_id, supplier_id)
                 join chunks c using (tenant_id, document_id)
                where e.evaluation_id = %s and c.text like '%%phase by phase%%'""",
            evaluation_id,
        )
        quote = {"chunk_id": chunk_id, "quote": "described phase by phase"}
        reason = "Every phase names a person."
        return {"criterion": "T-2", "score": "48", "outcome": "pass", "reason": reason, "citations": [quote]}


def decisions(count: int, chance: random.Random) -> list[str]:
    """Which decision each evaluation gets; both occur when there are two or more."""
    drawn = [("edit_scores", "reject")[number % 2] for number in range(count)]
    chance.shuffle(drawn)
    return drawn
