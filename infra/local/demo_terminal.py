"""The person at the terminal: looks at cells, and decides what waits; what the API refuses is asked again."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.markup import escape

from infra.local.demo_client import Client, Refusal
from infra.local.demo_passages import Passage, choose, passages, proposal, show_passages
from infra.local.demo_run import Entered
from infra.local.demo_screen import cause_of, console, show_evidence

OUTCOMES = ("pass", "partial", "fail", "not_found")
COMMENT = "Decided at the terminal of the demo."
ABOUT_CONTENT = (
    "REQ_VALIDATION_FAILED",
    "REVIEW_SCORE_OUT_OF_RANGE",
    "REVIEW_INCOMPLETE",
    "APPROVAL_REQUIRED",
    "CITATION_QUOTE_MISMATCH",
    "CHUNK_NOT_FOUND",
    "CRITERION_NOT_FOUND",
)
_EDIT_NUMBER = re.compile(r"edits[.\[](\d+)")


class Later(Exception):
    """The person said `later`: the review keeps waiting."""


def ask(text: str, *, default: str = "", choices: Sequence[str] = ()) -> str:
    """A line from the terminal; a choice may be shortened as long as it is clear. Raises Later and EOFError."""
    shown = f" [dim]({escape('/'.join(choices))})[/]" if choices else ""
    preset = f" [cyan]\\[{escape(default)}][/]" if default else ""
    while True:
        given = console.input(f"{text}{shown}{preset}: ").strip() or default
        if given == "later":
            raise Later
        if not choices or given in choices:
            return given
        meant = [choice for choice in choices if given and choice.startswith(given)]
        if meant == ["later"]:
            raise Later
        if len(meant) == 1:
            return meant[0]
        console.print(f"  [red]{escape(given) or 'nothing'} is none of {escape(', '.join(choices))}[/]")


def browse(client: Client, entered: Entered, matrix: dict[str, Any]) -> None:
    """Show any cell of the matrix, as often as it is asked for."""
    suppliers = matrix["suppliers"]
    codes = {criterion["code"].lower(): criterion["code"] for criterion in matrix["criteria"]}
    example = f"1 {next(iter(codes.values()), '')}"
    while suppliers and codes:
        given = console.input(
            f"[bold]cell[/], as bidder number and criterion code [dim](such as {escape(example)}; Enter to go on)[/]: "
        ).split(maxsplit=1)
        if not given:
            return
        number, code = given[0], codes.get(given[-1].strip().lower())
        if not number.isdecimal() or not 1 <= int(number) <= len(suppliers) or len(given) < 2 or code is None:
            known = escape(", ".join(codes.values()))
            console.print(f"  [red]a number from 1 to {len(suppliers)}, a blank, and one of {known}[/]")
            continue
        _show_cell(client, suppliers[int(number) - 1], code)


def _show_cell(client: Client, supplier: dict[str, Any], code: str) -> None:
    at = f"/evaluations/{supplier['evaluation_id']}/criteria"
    items = client.call("GET", at, role="evaluator")["items"]
    criterion = next(item for item in items if item["criterion_code"] == code)
    show_evidence(supplier["name"], code, criterion)
    if not any(claim["citations"] for claim in criterion["claims"]):
        show_passages(f"{supplier['name']} / {code}: found, not cited", passages(client, criterion))


@dataclass(slots=True)
class _Talk:
    """One review as far as it was answered; edits by criterion id."""

    client: Client
    bidder: str
    criteria: list[dict[str, Any]]
    choice: str = "decide"
    comment: str = COMMENT
    edits: dict[str, dict[str, Any]] = field(default_factory=dict)


class Terminal:
    """Asks for the decisions. `refused` counts nothing here: what is refused is asked again."""

    refused = 0

    def __init__(self) -> None:
        self._talk: _Talk | None = None

    def decision(
        self, client: Client, entered: Entered, code: str, criteria: list[dict[str, Any]]
    ) -> dict[str, Any] | None:
        """Show why the evaluation waits, take outcomes, scores and reasons; None leaves it waiting."""
        talk = self._talk = _Talk(client, entered.source.bids[code].name, criteria)
        console.rule(f"[bold]{escape(talk.bidder)}[/] waits for a person", align="left")
        for criterion in criteria:
            for reason in criterion["review_reasons"]:
                console.print(f"  {escape(criterion['criterion_code'])}: {escape(cause_of(reason))}")
        try:
            talk.choice = ask(
                f"{escape(talk.bidder)}: what now?", default="decide", choices=("decide", "approve", "reject", "later")
            )
            return self._answer(talk, [c for c in criteria if c["review_reasons"]])
        except Later:
            return None

    def again(self, refusal: Refusal) -> dict[str, Any] | None:
        """The answer once more after a refusal: what it names is asked again, the rest stays as it was typed."""
        talk = self._talk
        if talk is None or refusal.code not in ABOUT_CONTENT:
            return None
        named = _named(refusal, talk)
        console.print("  [dim]what you typed is kept: Enter takes it again, `later` leaves the review waiting[/]")
        try:
            if named and talk.choice == "approve":
                talk.choice = "decide"
            return self._answer(talk, named)
        except Later:
            return None

    def _answer(self, talk: _Talk, criteria: list[dict[str, Any]]) -> dict[str, Any]:
        for criterion in criteria if talk.choice == "decide" else ():
            before = talk.edits.pop(criterion["criterion_id"], {})
            edit = _decide(talk, criterion, before)
            if edit:
                talk.edits[criterion["criterion_id"]] = edit
        talk.comment = ask("comment on the decision", default=talk.comment)
        if talk.choice == "reject":
            return {"decision": "reject", "comment": talk.comment, "edits": []}
        edits = list(talk.edits.values()) if talk.choice == "decide" else []
        return {"decision": "edit_scores" if edits else "approve", "comment": talk.comment, "edits": edits}


def _decide(talk: _Talk, criterion: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """The edit of one criterion, or {} to keep the suggestion; `before` holds what was typed last time."""
    code, most = criterion["criterion_code"], float(criterion["max_score"])
    console.rule(f"{escape(code)}  {escape(_title(criterion))}", align="left", style="dim")
    console.print(f"  {escape(criterion['requirement'])}")
    if criterion["claims"]:
        show_evidence(talk.bidder, code, criterion)
    else:
        console.print(f"  [dim]{escape(criterion.get('reason') or '')}[/]")
    found = passages(talk.client, criterion)
    show_passages(f"{code}: passages to cite", found)
    has_suggestion = criterion["outcome"] in OUTCOMES and (criterion["score"] is not None or most == 0)
    choices = (("keep",) if has_suggestion else ()) + (*OUTCOMES, "later")
    outcome = ask("  outcome", default=before.get("outcome", "keep" if has_suggestion else ""), choices=choices)
    if outcome == "keep":
        return {}
    edit: dict[str, Any] = {"criterion_id": criterion["criterion_id"], "outcome": outcome}
    if most > 0:
        text = f"  score from 0 to {criterion['max_score']}, in steps of {criterion['score_step']}"
        score = ask(text, default=before.get("score", "" if outcome in ("pass", "partial") else "0"))
        edit |= {"score": score} if score else {}
    edit["reason"] = ask("  reason, at least 10 characters", default=before.get("reason", ""))
    quoted = _ask_passage(found, outcome, before) if found else None
    return edit | ({"citations": [quoted]} if quoted else {})


def _ask_passage(found: Sequence[Passage], outcome: str, before: dict[str, Any]) -> dict[str, str] | None:
    last = before["citations"][0]["quote"] if before.get("citations") else ""
    default = last or (proposal(found) if outcome in ("pass", "partial") else "none")
    while True:
        given = ask("  passage to cite [dim](number, words of it, or none)[/]", default=default)
        if given == "none":
            return None
        try:
            return choose(found, given)
        except LookupError as error:
            console.print(f"  [red]{escape(str(error.args[0]))}[/]")


def _named(refusal: Refusal, talk: _Talk) -> list[dict[str, Any]]:
    """The criteria that a refusal is about, by code, by list of codes, or by the number of the edit; every edited one
    when it does not say."""
    details, edits = refusal.details, list(talk.edits)
    paths = [
        str(details.get("path", "")),
        *[one["field"] for one in details.get("fields", ()) if isinstance(one, dict)],
    ]
    if any(path.removeprefix("body.") == "comment" for path in paths):
        return []
    codes = {details.get("criterion"), *details.get("without_score", ()), *details.get("unsupported_claims", ())}
    codes |= {path.removeprefix("edits.").rpartition(".")[0] for path in paths}
    numbers = {int(found[1]) for found in map(_EDIT_NUMBER.search, paths) if found}
    ids = {edits[number] for number in numbers if number < len(edits)}
    about = [c for c in talk.criteria if c["criterion_code"] in codes or c["criterion_id"] in ids]
    return about or [c for c in talk.criteria if c["criterion_id"] in talk.edits]


def _title(criterion: dict[str, Any]) -> str:
    title: dict[str, str] = criterion["title"]
    return title.get("en") or next(iter(title.values()), "")
