"""The chain on 19 real contracts, unattended: files, evidence, and every citation of every report checked on its page.

python -m bench.contractnli rules [judged|evidenced|both]     write the rule pack into the data folder, print its path
python -m bench.contractnli                                    run, write bench/results/contractnli.json

A reviewer decides as the labels of ContractNLI say and cites their spans where the evidence pack holds them. Nothing
happens where ../shared is absent."""

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.cited_places import PdfPages, flat, fonts_not_embedded, problems
from bench.contractnli_labels import documents, edit, label_id, labels, pack_recall, score_words
from bench.contractnli_rules import BY_WORDS, DATA, KINDS, write_rules
from bench.results import write
from infra.local.demo import evaluate
from infra.local.demo_client import Client
from infra.local.demo_documents import folder_project
from infra.local.demo_run import Entered, enter, follow, save_reports, waiting_reviews
from infra.local.ports import free_port
from infra.local.product import Product, prepare
from shared.settings import LocalOptions, read_settings

GOAL = "19 of 19 files indexed or with their code; 0 citations that do not resolve"
SHOWN = 20  # problems that are written out


def main() -> None:
    """Write the rule pack, or run."""
    if not DATA.exists():
        print("contractnli: skipped, ../shared/data is not there")
    elif "rules" in sys.argv[1:]:
        kind = next((name for name in sys.argv[1:] if name in KINDS), "judged")
        print(write_rules(read_settings(LocalOptions).data_dir / "bench", kind))
    else:
        with tempfile.TemporaryDirectory(prefix="contractnli-") as folder:
            write("contractnli", run(Path(folder)), goal=GOAL)


@contextmanager
def product(folder: Path) -> Iterator[Client]:
    """A product of its own below the folder while the block runs."""
    prepared = prepare(replace(LocalOptions(), data_dir=folder, port=free_port()))
    running = Product(prepared, log_dir=folder / "logs")
    running.start()
    try:
        yield Client(prepared.settings.public_url, prepared.token)
    finally:
        running.stop()


def run(folder: Path) -> dict[str, Any]:
    """All figures of one run in a fresh data folder."""
    with product(folder) as client:
        began = time.monotonic()
        source = folder_project(DATA / "pdf", write_rules(folder, "both"))
        entered = enter(client, source, "bench")
        evaluate(client, [entered])
        suggested = time.monotonic()
        seen = Seen(client, entered)
        figures = {"seconds_to_suggestions": round(suggested - began, 1), **seen.files(), **seen.packs()}
        figures |= score_words({k: v for k, (c, v) in seen.verdicts(BY_WORDS).items()})
        figures |= seen.chunk_places()
        figures |= review(client, entered, seen)
        figures |= check_reports(client, entered, seen, folder / "reports")
    for problem in seen.problems[:SHOWN]:
        print(problem)
    return figures


class Seen:
    """What the API shows of a project; chunks and pages are fetched once. `problems` collects what does not resolve."""

    def __init__(self, client: Client, entered: Entered) -> None:
        self._client, self._entered = client, entered
        self._chunks: dict[str, dict[str, Any]] = {}
        self.documents = list(client.items("/documents", project_id=entered.project_id))
        self.pages = {
            row["document_id"]: PdfPages((DATA / "pdf" / row["filename"]).read_bytes()) for row in self.documents
        }
        self.problems: list[str] = []

    def chunk(self, chunk_id: str) -> dict[str, Any]:
        """A chunk with text and positions."""
        if chunk_id not in self._chunks:
            self._chunks[chunk_id] = self._client.call("GET", f"/chunks/{chunk_id}", role="evaluator")
        return self._chunks[chunk_id]

    def packed(self, criterion: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The chunks of a criterion's evidence pack."""
        return [self.chunk(item["chunk_id"]) for item in (criterion["evidence_pack"] or {}).get("items", [])]

    def criteria(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """(document name, criterion with its verdict and pack) of every evaluation."""
        for name, evaluation_id in self._entered.evaluations.items():
            at = f"/evaluations/{evaluation_id}/criteria"
            for criterion in self._client.call("GET", at, role="evaluator")["items"]:
                yield name, criterion

    def verdicts(self, ending: str) -> dict[str, tuple[str, dict[str, Any]]]:
        """(document, verdict) by label id, of the criteria whose code ends so; "" for those judged."""
        return {
            label_id(name, c["criterion_code"]): (name, c)
            for name, c in self.criteria()
            if c["criterion_code"].endswith(BY_WORDS) == bool(ending)
        }

    def files(self) -> dict[str, Any]:
        """How many files ended where."""
        states = Counter(row["status"] for row in self.documents)
        return {"files": len(self._entered.source.bids), **states, "failed": dict(self._entered.refused)}

    def packs(self) -> dict[str, Any]:
        """Size of the evidence packs of judged criteria, and how much of the labelled evidence they hold."""
        texts = {name: [chunk["text"] for chunk in self.packed(c)] for name, (_, c) in self.verdicts("").items()}
        sizes = [len(found) for found in texts.values()]
        doubled = sum(len(set(found)) < len(found) for found in texts.values())
        figures = {"packs": len(sizes), "packs_empty": sizes.count(0), "packs_with_a_repeat": doubled}
        return figures | {"passages_a_pack": round(sum(sizes) / len(sizes), 2)} | pack_recall(texts)

    def chunk_places(self) -> dict[str, int]:
        """Every line of every chunk looked up on its page, as if all of it were cited."""
        count, before = 0, len(self.problems)
        for row in self.documents:
            for chunk in self._client.items(f"/documents/{row['document_id']}/chunks"):
                for page in sorted({place["page"] for place in chunk["positions"]}):
                    count += 1
                    self.check(whole_page(chunk, page), chunk)
        return {"chunk_pages": count, "chunk_pages_unresolved": len(self.problems) - before}

    def check(self, citation: Mapping[str, Any], chunk: Mapping[str, Any]) -> None:
        """Note what is wrong with the citation, as one problem."""
        pages = self.pages[chunk["document_id"]]
        found = list(problems(citation, chunk, pages))
        if found:
            name = next(row["filename"] for row in self.documents if row["document_id"] == chunk["document_id"])
            self.problems.append(f"{name}: {'; '.join(found)[:600]}")


def whole_page(chunk: Mapping[str, Any], page: int) -> dict[str, Any]:
    """A citation of everything that the chunk has on one page."""
    own = [place for place in chunk["positions"] if place["page"] == page]
    start, end = min(place["start"] for place in own), max(place["end"] for place in own)
    boxes = [place["box"] for place in own]
    corners = zip(*boxes, strict=True)
    box = [pick(side) for pick, side in zip((min, min, max, max), corners, strict=True)]
    quote = chunk["text"][start:end]
    return {"page": page, "start": start, "end": end, "quote": quote, "box": box, "boxes": boxes}


def review(client: Client, entered: Entered, seen: Seen) -> dict[str, Any]:
    """Decide every waiting evaluation as its labels say; how many labels a citation went with."""
    known, edits = labels(), dict[str, list[dict[str, Any]]]()
    for document, criterion in seen.criteria():
        if criterion["score"] is None:
            code = criterion["criterion_code"]
            one = edit(code, known[label_id(document, code)], seen.packed(criterion))
            edits.setdefault(document, []).append(one)
    reviews, jobs = waiting_reviews(client, entered), {}
    for document, made in edits.items():
        waiting = reviews[entered.evaluations[document]]
        at = f"/reviews/{waiting['review_id']}"
        token = client.call("POST", f"{at}/claim", {}, role="evaluator")["resume_token"]
        body = {"decision": "edit_scores", "comment": "as labelled", "edits": made, "resume_token": token}
        jobs[document] = client.call("POST", f"{at}/submit", body, role="evaluator")["job"]["job_id"]
    ended = Counter(job["status"] for job in follow(client, jobs, title="Resuming after the decisions").values())
    cited = sum(bool(one["citations"]) for made in edits.values() for one in made)
    return {"reviews": {**ended}, "decisions": sum(map(len, edits.values())), "decisions_cited": cited}


def check_reports(client: Client, entered: Entered, seen: Seen, folder: Path) -> dict[str, Any]:
    """Every citation of every report, and the fonts of the printed ones."""
    before, count, other = len(seen.problems), 0, 0
    labelled = documents()
    for name, criterion in seen.criteria():
        for citation in (one for claim in criterion["claims"] for one in claim["citations"]):
            count += 1
            seen.check(citation, seen.chunk(citation["chunk_id"]))
            other += flat(citation["quote"]) not in labelled[name]
    files = save_reports(client, entered, folder)
    printed = [path for path in files if path.suffix == ".pdf"]
    fonts = sorted({name for path in printed for name in fonts_not_embedded(path.read_bytes())})
    unresolved = len(seen.problems) - before
    figures = {"reports": len(printed), "citations": count, "citations_unresolved": unresolved}
    figures |= {"citations_not_in_the_labelled_text": other}
    return figures | {"fonts_not_embedded": fonts}


if __name__ == "__main__":
    main()
