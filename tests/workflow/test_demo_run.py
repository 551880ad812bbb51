"""The demo's two tenders from files to reports: what is expected is found, and every citation resolves on its page."""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import pytest

from bench.cited_places import PdfPages, VirtualPages, flat, fonts_not_embedded, page_texts, problems
from infra.local.demo import evaluate
from infra.local.demo_client import Client
from infra.local.demo_decisions import Answers, decide
from infra.local.demo_documents import DEMO_KEYS, SOURCES, build_demo
from infra.local.demo_run import Entered, enter, follow, waiting_reviews
from infra.local.postgres import Databases
from shared.domain.facts import SEARCH_FIELDS
from tests.demo_product import demo_product

EXPECTED: dict[str, Any] = json.loads((SOURCES / "expected.json").read_text("utf-8"))
BIDS = [(key, code) for key in DEMO_KEYS for code in EXPECTED["verdicts"][key]]
Criteria = dict[str, dict[str, Any]]


@dataclass
class DemoRun:
    """The finished demo: criteria by (project, supplier code) before and after the decisions, and stored reports."""

    client: Client
    entered: dict[str, Entered]
    suggested: dict[tuple[str, str], Criteria]
    decided: dict[tuple[str, str], Criteria]
    reports: dict[tuple[str, str], tuple[dict[str, Any], bytes]]

    def __post_init__(self) -> None:
        self.opened: list[PdfPages] = []
        self.chunk = cache(self._chunk)
        self.pages = cache(self._pages)

    def _chunk(self, chunk_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.call("GET", f"/chunks/{chunk_id}", role="evaluator")
        return found

    def file(self, document_id: str) -> tuple[str, bytes]:
        """Name and bytes of the stored file."""
        document = self.client.call("GET", f"/documents/{document_id}")
        return document["filename"], self.client.fetch(self.client.call("GET", f"/documents/{document_id}/raw")["url"])

    def _pages(self, document_id: str) -> PdfPages | VirtualPages:
        name, content = self.file(document_id)
        if name.endswith(".pdf"):
            self.opened.append(PdfPages(content))
            return self.opened[-1]
        return VirtualPages(list(self.client.items(f"/documents/{document_id}/blocks")))

    def citations(self) -> Iterator[dict[str, Any]]:
        """Every citation of every verdict, before and after the decisions."""
        for criteria in (*self.suggested.values(), *self.decided.values()):
            for criterion in criteria.values():
                for claim in criterion["claims"]:
                    yield from claim["citations"]


@pytest.fixture(scope="module")
def run(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoRun]:
    folder = tmp_path_factory.mktemp("demo")
    with demo_product(databases, folder / "data") as client:
        projects = [enter(client, source, "test") for source in build_demo(folder / "documents")]
        evaluate(client, projects)
        suggested = {key: value for project in projects for key, value in _criteria(client, project).items()}
        for project in projects:
            jobs = decide(client, project, waiting_reviews(client, project), Answers(SOURCES / "answers.json"))
            follow(client, jobs, title="decided")
        decided = {key: value for project in projects for key, value in _criteria(client, project).items()}
        reports = {key: value for project in projects for key, value in _reports(client, project).items()}
        made = DemoRun(client, {p.source.key: p for p in projects}, suggested, decided, reports)
        yield made
        for pages in made.opened:
            pages.close()


def _criteria(client: Client, entered: Entered) -> dict[tuple[str, str], Criteria]:
    return {
        (entered.source.key, code): {
            criterion["criterion_code"]: criterion
            for criterion in client.call("GET", f"/evaluations/{evaluation}/criteria", role="evaluator")["items"]
        }
        for code, evaluation in entered.evaluations.items()
    }


def _reports(client: Client, entered: Entered) -> dict[tuple[str, str], tuple[dict[str, Any], bytes]]:
    found = {}
    for code, evaluation_id in entered.evaluations.items():
        for version in client.call("GET", f"/evaluations/{evaluation_id}/reports")["versions"]:
            content = client.call("GET", f"/reports/{version['report_id']}")
            printed = client.fetch(client.call("GET", f"/reports/{version['report_id']}/pdf")["url"])
            found[entered.source.key, code] = (content, printed)
    return found


def _quotes(criterion: dict[str, Any]) -> list[str]:
    return [citation["quote"] for claim in criterion["claims"] for citation in claim["citations"]]


@pytest.mark.parametrize(("project", "supplier"), BIDS)
def test_each_criterion_has_the_planted_outcome_and_score(run: DemoRun, project: str, supplier: str) -> None:
    expected = EXPECTED["verdicts"][project][supplier]
    found = run.suggested[project, supplier]
    assert {code: found[code]["outcome"] for code in expected} == {
        code: found[code]["outcome"] if found[code]["outcome"] in row["outcomes"] else row["outcomes"]
        for code, row in expected.items()
    }
    scores = {code: row["score"] for code, row in expected.items() if "score" in row}
    assert {code: found[code]["score"] for code in scores} == scores


@pytest.mark.parametrize(("project", "supplier"), BIDS)
def test_the_evidence_of_each_criterion_says_what_was_planted(run: DemoRun, project: str, supplier: str) -> None:
    for code, row in EXPECTED["verdicts"][project][supplier].items():
        quotes = _quotes(run.suggested[project, supplier][code])
        for phrase in row.get("conflict", [row["phrase"]] if row["phrase"] else []):
            assert any(phrase in quote for quote in quotes), (code, phrase, quotes)


@pytest.mark.parametrize(("project", "supplier"), BIDS)
def test_a_judged_criterion_comes_with_its_evidence_and_without_points(
    run: DemoRun, project: str, supplier: str
) -> None:
    judged = [c for c in run.suggested[project, supplier].values() if c["criterion_kind"] == "judged"]
    assert judged
    for criterion in judged:
        assert criterion["score"] is None
        packed = [run.chunk(item["chunk_id"])["text"] for item in criterion["evidence_pack"]["items"]]
        assert 2 <= len(packed) <= 8
        assert len(set(packed)) == len(packed)


@pytest.mark.parametrize(("project", "supplier"), BIDS)
def test_the_six_search_facts_of_a_bid_are_read(run: DemoRun, project: str, supplier: str) -> None:
    at = run.entered[project]
    query = {"project_id": at.project_id, "supplier_id": at.suppliers[supplier]}
    rows = list(run.client.items("/facts", role="evaluator", **query))
    for field in SEARCH_FIELDS:
        found = {_reading(row["value"], row["unit"], row["currency"]) for row in rows if row["field"] == field}
        wanted = {_reading(v, v.get("unit"), v.get("currency")) for v in EXPECTED["facts"][project][supplier][field]}
        assert found == wanted, field


def _reading(value: dict[str, Any], unit: str | None, currency: str | None) -> tuple[Any, ...]:
    return value.get("amount"), value.get("text"), unit, currency


def test_every_citation_of_every_verdict_resolves_in_the_stored_text_and_on_its_page(run: DemoRun) -> None:
    citations = list(run.citations())
    wrong = []
    for citation in citations:
        chunk = run.chunk(citation["chunk_id"])
        wrong += list(problems(citation, chunk, run.pages(chunk["document_id"])))
    assert wrong == []
    assert len(citations) > 100


def test_quotes_from_docx_stand_in_the_words_of_the_file(run: DemoRun) -> None:
    checked = 0
    words = cache(lambda document_id: _docx_words(*run.file(document_id)))
    for citation in run.citations():
        said = words(citation["document_id"])
        if said is None:
            continue
        for part in re.split(r"\n| \| ", citation["quote"]):
            assert flat(part) in said, citation
            checked += 1
    assert checked > 20


def _docx_words(name: str, content: bytes) -> str | None:
    """All text of a DOCX without blanks, straight from its XML; None for other files."""
    if not name.endswith(".docx"):
        return None
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        xml = archive.read("word/document.xml").decode("utf-8")
    texts = re.findall(r"<w:t(?: [^>]*)?>([^<]*)</w:t>", xml)
    return flat("".join(texts).replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">"))


def test_every_citation_of_a_report_is_a_stored_one_that_opens_its_source(run: DemoRun) -> None:
    stored = {citation["citation_id"]: citation for citation in run.citations()}
    assert set(run.reports) == {(k, c) for k, c in BIDS if _is_accepted(k, c)}
    for content, _ in run.reports.values():
        numbers = []
        for cited in _cited(content):
            numbers.append(cited["n"])
            same = stored[cited["citation_id"]]
            for name in ("quote", "page", "start", "end", "chunk_id", "document_id", "box"):
                assert cited[name] == same[name], name
            source = run.client.call("GET", f"/citations/{cited['citation_id']}", role="evaluator")
            assert (source["quote"], source["filename"]) == (cited["quote"], cited["document"])
            around = source["context"]["before"] + source["quote"] + source["context"]["after"]
            assert around in run.chunk(cited["chunk_id"])["text"]
        assert numbers == list(range(1, len(numbers) + 1))
        assert numbers


def _is_accepted(project: str, supplier: str) -> bool:
    decisions = json.loads((SOURCES / "answers.json").read_text("utf-8"))["decisions"]
    return any(
        (row["project"], row["supplier"]) == (project, supplier) and row["decision"] != "reject" for row in decisions
    )


def _cited(content: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for criterion in content["criteria"]:
        for claim in criterion["claims"]:
            yield from claim["citations"]


def test_decided_criteria_cite_the_place_that_the_person_named(run: DemoRun) -> None:
    for row in json.loads((SOURCES / "answers.json").read_text("utf-8"))["decisions"]:
        for edit in row["edits"]:
            decided = run.decided[row["project"], row["supplier"]][edit["criterion"]]
            assert (decided["source"], decided["outcome"], decided["score"]) == (
                "person",
                edit["outcome"],
                edit["score"],
            )
            assert _quotes(decided) == ([edit["cite"]] if edit["cite"] else [])


def test_printed_reports_carry_their_fonts_and_list_every_citation(run: DemoRun) -> None:
    for content, printed in run.reports.values():
        assert fonts_not_embedded(printed) == set()
        heading = flat("引用索引" if content["language"] == "zh" else "Citation index")
        pages = [flat(text) for text in page_texts(printed)]
        first = max(n for n, text in enumerate(pages) if heading in text)
        index = [pages[first][pages[first].rindex(heading) :], *pages[first + 1 :]]
        for cited in _cited(content):
            assert _stands_in(flat(cited["quote"]), index), cited
            assert _stands_in(flat(cited["document"]), index), cited


def _stands_in(wanted: str, pages: list[str]) -> bool:
    """On one page, or begun on one and ended on the next, as a row of a table that goes over the foot of a page."""
    if any(wanted in page for page in pages):
        return True
    return any(
        wanted[:cut] in before and wanted[cut:] in after
        for before, after in pairwise(pages)
        for cut in range(1, len(wanted))
    )
