"""What `make demo` shows: progress, the matrix, the waiting reviews and any cell with its evidence."""

import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

MARKS = {
    "pass": "[green]pass[/]",
    "partial": "[yellow]partial[/]",
    "fail": "[red]fail[/]",
    "not_found": "[magenta]not found[/]",
    "needs_human": "[cyan]person[/]",
}
WIDTH = 130  # of output that no terminal measures
BIDDERS_A_TABLE = 4
console = Console(width=None if sys.stdout.isatty() else WIDTH)


def progress_bars() -> Progress:
    """Bars with done of 100 points, as the job rows say."""
    return Progress(
        TextColumn("{task.description:<46}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[state]:<12}"),
        TimeElapsedColumn(),
        console=console,
    )


def show_matrix(name: str, matrix: dict[str, Any]) -> None:
    """Criteria by bidders: verdict, score, confidence and citation count; a table for every few bidders."""
    everyone = matrix["suppliers"]
    for first in range(0, len(everyone), BIDDERS_A_TABLE):
        suppliers = everyone[first : first + BIDDERS_A_TABLE]
        span = "" if len(suppliers) == len(everyone) else f" ({first + 1} to {first + len(suppliers)})"
        console.print(_matrix(name + span, suppliers, matrix))


def _matrix(title: str, suppliers: list[dict[str, Any]], matrix: dict[str, Any]) -> Table:
    table = Table(title=title, show_lines=False)
    table.add_column("criterion")
    for supplier in suppliers:
        table.add_column(supplier["name"], justify="left")
    for criterion in matrix["criteria"]:
        cells = {cell["supplier_id"]: cell for cell in matrix["cells"] if cell["criterion_code"] == criterion["code"]}
        row = [_cell(cells.get(supplier["supplier_id"])) for supplier in suppliers]
        table.add_row(f"{criterion['code']} {criterion['title']}"[:44], *row)
    table.add_section()
    table.add_row("[bold]total[/]", *[_total(supplier) for supplier in suppliers])
    return table


def _cell(cell: dict[str, Any] | None) -> str:
    if cell is None:
        return "-"
    score = "" if cell["score"] is None else f" {cell['score']}/{cell['max_score']}"
    by = " ✎" if cell.get("source") == "person" else ""
    return f"{MARKS[cell['outcome']]}{score} [dim]({cell['citation_count']} cit.)[/]{by}"


def _total(supplier: dict[str, Any]) -> str:
    if supplier.get("total_score") is not None:
        return f"[bold]{supplier['total_score']}[/] of {supplier['max_total']} ({supplier['status']})"
    if supplier.get("score_low") is None:
        return f"- ({supplier['status']})"
    return f"{supplier['score_low']} to {supplier['score_high']} ({supplier['status']})"


def show_waiting(rows: Iterable[tuple[str, list[dict[str, Any]]]]) -> None:
    """Which evaluations wait for a person, and why; criteria with the same reason share a line."""
    for bidder, reasons in rows:
        console.print(f"[cyan]waits for a person:[/] [bold]{bidder}[/]")
        about: dict[str, list[str]] = {}
        for reason in reasons:
            limit = f", threshold {reason['threshold']}" if reason["threshold"] else ""
            about.setdefault(f"{reason['code']} (value {reason['value']}{limit})", []).append(reason["criterion"] or "")
        for cause, codes in about.items():
            named = ", ".join(code for code in codes if code)
            console.print(f"    {named + ': ' if named else ''}{cause}")


def show_evidence(bidder: str, code: str, verdict: dict[str, Any]) -> None:
    """One cell: verdict, reason, and each quote with document, page and box."""
    lines = [f"[bold]{verdict['outcome']}[/]  {verdict['reason']}"]
    for claim in verdict["claims"]:
        lines.append(f"\n{claim['stance']}: {claim['text']}")
        for cited in claim["citations"]:
            boxes = "; ".join("(" + ", ".join(f"{float(v):.1f}" for v in box) + ")" for box in cited["boxes"])
            place = f"{cited['locator']}, view" if cited["locator"] else "page"
            lines.append(f'  "{cited["quote"]}"\n  [dim]{cited["filename"]}, {place} {cited["page"]}, box {boxes}[/]')
    console.print(Panel("\n".join(lines), title=f"{bidder} / {code}", expand=False))
