"""What `make demo` shows: progress, the matrix, the waiting reviews and any cell with its evidence."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

MARKS = {
    "pass": "[green]pass[/]",
    "partial": "[yellow]partial[/]",
    "fail": "[red]fail[/]",
    "not_found": "[magenta]not found[/]",
    "needs_human": "[cyan]person[/]",
    None: "[cyan]open[/]",
}
STATUSES = {"needs_manual_decision": "waits for a person", "report_generated": "report written"}
WHY = {
    "RED_LINE": "a red line is touched",
    "MANDATORY_FAIL": "a mandatory criterion is not met",
    "NOT_FOUND": "a mandatory item was not found",
    "FACT_CONFLICT": "two places of the bid contradict each other",
    "MODEL_UNAVAILABLE": "no rule can judge this, and no model is configured",
    "LOW_CONFIDENCE": "the confidence is low",
    "LOW_CITATION_COVERAGE": "too little of the verdict is cited",
    "UNSUPPORTED_CLAIM": "a statement lacks its evidence",
    "INSUFFICIENT_EVIDENCE": "too little evidence was found",
    "SEARCH_INCOMPLETE": "the search did not finish",
    "SCORE_DEVIATION": "the score is far from the others",
    "NEEDS_HUMAN": "a person has to judge this",
}
WIDTH = 130  # of output that no terminal measures
MOST_BIDDERS, FIRST_COLUMN, CELL = 4, 30, 16  # bidders a table, and columns of characters
console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)
Update = Callable[[str, int, str, bool], None]


@contextmanager
def shown_jobs(title: str, labels: Mapping[str, str]) -> Iterator[Update]:
    """Yields update(job_id, points of 100, state, is_over): a bar per job, or a line per ended one without a terminal.

    Bars fit 80 columns."""
    console.print(f"[bold]{escape(title)}[/]")
    if not console.is_terminal:
        yield _lines(labels)
        return
    name = TextColumn("{task.description}", table_column=Column(width=32, no_wrap=True, overflow="ellipsis"))
    state = TextColumn("{task.fields[state]}", table_column=Column(width=10, no_wrap=True))
    with Progress(name, BarColumn(20), TaskProgressColumn(), state, TimeElapsedColumn(), console=console) as bars:
        tasks = {job: bars.add_task(escape(label), total=100, state="queued") for job, label in labels.items()}

        def update(job_id: str, points: int, state: str, is_over: bool) -> None:
            bars.update(tasks[job_id], completed=points, state=state)
            if is_over:
                bars.stop_task(tasks[job_id])

        yield update


def _lines(labels: Mapping[str, str]) -> Update:
    began = time.monotonic()

    def update(job_id: str, points: int, state: str, is_over: bool) -> None:
        if is_over:
            console.print(f"  {escape(labels[job_id])}: {state}, {time.monotonic() - began:.0f} s")

    return update


def show_matrix(name: str, matrix: dict[str, Any]) -> None:
    """Criteria by numbered bidders: verdict, score and citation count; a table for every few bidders."""
    everyone = list(enumerate(matrix["suppliers"], 1))
    most = max(1, min(MOST_BIDDERS, (console.width - FIRST_COLUMN) // CELL))
    for first in range(0, len(everyone), most):
        suppliers = everyone[first : first + most]
        span = "" if len(suppliers) == len(everyone) else f" ({first + 1} to {first + len(suppliers)})"
        console.print(_matrix(name + span, suppliers, matrix))


def _matrix(title: str, suppliers: list[tuple[int, dict[str, Any]]], matrix: dict[str, Any]) -> Table:
    table = Table(title=escape(title), show_lines=False)
    table.add_column("criterion", overflow="fold")
    for number, supplier in suppliers:
        table.add_column(f"{number} {escape(supplier['name'])}", overflow="fold")
    for criterion in matrix["criteria"]:
        cells = {cell["supplier_id"]: cell for cell in matrix["cells"] if cell["criterion_code"] == criterion["code"]}
        row = [_cell(cells.get(supplier["supplier_id"])) for _, supplier in suppliers]
        table.add_row(escape(f"{criterion['code']} {criterion['title']}"[:44]), *row)
    table.add_section()
    table.add_row("[bold]total[/]", *[_total(supplier) for _, supplier in suppliers])
    return table


def _cell(cell: dict[str, Any] | None) -> str:
    if cell is None:
        return "-"
    score = "" if cell["score"] is None else f" {cell['score']}/{cell['max_score']}"
    by = " ✎" if cell.get("source") == "person" else ""
    return f"{MARKS[cell['outcome']]}{score} [dim]({cell['citation_count']} cit.)[/]{by}"


def _total(supplier: dict[str, Any]) -> str:
    status = STATUSES.get(supplier["status"], supplier["status"].replace("_", " "))
    if supplier.get("total_score") is not None:
        return f"[bold]{supplier['total_score']}[/] of {supplier['max_total']} ({status})"
    if supplier.get("score_low") is None:
        return f"- ({status})"
    return f"{supplier['score_low']} to {supplier['score_high']} ({status})"


def show_waiting(rows: Iterable[tuple[str, list[dict[str, Any]]]]) -> None:
    """Which evaluations wait for a person, and why; criteria with the same reason share a line."""
    for bidder, reasons in rows:
        console.print(f"[cyan]waits for a person:[/] [bold]{escape(bidder)}[/]")
        about: dict[str, list[str]] = {}
        for reason in reasons:
            about.setdefault(cause_of(reason), []).append(reason["criterion"] or "")
        for cause, codes in about.items():
            named = ", ".join(code for code in codes if code)
            console.print(f"    {escape(named) + ': ' if named else ''}{escape(cause)}")


def cause_of(reason: Mapping[str, Any]) -> str:
    """A review reason in words, with its code, value and threshold."""
    limit = f", threshold {reason['threshold']}" if reason["threshold"] else ""
    told = f" {WHY[reason['code']]}" if reason["code"] in WHY else ""
    return f"{reason['code']}{told} (value {reason['value']}{limit})"


def show_evidence(bidder: str, code: str, verdict: dict[str, Any]) -> None:
    """One cell: verdict, reason, and each quote with document, page and box."""
    lines = [f"{MARKS[verdict['outcome']]}  {escape(verdict.get('reason') or '')}"]
    for claim in verdict["claims"]:
        lines.append(f"\n{claim['stance']}: {escape(claim['text'])}")
        for cited in claim["citations"]:
            place = place_of(cited["filename"], cited["page"], cited["locator"], cited["boxes"])
            lines.append(f'  "{escape(cited["quote"])}"\n  [dim]{escape(place)}[/]')
    console.print(Panel("\n".join(lines), title=escape(f"{bidder} / {code}"), expand=False))


def place_of(filename: str, page: int, locator: str | None, boxes: Iterable[Iterable[Any]]) -> str:
    """Document, page and boxes in points; a page that we laid out is a view, never a page of the original (P55)."""
    shown = "; ".join("(" + ", ".join(f"{float(v):.1f}" for v in box) + ")" for box in boxes)
    return f"{filename}, {f'{locator}, view' if locator else 'page'} {page}, box {shown}"
