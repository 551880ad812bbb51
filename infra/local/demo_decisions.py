"""The person's part of the demo: decisions from a file or asked for at the terminal."""

import json
from pathlib import Path
from typing import Any

from rich.prompt import Confirm, Prompt

from infra.local.demo_client import Client, Refusal
from infra.local.demo_run import Entered
from infra.local.demo_screen import console, show_evidence

QUOTE_LENGTH = 160


class Answers:
    """Decisions by (project key, supplier code) from an answers file; demo/README.md describes its form."""

    def __init__(self, path: Path) -> None:
        rows = json.loads(path.read_text(encoding="utf-8"))["decisions"]
        self._rows = {(row["project"], row["supplier"]): row for row in rows}

    def decision(
        self, client: Client, entered: Entered, code: str, criteria: list[dict[str, Any]]
    ) -> dict[str, Any] | None:
        """The stored decision with its citations looked up, or None when the file has none for this bid."""
        row = self._rows.get((entered.source.key, code))
        if row is None:
            return None
        by_code = {criterion["criterion_code"]: criterion for criterion in criteria}
        edits = [
            _edit(client, by_code[edit["criterion"]], edit["outcome"], edit["score"], edit["reason"], edit.get("cite"))
            for edit in row.get("edits", [])
        ]
        return {"decision": row["decision"], "comment": row["comment"], "edits": edits}


class Terminal:
    """Asks the person in front of the terminal."""

    def decision(
        self, client: Client, entered: Entered, code: str, criteria: list[dict[str, Any]]
    ) -> dict[str, Any] | None:
        """Show what is open, take scores and reasons; None leaves the review waiting."""
        bidder = entered.source.bids[code].name
        open_ones = [c for c in criteria if c["review_reasons"]]
        for criterion in open_ones:
            if Confirm.ask(f"{bidder}: show the evidence of {criterion['criterion_code']}?", default=True):
                show_evidence(bidder, criterion["criterion_code"], criterion)
        choice = Prompt.ask(f"{bidder}", choices=["approve", "edit_scores", "reject", "later"], default="edit_scores")
        if choice == "later":
            return None
        edits = [self._ask(client, c) for c in open_ones] if choice == "edit_scores" else []
        comment = Prompt.ask("comment", default="decided in the demo")
        return {"decision": choice, "comment": comment, "edits": [edit for edit in edits if edit]}

    def _ask(self, client: Client, criterion: dict[str, Any]) -> dict[str, Any] | None:
        label = f"{criterion['criterion_code']} ({criterion['outcome']}, at most {criterion['max_score']})"
        if not Confirm.ask(f"  decide {label}?", default=criterion["score"] is None):
            return None
        outcome = Prompt.ask("  outcome", choices=["pass", "partial", "fail", "not_found"], default="pass")
        score = Prompt.ask("  score (empty for none)", default="") or None
        reason = Prompt.ask("  reason, at least 10 characters")
        cite = Prompt.ask("  text of the evidence to cite, `first`, or empty", default="first") or None
        return _edit(client, criterion, outcome, score, reason, cite)


def _edit(
    client: Client, criterion: dict[str, Any], outcome: str, score: str | None, reason: str, cite: str | None
) -> dict[str, Any]:
    edit: dict[str, Any] = {"criterion_id": criterion["criterion_id"], "outcome": outcome, "reason": reason}
    if score is not None:
        edit["score"] = score
    if cite:
        edit["citations"] = [quote_of(client, criterion, cite)]
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


def decide(
    client: Client, entered: Entered, reviews: dict[str, dict[str, Any]], by: Answers | Terminal
) -> dict[str, str]:
    """Claim and submit every review that gets a decision; return the jobs that go on, by bidder."""
    resumed = {}
    for code, evaluation_id in entered.evaluations.items():
        review = reviews.get(evaluation_id)
        if review is None:
            continue
        bidder = entered.source.bids[code].name
        listed = client.call("GET", f"/evaluations/{evaluation_id}/criteria", role="evaluator")["items"]
        decision = by.decision(client, entered, code, listed)
        if decision is None:
            console.print(f"[cyan]{bidder}[/] keeps waiting")
            continue
        at = f"/reviews/{review['review_id']}"
        token = client.call("POST", f"{at}/claim", {}, role="evaluator")["resume_token"]
        try:
            answer = client.call("POST", f"{at}/submit", {**decision, "resume_token": token}, role="evaluator")
        except Refusal as refusal:
            console.print(f"[red]{bidder}: {refusal}[/]")
            client.call("POST", f"{at}/release", {}, role="evaluator")
            continue
        resumed[bidder] = answer["job"]["job_id"]
    return resumed
