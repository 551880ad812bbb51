"""The person's part of the demo: decisions from a file, or from whoever answers, are submitted as reviews."""

import json
from pathlib import Path
from typing import Any, Protocol

from rich.markup import escape

from infra.local.demo_client import Client, Refusal
from infra.local.demo_run import Entered, unused
from infra.local.demo_screen import console

QUOTE_LENGTH = 160


class Decider(Protocol):
    """Who decides. `refused` counts the decisions that did not come into force."""

    refused: int

    def decision(
        self, client: Client, entered: Entered, code: str, criteria: list[dict[str, Any]]
    ) -> dict[str, Any] | None:
        """What to submit for this bid, or None to leave it waiting."""

    def again(self, refusal: Refusal) -> dict[str, Any] | None:
        """What to submit after a refusal, or None to leave it waiting."""


class Answers:
    """Decisions by (project key, supplier code) from an answers file; demo/README.md describes its form.

    Raises OSError, ValueError or KeyError for a file that is none."""

    def __init__(self, path: Path) -> None:
        rows = json.loads(path.read_text(encoding="utf-8"))["decisions"]
        self.refused = 0
        self._rows = {(row["project"], row["supplier"]): row for row in rows}

    def decision(
        self, client: Client, entered: Entered, code: str, criteria: list[dict[str, Any]]
    ) -> dict[str, Any] | None:
        """The stored decision with its citations looked up, or None when the file has none for this bid."""
        row = self._rows.get((entered.source.key, code))
        if row is None:
            return None
        by_code = {criterion["criterion_code"]: criterion for criterion in criteria}
        try:
            edits = [_edit(client, by_code[edit["criterion"]], edit) for edit in row.get("edits", [])]
            return {"decision": row["decision"], "comment": row["comment"], "edits": edits}
        except LookupError as error:
            self.refused += 1
            console.print(f"[red]{escape(code)}: the answer cannot be used: {escape(str(error.args[0]))}[/]")
            return None

    def again(self, refusal: Refusal) -> None:
        """A file has one answer only."""
        self.refused += 1


def _edit(client: Client, criterion: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    edit = {"criterion_id": criterion["criterion_id"], "outcome": row["outcome"], "reason": row["reason"]}
    if row["score"] is not None:
        edit["score"] = row["score"]
    if row.get("cite"):
        edit["citations"] = [quote_of(client, criterion, row["cite"])]
    return edit


def quote_of(client: Client, criterion: dict[str, Any], cite: str) -> dict[str, str]:
    """The passage of the evidence that holds the text, or the start of the first one for `first`.

    Raises LookupError when no passage of the evidence has the text: nothing else is cited instead."""
    for chunk_id in evidence_of(criterion):
        text = client.call("GET", f"/chunks/{chunk_id}", role="evaluator")["text"]
        if cite == "first":
            return {"chunk_id": chunk_id, "quote": text.split("\n", 1)[0][:QUOTE_LENGTH].strip()}
        if cite in text:
            return {"chunk_id": chunk_id, "quote": cite}
    raise LookupError(f"{criterion['criterion_code']}: no passage of the evidence contains {cite!r}")


def evidence_of(criterion: dict[str, Any]) -> list[str]:
    """Chunk ids of citations and of the evidence pack, cited ones first."""
    claims = criterion["claims"] + criterion.get("unsupported_claims", [])
    cited = [c["chunk_id"] for claim in claims for c in claim["citations"]]
    packed = [item["chunk_id"] for item in (criterion.get("evidence_pack") or {}).get("items", [])]
    return list(dict.fromkeys(cited + packed))


def decide(client: Client, entered: Entered, reviews: dict[str, dict[str, Any]], by: Decider) -> dict[str, str]:
    """Claim and submit every review that gets a decision; return the jobs that go on, by bidder."""
    resumed: dict[str, str] = {}
    for code, evaluation_id in entered.evaluations.items():
        review = reviews.get(evaluation_id)
        if review is None:
            continue
        bidder = entered.source.bids[code].name
        listed = client.call("GET", f"/evaluations/{evaluation_id}/criteria", role="evaluator")["items"]
        decision = by.decision(client, entered, code, listed)
        job_id = None
        while decision is not None and job_id is None:
            try:
                job_id = _submit(client, review["review_id"], decision)
            except Refusal as refusal:
                console.print(f"[red]{escape(bidder)}: refused: {escape(str(refusal))}[/]")
                decision = by.again(refusal)
        if job_id is None:
            console.print(f"[cyan]{escape(bidder)}[/] keeps waiting")
        else:
            resumed[unused(bidder, resumed)] = job_id
    return resumed


def _submit(client: Client, review_id: str, decision: dict[str, Any]) -> str:
    """Claim and answer one review; returns the job that goes on. A refused one is given back."""
    at = f"/reviews/{review_id}"
    token = client.call("POST", f"{at}/claim", {}, role="evaluator")["resume_token"]
    try:
        answer = client.call("POST", f"{at}/submit", {**decision, "resume_token": token}, role="evaluator")
    except Refusal:
        client.call("POST", f"{at}/release", {}, role="evaluator")
        raise
    return str(answer["job"]["job_id"])
