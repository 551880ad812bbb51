"""The steps of the demo over the HTTP API: enter projects, follow jobs, start evaluations, fetch reports."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from infra.local.demo_client import Client, Refusal
from infra.local.demo_documents import DemoProject
from infra.local.demo_screen import shown_jobs

POLL_SECONDS = 0.25
ENDED = ("succeeded", "failed", "canceled")


@dataclass(slots=True)
class Entered:
    """A project inside the product: ids by supplier code, ingest jobs by label, refused files by name."""

    source: DemoProject
    project_id: str
    rule_pack: dict[str, Any]
    suppliers: dict[str, str] = field(default_factory=dict)
    jobs: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    evaluations: dict[str, str] = field(default_factory=dict)


def enter(client: Client, source: DemoProject, run: str) -> Entered:
    """Publish the rule pack, make project, suppliers and bids, and upload every file."""
    rule_pack = publish_rules(client, source.rules, run)
    body = {"code": f"{source.key}-{run}", "name": source.name, "currency": source.currency, "rule_pack": rule_pack}
    project = client.call("POST", "/projects", body)
    client.call("POST", f"/projects/{project['project_id']}/open", {"reason": "demo"})
    entered = Entered(source, project["project_id"], rule_pack)
    for path in source.tender:
        _upload(client, entered, None, [path], "tender", source.key)
    for code, bid in source.bids.items():
        entered.suppliers[code] = supplier_id(client, code, bid.name)
        _upload(client, entered, entered.suppliers[code], bid.files, "bid", bid.name)
    return entered


def publish_rules(client: Client, rules: Path, run: str) -> dict[str, Any]:
    """The rule pack of the file as an active version: written by the agent, activated by the admin."""
    payload = json.loads(rules.read_text(encoding="utf-8"))
    code = f"{payload['code']}-{run}"
    pack = client.call("POST", "/rule-packs", {"code": code, "name": str(payload["name"].get("en") or code)})
    at = f"/rule-packs/{pack['rule_pack_id']}/versions"
    version = client.call("POST", at, {"payload": payload})["version"]
    client.call("POST", f"{at}/{version}/submit", {})
    client.call("POST", f"{at}/{version}/activate", {}, role="admin")
    return {"id": pack["rule_pack_id"], "version": version}


def supplier_id(client: Client, code: str, name: str) -> str:
    """The supplier with this code, made if the tenant does not know it."""
    try:
        return str(client.call("POST", "/suppliers", {"code": code, "name": name})["supplier_id"])
    except Refusal as refusal:
        if refusal.code != "CODE_TAKEN":
            raise
        return str(next(client.items("/suppliers", code=code))["supplier_id"])


def _upload(client: Client, to: Entered, supplier: str | None, files: list[Path], doc_type: str, bidder: str) -> None:
    """One bundle; when a file of it is refused, each goes alone, so that the others are not kept out."""
    try:
        items = client.upload(to.project_id, supplier, files, doc_type)
    except Refusal as refusal:
        if len(files) == 1:
            to.refused[f"{bidder}: {files[0].name}"] = str(refusal)
            return
        for path in files:
            _upload(client, to, supplier, [path], doc_type, bidder)
        return
    for path, item in zip(files, items, strict=True):
        label = unused(path.name if bidder == path.stem else f"{bidder}: {path.name}", to.jobs)
        if "job_id" in item:
            to.jobs[label] = item["job_id"]
        else:
            to.refused[label] = item["code"]


def unused(label: str, taken: Mapping[str, object]) -> str:
    """The label, with a number when something else has it already: folders may repeat names."""
    numbers = (f"{label} ({number})" for number in count(2))
    return label if label not in taken else next(other for other in numbers if other not in taken)


def follow(client: Client, jobs: dict[str, str], *, title: str) -> dict[str, dict[str, Any]]:
    """Show each job until it has ended or waits for a person; return the last state of each."""
    state: dict[str, dict[str, Any]] = {}
    if not jobs:
        return state
    with shown_jobs(title, {job: label for label, job in jobs.items()}) as update:
        while len(state) < len(jobs):
            for job_id in jobs.values():
                if job_id in state:
                    continue
                job = client.call("GET", f"/jobs/{job_id}")
                waiting = job["status"] == "running" and job["waiting_on"]
                shown = "waits" if waiting else (job["stage"] or "") if job["status"] == "running" else job["status"]
                if waiting or job["status"] in ENDED:
                    state[job_id] = job
                update(job_id, job["progress_pct"], shown, job_id in state)
            time.sleep(POLL_SECONDS)
    return state


def start_evaluations(client: Client, entered: Entered) -> dict[str, str]:
    """Close the bid set, start one evaluation per bidder; return jobs by bidder and note what was refused."""
    client.call("POST", f"/projects/{entered.project_id}/close", {"reason": "all bids are in"})
    jobs: dict[str, str] = {}
    for code, supplier in entered.suppliers.items():
        name = entered.source.bids[code].name
        try:
            started = client.call("POST", "/evaluations", {"project_id": entered.project_id, "supplier_id": supplier})
        except Refusal as refusal:
            entered.refused[unused(name, entered.refused)] = str(refusal)
            continue
        entered.evaluations[code] = started["resource"]["id"]
        jobs[unused(name, jobs)] = started["job_id"]
    return jobs


def waiting_reviews(client: Client, entered: Entered) -> dict[str, dict[str, Any]]:
    """Open reviews by evaluation id."""
    reviews = client.items("/reviews", role="evaluator", project_id=entered.project_id, status="open")
    return {review["evaluation_id"]: review for review in reviews}


def save_reports(client: Client, entered: Entered, folder: Path) -> list[Path]:
    """Write the newest report of each evaluation as JSON and PDF under folder/<project>/<supplier>."""
    written = []
    for code, evaluation_id in entered.evaluations.items():
        versions = client.call("GET", f"/evaluations/{evaluation_id}/reports")["versions"]
        if not versions:
            continue
        report_id = max(versions, key=lambda v: v["version"])["report_id"]
        content = client.call("GET", f"/reports/{report_id}")
        pdf = client.fetch(client.call("GET", f"/reports/{report_id}/pdf")["url"])
        target = folder / entered.source.key / code
        target.parent.mkdir(parents=True, exist_ok=True)
        target.with_suffix(".json").write_text(json.dumps(content, ensure_ascii=False, indent=2), encoding="utf-8")
        target.with_suffix(".pdf").write_bytes(pdf)
        written += [target.with_suffix(".json"), target.with_suffix(".pdf")]
    return written
