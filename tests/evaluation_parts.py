"""Small real chunks, facts and criteria for tests of the evaluation rules, without a database."""

import itertools
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from shared.domain.blocks import Box
from shared.domain.chunks import Chunk, Position
from shared.domain.criteria import Criterion
from shared.domain.evidence import Claim, Passage, Verdict
from shared.domain.fact_extraction import extract_facts
from shared.domain.facts import Fact


def chunk(text: str, *, chunk_id: str = "chk_1", pages: Sequence[int] = (), **changes: Any) -> Chunk:
    """A chunk with one position per line, 20 points apart; `pages` gives the page of each line, 1 where it ends."""
    positions, start = [], 0
    for number, line in enumerate(text.split("\n")):
        page = pages[number] if number < len(pages) else 1
        if line:
            box = Box(50, 20.0 * number + 10, 500, 20.0 * number + 25)
            positions.append(Position(page=page, box=box, start=start, end=start + len(line)))
        start += len(line) + 1
    parts: dict[str, Any] = {
        "chunk_id": chunk_id,
        "document_id": "doc_1",
        "parse_run_id": "prs_1",
        "ordinal": 0,
        "chunk_type": "text",
        "text": text,
        "content_hash": "0" * 64,
        "heading_path": (),
        "block_ids": (),
        "token_count": len(text) // 4,
        "overlap_chars": 0,
        "language": "zh" if any("\u4e00" <= sign <= "\u9fff" for sign in text) else "en",
        "quality": 1.0,
        "parser": "pdf_text",
        "parser_version": "1",
        "chunker_version": "1",
        "positions": tuple(positions),
    }
    return Chunk(**{**parts, **changes})


def passages(*texts: str) -> list[Passage]:
    """One passage per text, first in both branches."""
    ranks = {"lexical": 1, "vector": 1}
    return [Passage(chunk=chunk(text, chunk_id=f"chk_{n}"), branch_ranks=ranks) for n, text in enumerate(texts)]


def facts_in(*texts: str, **changes: Any) -> list[Fact]:
    """The facts of one bid, a chunk per text."""
    numbers = itertools.count()
    chunks = [chunk(text, chunk_id=f"chk_{n}", **changes) for n, text in enumerate(texts)]
    return extract_facts(chunks, new_id=lambda: f"fct_{next(numbers)}")


def fact(field: str, value: dict[str, Any], **changes: Any) -> Fact:
    """A fact made by hand, clear and undisputed."""
    parts: dict[str, Any] = {
        "fact_id": "fct_1",
        "field": field,
        "value": value,
        "raw_text": "raw",
        "document_id": "doc_1",
        "parse_run_id": "prs_1",
        "chunk_id": "chk_f",
        "page": 1,
        "box": Box(0, 0, 10, 10),
        "start": 0,
        "end": 3,
        "extractor": "pattern",
        "extractor_version": "1",
        "confidence": 0.7,
    }
    return Fact(**{**parts, **changes})


def criterion(kind: str, *, points: str = "10", code: str = "C-1", weight: str = "0.1", **payload: Any) -> Criterion:
    """A criterion of the kind; `mandatory`, `score_step`, `evidence_min` and `evidence_max` may be named."""
    return Criterion(
        criterion_id=f"crt_{code}",
        code=code,
        kind=kind,
        ordinal=0,
        title={"en": code},
        requirement="Requirement",
        mandatory=payload.pop("mandatory", False),
        max_score=Decimal(points),
        weight=Decimal(weight),
        score_step=Decimal(payload.pop("score_step", "0.5")),
        evidence_min=payload.pop("evidence_min", 1),
        evidence_max=payload.pop("evidence_max", 8),
        payload=payload,
    )


def verdict(of: Criterion, outcome: str = "pass", score: str | None = None, **changes: Any) -> Verdict:
    """A rule's verdict; a score makes it scored."""
    parts: dict[str, Any] = {
        "criterion_id": of.criterion_id,
        "source": "rule",
        "outcome": outcome,
        "score_state": "scored" if score is not None else "insufficient_evidence",
        "score": None if score is None else Decimal(score),
        "max_score": of.max_score,
        "weight": of.weight,
        "reason": "reason",
        "confidence": Decimal("0.9"),
    }
    return Verdict(**{**parts, **changes})


def quotes(claims: Sequence[Claim]) -> list[str]:
    """Every quote of the claims."""
    return [citation.quote for claim in claims for citation in claim.citations]
