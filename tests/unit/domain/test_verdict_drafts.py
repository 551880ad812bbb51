"""Drafts hold places, not text, and give the same claims back."""

import json
from decimal import Decimal

from shared.domain.blocks import Box
from shared.domain.chunks import Chunk, Position
from shared.domain.citing import cite
from shared.domain.evidence import Claim
from shared.domain.rule_results import ItemResult, RuleResult
from shared.domain.verdict_drafts import cited_chunks, claims_of, draft_of, undecided, withdrawn

TEXT = "The bid price is EUR 120,000.00 without tax."
CHUNK = Chunk(
    chunk_id="chk_1",
    document_id="doc_1",
    parse_run_id="prs_1",
    ordinal=0,
    chunk_type="text",
    text=TEXT,
    content_hash="0" * 64,
    heading_path=(),
    block_ids=(),
    token_count=10,
    overlap_chars=0,
    language="en",
    quality=1.0,
    parser="",
    parser_version="",
    chunker_version="",
    positions=(Position(1, Box(0.0, 0.0, 10.0, 10.0), 0, len(TEXT)),),
)
WHOLE = cite(CHUNK, 0, len(TEXT), is_primary=True)
RESULT = RuleResult(
    outcome="pass",
    score_state="scored",
    score=Decimal("12.50"),
    reason="met",
    claims=(
        Claim(text=TEXT, stance="supports", citations=(WHOLE,)),
        Claim(text="Bid price: EUR 120,000.00", stance="supports", citations=(WHOLE,)),
    ),
    unsupported=(Claim(text="Nothing of the text", stance="contradicts", citations=(WHOLE,)),),
    stability=Decimal("0.7"),
    low=Decimal("12.5"),
    high=Decimal(20),
    items=(ItemResult(code="a", state="open", points=Decimal("7.5")),),
)


def chunk_of(parse_run_id: str, chunk_id: str) -> Chunk:
    assert (parse_run_id, chunk_id) == ("prs_1", "chk_1")
    return CHUNK


def test_a_draft_is_json_without_document_text_and_comes_back_whole() -> None:
    draft = draft_of(RESULT, source="rule")
    text = json.dumps(draft)
    assert "120,000" not in text and "without tax" not in text
    assert claims_of(json.loads(text)["claims"], chunk_of) == list(RESULT.claims)
    assert claims_of(draft["unsupported"], chunk_of) == list(RESULT.unsupported)
    assert (draft["score"], draft["low"], draft["high"]) == ("12.5", "12.5", "20")
    assert cited_chunks(draft) == [("prs_1", "chk_1")]


def test_a_withdrawn_draft_has_no_points_and_says_why() -> None:
    after = withdrawn(draft_of(RESULT, source="rule"), "no support", "UNSUPPORTED_CLAIM", "20")
    assert (after["outcome"], after["score"], after["score_state"]) == ("needs_human", None, "insufficient_evidence")
    assert (after["low"], after["high"], after["reasons"]) == ("0", "20", ["UNSUPPORTED_CLAIM"])


def test_a_judged_criterion_starts_undecided() -> None:
    assert undecided()["undecided"] and not draft_of(RESULT, source="rule")["undecided"]
