"""The embedded index and OpenSearch rank alike: same ten for the same texts, ties aside (spec R26, R32)."""

import json
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.embedded_index import EmbeddedIndex
from shared.adapters.opensearch import OpenSearchIndex
from shared.adapters.postgres.session import Session
from shared.domain.retrieval import IndexEntry, RankedId, Scope
from shared.domain.terms import codes, unique_terms
from shared.ports.reading import ChunkIndex
from tests.contract.index_samples import entry
from tests.fakes.chunk_index import MemoryChunkIndex

pytestmark = pytest.mark.opensearch
FIXTURES = Path(__file__).parent / "fixtures"
DATA = Path(__file__).parents[2] / ".." / "shared" / "data"
SCOPE = Scope(tenant_id="ten_rank", project_id="p1", supplier_id="s1")
# One unit in the sixth place of a score is float32 noise of adding the same summands in another order.
SAME_SCORE = 1e-5


def passage(chunk_id: str, heading: str, text: str) -> IndexEntry:
    """A passage without a vector."""
    both = " ".join(codes(f"{heading}\n{text}"))
    return entry(chunk_id, text, heading=heading, code_terms=both, language="zh")


def same_ten(left: Sequence[RankedId], right: Sequence[RankedId]) -> bool:
    """Same chunks at the same places, where equal scores may stand in any order and be cut anywhere."""
    if len(left) != len(right):
        return False
    if not left:
        return True
    if any(abs(a.score - b.score) > SAME_SCORE * a.score for a, b in zip(left, right, strict=True)):
        return False
    cut = left[-1].score * (1 + SAME_SCORE)
    scores = {hit.chunk_id: hit.score for hit in right}
    return all(
        abs(scores[hit.chunk_id] - hit.score) <= SAME_SCORE * hit.score if hit.chunk_id in scores else hit.score <= cut
        for hit in left
    )


@pytest.fixture
def engines(
    tmp_path: Path, session_of: Callable[[str], Session], opensearch_client: Any, opensearch_prefix: str
) -> tuple[ChunkIndex, ChunkIndex]:
    """The two indexes, empty."""
    tenant = SCOPE.tenant_id
    embedded = EmbeddedIndex(tmp_path, session_of(tenant), tenant_id=tenant, profile_id="p-1")
    return embedded, OpenSearchIndex(opensearch_client, tenant_id=tenant, profile_id="p-1", prefix=opensearch_prefix)


def disagreements(engines: Iterable[ChunkIndex], questions: Sequence[str]) -> list[str]:
    """The questions whose ten differ between the two engines."""
    first, second = engines
    wrong = []
    for question in questions:
        wanted, coded = unique_terms(question), codes(question)
        lists = [engine.lexical(SCOPE, wanted, coded, limit=10) for engine in (first, second)]
        if not same_ten(*lists):
            wrong.append(question)
    return wrong


def records(path: Path) -> list[dict[str, Any]]:
    """The objects of a JSON lines file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_every_query_of_the_fixture_gets_the_same_ten(engines: tuple[ChunkIndex, ChunkIndex]) -> None:
    passages = [passage(p["id"], p["heading"], p["text"]) for p in records(FIXTURES / "rank_passages.jsonl")]
    questions = (FIXTURES / "rank_queries.txt").read_text(encoding="utf-8").splitlines()
    memory = MemoryChunkIndex(tenant_id=SCOPE.tenant_id, dimension=384)
    for engine in (*engines, memory):
        engine.add(passages, generation=1)
    assert (len(passages), len(questions)) == (62, 48)
    assert disagreements(engines, questions) == []
    by_the_book = [engines[0], memory]
    assert [q for q in questions if not same_ids(by_the_book, q)] == []


def same_ids(engines: Sequence[ChunkIndex], question: str) -> bool:
    """The best three agree; the book's lengths are exact, the engines round long ones."""
    wanted, coded = unique_terms(question), codes(question)
    left, right = (engine.lexical(SCOPE, wanted, coded, limit=10) for engine in engines)
    clear = [hit.chunk_id for hit, after in pairwise(left) if hit.score > after.score * 1.001][:3]
    return clear == [hit.chunk_id for hit in right][: len(clear)] or len(clear) < 3


def test_the_comparison_can_fail() -> None:
    right = [RankedId("a", "d", 1, 3.0), RankedId("b", "d", 2, 2.0), RankedId("c", "d", 3, 1.0)]
    assert same_ten(right, right)
    assert same_ten([*right[:2], RankedId("x", "d", 3, 1.0)], right)
    assert not same_ten([RankedId("x", "d", 1, 3.0), *right[1:]], right)
    assert not same_ten(right[:2], right)
    assert not same_ten([RankedId("b", "d", 1, 3.0), RankedId("a", "d", 2, 2.0), right[2]], right)


@pytest.mark.parametrize("name", ["scifact", "stard"])
def test_public_sets_get_the_same_ten_in_99_of_100_queries(engines: tuple[ChunkIndex, ChunkIndex], name: str) -> None:
    if not (DATA / name).is_dir():
        pytest.skip(f"../shared/data/{name} is not on this machine")
    passages = [passage(p["_id"], p.get("title") or "", p["text"]) for p in records(DATA / name / "corpus.jsonl")]
    for engine in engines:
        for start in range(0, len(passages), 2000):
            engine.add(passages[start : start + 2000], generation=1)
    questions = [q["text"] for q in records(DATA / name / "queries.jsonl")]
    wrong = disagreements(engines, questions)
    assert len(wrong) <= len(questions) // 100, wrong[:5]
