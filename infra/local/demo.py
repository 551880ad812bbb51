"""`make demo`: the main job on real documents, from file to report, over the product's own HTTP API."""

import argparse
import secrets
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from infra.local.demo_client import Client
from infra.local.demo_decisions import Answers, Terminal, decide
from infra.local.demo_documents import DemoProject, build_demo, folder_project
from infra.local.demo_run import Entered, enter, follow, save_reports, start_evaluations, waiting_reviews
from infra.local.demo_screen import console, show_evidence, show_matrix, show_waiting
from infra.local.product import Product, prepare
from shared.settings import LocalOptions, read_settings


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(folder: Path) -> Iterator[Client]:
    """The product on a free port while the demo runs; logs under folder/logs."""
    options = replace(read_settings(LocalOptions), port=free_port())
    with console.status("starting PostgreSQL, API and worker"):
        prepared = prepare(options)
        product = Product(prepared, log_dir=folder / "logs")
        product.start()
    try:
        yield Client(prepared.settings.public_url, prepared.token)
    finally:
        product.stop()


def show_results(client: Client, entered: Entered) -> dict[str, Any]:
    """The matrix of the project; returns it."""
    matrix: dict[str, Any] = client.call("GET", f"/projects/{entered.project_id}/matrix", role="evaluator")
    show_matrix(entered.source.name, matrix)
    return matrix


def show_reasons(client: Client, entered: Entered) -> None:
    """Why evaluations wait, and the evidence of the first cell of each that has any."""
    names = {
        entered.evaluations[code]: bid.name for code, bid in entered.source.bids.items() if code in entered.evaluations
    }
    for evaluation_id, name in names.items():
        evaluation = client.call("GET", f"/evaluations/{evaluation_id}", role="evaluator")
        if evaluation["status"] == "needs_manual_decision":
            show_waiting([(name, evaluation["open_reasons"])])
        criteria = client.call("GET", f"/evaluations/{evaluation_id}/criteria", role="evaluator")["items"]
        cited = next((c for c in criteria if any(claim["citations"] for claim in c["claims"])), None)
        if cited:
            show_evidence(name, cited["criterion_code"], cited)


def evaluate(client: Client, projects: list[Entered]) -> None:
    """From indexed documents to suggestions: failed files are named with their code."""
    states = follow(client, {k: v for p in projects for k, v in p.jobs.items()}, title="Reading the documents")
    for project in projects:
        for label, job_id in project.jobs.items():
            if states[job_id]["status"] != "succeeded":
                project.refused[label] = (states[job_id]["error"] or {}).get("code", states[job_id]["status"])
    jobs = {k: v for p in projects for k, v in start_evaluations(client, p).items()}
    follow(client, jobs, title="Evaluating the bids")
    for project in projects:
        for name, code in project.refused.items():
            console.print(f"[red]not evaluated:[/] {name}: {code}")


def settle(client: Client, projects: list[Entered], answers: Path | None) -> None:
    """Ask for the decisions, resume, and wait until everything that was decided has its report."""
    reviews = {p.project_id: waiting_reviews(client, p) for p in projects}
    by = Answers(answers) if answers else Terminal() if sys.stdin.isatty() else None
    open_ones = sum(len(r) for r in reviews.values())
    if by is None or not open_ones:
        if open_ones:
            console.print(f"{open_ones} evaluations wait for a person; there is no terminal and no ANSWERS=file.")
            console.print("They keep waiting: `make up` and answer over the API, or run again with ANSWERS=file.")
        return
    jobs = {k: v for p in projects for k, v in decide(client, p, reviews[p.project_id], by).items()}
    follow(client, jobs, title="Resuming after the decisions")
    for project in projects:
        show_results(client, project)


def run(sources: list[DemoProject], folder: Path, answers: Path | None) -> None:
    """The whole demo; reports land in folder/reports."""
    began, name = time.monotonic(), secrets.token_hex(3)
    with running(folder) as client:
        projects = [enter(client, source, name) for source in sources]
        evaluate(client, projects)
        for project in projects:
            show_results(client, project)
            show_reasons(client, project)
        settle(client, projects, answers)
        written = [path for project in projects for path in save_reports(client, project, folder / "reports" / name)]
    console.print(
        f"{len(written)} report files in [bold]{folder / 'reports' / name}[/], {time.monotonic() - began:.0f} s"
    )


def main() -> None:
    """Read the command line of `make demo`."""
    parser = argparse.ArgumentParser(prog="make demo")
    parser.add_argument("--docs", type=Path)
    parser.add_argument("--rules", type=Path)
    parser.add_argument("--answers", type=Path)
    asked = parser.parse_args()
    if (asked.docs is None) != (asked.rules is None):
        parser.error("DOCS and RULES go together")
    folder = read_settings(LocalOptions).data_dir.resolve() / "demo"
    own = asked.docs is None
    sources = build_demo(folder / "documents") if own else [folder_project(asked.docs, asked.rules)]
    run(sources, folder, asked.answers)


if __name__ == "__main__":
    main()
