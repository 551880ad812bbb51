"""The demo projects: what is planted stands in the rendered files, and rendering is repeatable."""

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from docx import Document

from infra.local.demo_documents import DEMO_KEYS, SOURCES, DemoProject, build_demo, folder_project
from infra.local.demo_source import Source, read_source

USCC = "0123456789ABCDEFGHJKLMNPQRTUWXY"
USCC_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
SIX_KINDS = {"veto", "numeric_limit", "required_material", "formula", "evidenced", "judged"}
EXPECTED: dict[str, Any] = json.loads((SOURCES / "expected.json").read_text("utf-8"))
ANSWERS: list[dict[str, Any]] = json.loads((SOURCES / "answers.json").read_text("utf-8"))["decisions"]


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, DemoProject]:
    return {project.key: project for project in build_demo(tmp_path_factory.mktemp("demo"))}


def _files(project: DemoProject) -> list[Path]:
    return [*project.tender, *(path for bid in project.bids.values() for path in bid.files)]


def _pages(path: Path) -> list[str]:
    """The text of each page without white space; a DOCX is one page."""
    if path.suffix == ".pdf":
        texts = [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(path)]
    else:
        document = Document(str(path))
        cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
        texts = ["\n".join([paragraph.text for paragraph in document.paragraphs] + cells)]
    return [_squeezed(text) for text in texts]


def _squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def _rules(project: DemoProject) -> dict[str, Any]:
    pack: dict[str, Any] = json.loads(project.rules.read_text("utf-8"))
    return pack


def _sources(key: str) -> list[Source]:
    return [read_source(path) for path in sorted((SOURCES / key).rglob("*.md")) if path.parent.name != "parts"]


@pytest.mark.parametrize("key", DEMO_KEYS)
def test_each_project_has_a_tender_and_three_bids_in_both_formats(projects: dict[str, DemoProject], key: str) -> None:
    assert len(projects[key].tender) == 1
    assert len(projects[key].bids) == 3
    assert {path.suffix for path in _files(projects[key])} == {".pdf", ".docx"}


@pytest.mark.parametrize("key", DEMO_KEYS)
def test_each_document_has_fifteen_to_forty_pages(projects: dict[str, DemoProject], key: str) -> None:
    for path in _files(projects[key]):
        count = len(pypdfium2.PdfDocument(path)) if path.suffix == ".pdf" else _explicit_pages(path)
        assert 15 <= count <= 40, path.name


def _explicit_pages(path: Path) -> int:
    """Pages of a DOCX that its own breaks force, at least."""
    document = Document(str(path))
    chapters = sum(paragraph.paragraph_format.page_break_before is True for paragraph in document.paragraphs)
    breaks = sum(paragraph._p.xml.count('w:br w:type="page"') for paragraph in document.paragraphs)
    return 1 + chapters + int(breaks)


def test_the_same_sources_give_the_same_bytes(projects: dict[str, DemoProject], tmp_path: Path) -> None:
    again = build_demo(tmp_path)
    for project in again:
        pairs = zip(_files(projects[project.key]), _files(project), strict=True)
        assert all(first.read_bytes() == second.read_bytes() for first, second in pairs)


@pytest.mark.parametrize("key", DEMO_KEYS)
def test_every_planted_phrase_stands_in_its_bid(projects: dict[str, DemoProject], key: str) -> None:
    for code, criteria in EXPECTED["verdicts"][key].items():
        text = "".join(_pages(projects[key].bids[code].files[0]))
        for criterion, expected in criteria.items():
            for phrase in [expected["phrase"], *expected.get("conflict", [])]:
                assert phrase is None or _squeezed(phrase) in text, (code, criterion, phrase)


@pytest.mark.parametrize("key", DEMO_KEYS)
def test_expectations_cover_every_criterion_of_every_bid(projects: dict[str, DemoProject], key: str) -> None:
    codes = {criterion["code"] for criterion in _rules(projects[key])["criteria"]}
    assert set(EXPECTED["verdicts"][key]) == set(projects[key].bids) == set(EXPECTED["facts"][key])
    assert all(set(criteria) == codes for criteria in EXPECTED["verdicts"][key].values())


@pytest.mark.parametrize("key", DEMO_KEYS)
def test_a_rule_pack_has_every_kind_and_a_hundred_points(projects: dict[str, DemoProject], key: str) -> None:
    pack = _rules(projects[key])
    assert {criterion["kind"] for criterion in pack["criteria"]} == SIX_KINDS
    assert sum(Decimal(criterion["max_score"]) for criterion in pack["criteria"]) == Decimal(pack["declared_total"])
    for criterion in pack["criteria"]:
        items = [Decimal(item["points"]) for item in criterion["checklist"]]
        assert not items or sum(items) == Decimal(criterion["max_score"])


@pytest.mark.parametrize("key", DEMO_KEYS)
def test_price_schedules_add_up_to_the_stated_price(key: str) -> None:
    schedules = 0
    for source in _sources(key):
        for table in (element for element in source.elements if element.kind == "table" and len(element.rows[0]) == 6):
            *lines, total = table.rows[1:]
            amounts = [Decimal(line[5].replace(",", "")) for line in lines]
            assert all(
                _figure(line[3]) * _figure(line[4]) == amount for line, amount in zip(lines, amounts, strict=True)
            )
            assert sum(amounts) == _figure(total[5]) == _figure(source.meta["price"])
            schedules += 1
    assert schedules == 3


def _figure(text: str) -> Decimal:
    return Decimal(re.sub(r"[^\d.]", "", text))


@pytest.mark.parametrize("key", DEMO_KEYS)
def test_some_table_runs_over_two_pages(projects: dict[str, DemoProject], key: str) -> None:
    header = {"en": "No.RequirementRequiredOfferedComplies", "zh": "序号项目要求响应偏离"}[key]
    bids = [path for path in _files(projects[key])[1:] if path.suffix == ".pdf"]
    assert all(sum(header in page for page in _pages(path)) == 2 for path in bids)


def test_supplier_codes_have_valid_check_digits(projects: dict[str, DemoProject]) -> None:
    for code in projects["en"].bids:
        assert int("".join(str(int(char, 36)) for char in code)) % 97 == 1
    for code in projects["zh"].bids:
        total = sum(USCC.index(char) * weight for char, weight in zip(code[:17], USCC_WEIGHTS, strict=True))
        assert len(code) == 18
        assert USCC[(31 - total % 31) % 31] == code[17]


def test_chinese_pages_embed_their_font(projects: dict[str, DemoProject]) -> None:
    raw = projects["zh"].tender[0].read_bytes()
    assert b"+DroidSansFallback" in raw
    assert raw.count(b"/FontFile2") >= 2


def test_answers_decide_every_bid_with_texts_of_that_bid(projects: dict[str, DemoProject]) -> None:
    wanted = {(key, code) for key in DEMO_KEYS for code in projects[key].bids}
    assert {(answer["project"], answer["supplier"]) for answer in ANSWERS} == wanted
    for answer in ANSWERS:
        project = projects[answer["project"]]
        largest = {criterion["code"]: Decimal(criterion["max_score"]) for criterion in _rules(project)["criteria"]}
        text = "".join(_pages(project.bids[answer["supplier"]].files[0]))
        for edit in answer["edits"]:
            assert edit["score"] is None or 0 <= Decimal(edit["score"]) <= largest[edit["criterion"]]
            assert len(edit["reason"]) >= 10
            assert edit["cite"] is None or _squeezed(edit["cite"]) in text


def test_a_folder_of_bidders_becomes_a_project(tmp_path: Path) -> None:
    for name in (
        "tender/call.pdf",
        "Acme/offer.pdf",
        "Acme/prices/list.docx",
        "solo.pdf",
        "solo.docx",
        ".hidden",
        "empty/.keep",
    ):
        (tmp_path / "docs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "docs" / name).write_bytes(b"x")
    project = folder_project(tmp_path / "docs", SOURCES / "en" / "rules.json")
    assert [path.name for path in project.tender] == ["call.pdf"]
    assert {code: [path.name for path in bid.files] for code, bid in project.bids.items()} == {
        "Acme": ["offer.pdf", "list.docx"],
        "solo": ["solo.docx"],
        "solo.pdf": ["solo.pdf"],
    }
    assert (project.language, project.currency) == ("en", "EUR")


def test_a_folder_without_bidders_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        folder_project(tmp_path, SOURCES / "en" / "rules.json")


def test_a_pack_that_names_no_currency_gets_the_code_for_none(tmp_path: Path) -> None:
    (tmp_path / "rules.json").write_text('{"language": "en", "criteria": [{"code": "A", "test": null}]}')
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "bid.txt").write_text("x")
    assert folder_project(tmp_path / "docs", tmp_path / "rules.json").currency == "XXX"


def test_an_unknown_variable_and_a_ragged_table_are_errors(tmp_path: Path) -> None:
    source = tmp_path / "a.md"
    source.write_text("---\nlanguage: en\n---\nHello {{nobody}}\n")
    with pytest.raises(KeyError):
        read_source(source)
    source.write_text("---\nlanguage: en\n---\n| a | b |\n| 1 |\n")
    with pytest.raises(ValueError, match="1 cells under a header of 2"):
        read_source(source)
