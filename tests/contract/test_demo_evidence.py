"""Planted facts can be read from the rendered PDF bids: parser, chunker, extractors and text tests together."""

import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from infra.local.demo_documents import DEMO_KEYS, SOURCES, DemoProject, build_demo
from shared.adapters.pdf_text import PdfTextParser
from shared.domain.chunking import cut_chunks
from shared.domain.chunks import Chunk
from shared.domain.evidence import Passage
from shared.domain.fact_extraction import extract_facts
from shared.domain.facts import SEARCH_FIELDS
from shared.domain.text_tests import evaluate_text

EXPECTED: dict[str, Any] = json.loads((SOURCES / "expected.json").read_text("utf-8"))
Bids = dict[str, dict[str, list[Chunk]]]


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, DemoProject]:
    return {project.key: project for project in build_demo(tmp_path_factory.mktemp("demo"))}


@pytest.fixture(scope="module")
def bids(projects: dict[str, DemoProject]) -> Bids:
    """The chunks of each PDF bid, by project and supplier code."""
    files = {
        key: {code: bid.files[0] for code, bid in project.bids.items() if bid.files[0].suffix == ".pdf"}
        for key, project in projects.items()
    }
    return {key: {code: _chunks(path) for code, path in paths.items()} for key, paths in files.items()}


def _chunks(path: Path) -> list[Chunk]:
    parser = PdfTextParser()
    count = len(parser.survey(path, "application/pdf"))
    blocks = parser.parse(path, "application/pdf", 1, count).blocks
    return cut_chunks(blocks, tenant_id="tnt", document_id=path.stem, parse_run_id="run")


@pytest.mark.parametrize("key", DEMO_KEYS)
def test_the_six_search_facts_are_read_and_nothing_else(bids: Bids, key: str) -> None:
    assert len(bids[key]) == 2
    for code, chunks in bids[key].items():
        numbers = itertools.count()
        facts = extract_facts(chunks, new_id=lambda: f"fct_{next(numbers)}")  # noqa: B023
        for field in SEARCH_FIELDS:
            found = {_comparable(fact.value, fact.unit, fact.currency) for fact in facts if fact.field == field}
            wanted = {_comparable(v, v.get("unit"), v.get("currency")) for v in EXPECTED["facts"][key][code][field]}
            assert found == wanted, (code, field)


def _comparable(value: Mapping[str, Any], unit: str | None, currency: str | None) -> tuple[Any, ...]:
    return value.get("amount"), value.get("text"), unit, currency


@pytest.mark.parametrize("key", DEMO_KEYS)
def test_red_lines_are_hit_only_where_one_is_planted(projects: dict[str, DemoProject], bids: Bids, key: str) -> None:
    pack = json.loads(projects[key].rules.read_text("utf-8"))
    veto = pack["criteria"][0]
    for code, chunks in bids[key].items():
        passages = [Passage(chunk=chunk) for chunk in chunks]
        planted = EXPECTED["verdicts"][key][code][veto["code"]]["outcomes"] == ["fail"]
        assert (evaluate_text(veto["test"], passages).truth is True) == planted
        assert (evaluate_text(veto["clear_when"], passages).truth is True) == (not planted)


@pytest.mark.parametrize("key", DEMO_KEYS)
def test_checklist_items_add_up_to_the_expected_score(projects: dict[str, DemoProject], bids: Bids, key: str) -> None:
    pack = json.loads(projects[key].rules.read_text("utf-8"))
    evidenced = next(criterion for criterion in pack["criteria"] if criterion["kind"] == "evidenced")
    for code, chunks in bids[key].items():
        passages = [Passage(chunk=chunk) for chunk in chunks]
        met = [item for item in evidenced["checklist"] if evaluate_text(item["test"], passages).truth is True]
        points = sum(int(item["points"]) for item in met)
        assert str(points) == EXPECTED["verdicts"][key][code][evidenced["code"]]["score"]
