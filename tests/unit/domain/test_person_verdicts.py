"""What a person's decision makes of a suggestion."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from shared.domain.blocks import Box
from shared.domain.evaluation_rows import Decision
from shared.domain.evidence import Citation, Claim, ReviewReason, Verdict
from shared.domain.person_verdicts import decided_verdict

BOX = Box(1.0, 1.0, 2.0, 2.0)
CITATION = Citation(
    chunk_id="chk_1",
    parse_run_id="prs_1",
    document_id="doc_1",
    page=1,
    box=BOX,
    boxes=(BOX,),
    start=0,
    end=3,
    quote="abc",
)
SUGGESTED = Verdict(
    criterion_id="crt_1",
    source="rule",
    outcome="pass",
    score_state="scored",
    score=Decimal(10),
    max_score=Decimal(10),
    weight=Decimal("0.1"),
    reason="met",
    claims=(Claim(text="abc", stance="supports", citations=(CITATION,)),),
    confidence=Decimal("0.5"),
    review_reasons=(ReviewReason(code="LOW_CONFIDENCE", value="0.5", threshold="0.65"),),
    verdict_id="vrd_1",
)
OPEN = replace(SUGGESTED, outcome="needs_human", score=None, score_state="insufficient_evidence", claims=())


def decide(before: Verdict, *citations: Citation, **given: Any) -> Verdict:
    values: dict[str, Any] = {"action": "edit", "score": None, "outcome": None, "comment": "A good reason."}
    decision = Decision(
        decision_id="dec_1",
        review_id="rev_1",
        item_id=None,
        criterion_id="crt_1",
        reviewer_id="usr_1",
        **values | given,
    )
    return decided_verdict(before, decision, citations, verdict_id="vrd_2")


def test_an_accepted_suggestion_keeps_everything_but_its_author() -> None:
    after = decide(SUGGESTED, action="accept")
    assert (after.source, after.decision_id, after.revision, after.supersedes) == ("person", "dec_1", 2, "vrd_1")
    assert (after.outcome, after.score, after.claims, after.reason) == ("pass", 10, SUGGESTED.claims, "met")
    assert after.review_reasons == () and not after.expert_only


def test_an_edited_score_keeps_the_evidence_of_its_outcome() -> None:
    after = decide(SUGGESTED, score=Decimal(7))
    assert (after.score, after.reason, after.claims, after.confidence) == (7, "A good reason.", SUGGESTED.claims, None)


def test_another_outcome_needs_its_own_evidence() -> None:
    after = decide(SUGGESTED, outcome="fail")
    assert (after.outcome, after.score, after.claims, after.expert_only) == ("fail", 0, (), True)
    cited = decide(SUGGESTED, CITATION, outcome="fail", score=Decimal(0))
    assert [claim.stance for claim in cited.claims] == ["contradicts"] and not cited.expert_only


@pytest.mark.parametrize(("score", "outcome"), [("10", "pass"), ("0", "fail"), ("4", "partial")])
def test_a_score_alone_decides_what_was_open(score: str, outcome: str) -> None:
    after = decide(OPEN, CITATION, score=Decimal(score))
    assert (after.outcome, after.score_state) == (outcome, "scored")


def test_an_absence_can_be_confirmed_with_and_without_points_at_stake() -> None:
    missing = replace(OPEN, outcome="not_found")
    zero = decide(missing, score=Decimal(0))
    assert (zero.outcome, zero.score, zero.score_state, zero.expert_only) == ("not_found", 0, "scored", True)
    unscored = replace(missing, max_score=Decimal(0), score_state="not_applicable")
    plain = decide(unscored, outcome="not_found")
    assert (plain.score, plain.score_state, plain.expert_only) == (None, "not_applicable", False)


def test_points_that_no_passage_supports_are_marked() -> None:
    assert decide(OPEN, score=Decimal(5), outcome="partial").expert_only
