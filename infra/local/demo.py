"""`make demo`: the main job on real documents, from file to report, over the product's own HTTP API."""

import argparse
import json
import secrets
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.markup import escape

from infra.local.demo_client import Client, Refusal
from infra.local.demo_decisions import Answers, Decider, decide
from infra.local.demo_documents import DemoProject, build_demo, folder_project
from infra.local.demo_run import Entered, enter, follow, save_reports, start_evaluations, unused, waiting_reviews
from infra.local.demo_screen import console, show_evidence, show_matrix, show_waiting
from infra.local.demo_terminal import Terminal, browse
from infra.local.ports import free_port
from infra.local.product import Product, prepare
from shared.settings import LocalOptions, read_settings

STOPPED = 130  # the exit code of a shell for Ctrl-C
UNUSABLE = 2


class Unusable(Exception):
    """What the user gave cannot be used; the text says what and why in one line."""


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
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave processes behind
        product.stop()


def show_results(client: Client, entered: Entered) -> dict[str, Any]:
    """The matrix of the project; returns it."""
    matrix: dict[str, Any] = client.call("GET", f"/projects/{entered.project_id}/matrix", role="evaluator")
    show_matrix(entered.source.name, matrix)
    return matrix


def show_reasons(client: Client, entered: Entered, *, with_evidence: bool) -> None:
    """Why evaluations wait; with evidence also that of the first cell of each that has any."""
    for code, evaluation_id in entered.evaluations.items():
        name = entered.source.bids[code].name
        evaluation = client.call("GET", f"/evaluations/{evaluation_id}", role="evaluator")
        if evaluation["status"] == "needs_manual_decision":
            show_waiting([(name, evaluation["open_reasons"])])
        if not with_evidence:
            continue
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
            console.print(f"[red]left out:[/] {escape(name)}: {escape(code)}")


def settle(client: Client, projects: list[Entered], by: Decider | None) -> None:
    """Ask for the decisions, resume, and wait until everything that was decided has its report."""
    reviews = {p.project_id: waiting_reviews(client, p) for p in projects}
    open_ones = sum(len(r) for r in reviews.values())
    if by is None or not open_ones:
        if open_ones:
            console.print(f"{open_ones} evaluations wait for a person; there is no terminal and no ANSWERS=file.")
            console.print("They keep waiting: `make up` and answer over the API, or run again with ANSWERS=file.")
        return
    jobs: dict[str, str] = {}
    for project in projects:
        for bidder, job_id in decide(client, project, reviews[project.project_id], by).items():
            jobs[unused(bidder, jobs)] = job_id
    follow(client, jobs, title="Resuming after the decisions")
    for project in projects if jobs else ():
        show_results(client, project)


def run(sources: list[DemoProject], folder: Path, by: Decider | None) -> int:
    """The whole demo; reports land in folder/reports. Returns the exit code: 1 when nothing could be evaluated or an
    answer of the file did not come into force."""
    began, name = time.monotonic(), secrets.token_hex(3)
    with running(folder) as client:
        projects = [enter(client, source, name) for source in sources]
        evaluate(client, projects)
        for project in projects:
            matrix = show_results(client, project)
            show_reasons(client, project, with_evidence=not isinstance(by, Terminal))
            if isinstance(by, Terminal):
                browse(client, project, matrix)
        settle(client, projects, by)
        written = [path for project in projects for path in save_reports(client, project, folder / "reports" / name)]
    where = f" in [bold]{escape(str(folder / 'reports' / name))}[/]" if written else ""
    console.print(f"{len(written)} report files{where}, {time.monotonic() - began:.0f} s", soft_wrap=True)
    return int(not any(p.evaluations for p in projects) or (by is not None and by.refused > 0))


def own_project(docs: Path, rules: Path) -> DemoProject:
    """DOCS and RULES as a project; raises Unusable for what cannot be read as such."""
    if not docs.is_dir():
        raise Unusable(f"DOCS={docs}: there is no such folder")
    pack = _json(rules, "RULES")
    if not isinstance(pack, dict) or not {"code", "name", "language", "criteria"} <= pack.keys():
        raise Unusable(f"RULES={rules}: not a rule pack: code, name, language and criteria are required")
    if not isinstance(pack["name"], dict):
        raise Unusable(f"RULES={rules}: $.name must be an object of texts by language")
    try:
        return folder_project(docs, rules)
    except FileNotFoundError as error:
        raise Unusable(f"DOCS={docs}: {error}") from error


def _json(path: Path, name: str) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Unusable(f"{name}={path}: {error.strerror}") from error
    except ValueError as error:
        raise Unusable(f"{name}={path}: not JSON in UTF-8: {error}") from error


def decider(answers: Path | None) -> Decider | None:
    """The file's answers, the person at the terminal, or nobody; raises Unusable for a file that holds no answers."""
    if answers is None:
        return Terminal() if sys.stdin.isatty() and console.is_terminal else None
    _json(answers, "ANSWERS")
    try:
        return Answers(answers)
    except (KeyError, TypeError) as error:
        raise Unusable(f"ANSWERS={answers}: no list of decisions with project and supplier") from error


def main() -> int:
    """Read the command line of `make demo` and run it; user errors are one line, Ctrl-C loses nothing."""
    parser = argparse.ArgumentParser(prog="make demo")
    parser.add_argument("--docs", type=Path)
    parser.add_argument("--rules", type=Path)
    parser.add_argument("--answers", type=Path)
    asked = parser.parse_args()
    folder = read_settings(LocalOptions).data_dir.resolve() / "demo"
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends the demo ends its processes
    try:
        if (asked.docs is None) != (asked.rules is None):
            raise Unusable("DOCS and RULES go together")
        by = decider(asked.answers)
        sources = [own_project(asked.docs, asked.rules)] if asked.docs else build_demo(folder / "documents")
        return run(sources, folder, by)
    except (Unusable, Refusal) as error:
        console.print(f"[red]make demo:[/] {escape(str(error))}", soft_wrap=True)
        return UNUSABLE
    except (KeyboardInterrupt, EOFError):
        console.print(
            "\n[bold]Stopped.[/] Nothing is lost: evaluations that wait for a person keep waiting, and what was"
        )
        console.print("under way goes on. `make up` serves both over the API.")
        return STOPPED


if __name__ == "__main__":
    sys.exit(main())
