"""A decision is checked before anything changes (E75-E79)."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from shared.domain.citing import cite
from shared.domain.decisions import Edit, check_decision, read_edit
from shared.domain.errors import Refused
from shared.domain.evidence import Claim
from tests.evaluation_parts import chunk, criterion, verdict

REASON = "Read the cited page again"
VETO = criterion("veto", code="V", points="0")
LIMIT = criterion("numeric_limit", code="L", points="10")
JUDGED = criterion("judged", code="J", points="20")
CLAIM = Claim(text="t", stance="supports", citations=(cite(chunk("A hotline."), 0, 10),))
SUGGESTED = [
    verdict(VETO, "pass", claims=(CLAIM,)),
    verdict(LIMIT, "pass", "10", claims=(CLAIM,)),
    verdict(JUDGED, "needs_human"),
]
CITED = ({"citation_id": "cit_1"},)


def edit(code: str = "J", score: str | None = "15", outcome: str | None = "partial", **changes: Any) -> Edit:
    parts: dict[str, Any] = {"reason": REASON, "citations": CITED, **changes}
    return Edit(criterion_code=code, score=None if score is None else Decimal(score), outcome=outcome, **parts)


def decide(decision: str, *edits: Edit, comment: str = REASON, verdicts: Any = None, **more: Any) -> None:
    stored = SUGGESTED if verdicts is None else verdicts
    check_decision(decision, comment, edits, criteria=[VETO, LIMIT, JUDGED], verdicts=stored, **more)


def refusal(decision: str, *edits: Edit, **more: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        decide(decision, *edits, **more)
    return caught.value


def test_an_edit_that_scores_what_was_open_is_accepted() -> None:
    decide("edit_scores", edit())


def test_approval_needs_every_score() -> None:
    refused = refusal("approve")
    assert (refused.code, refused.details["without_score"]) == ("REVIEW_INCOMPLETE", ["J"])
    decide("approve", comment="", verdicts=[*SUGGESTED[:2], verdict(JUDGED, "partial", "15", claims=(CLAIM,))])


def test_a_score_that_waits_for_the_other_bids_does_not_hold_up_the_review() -> None:
    waiting = verdict(JUDGED, "pass", score_state="pending_cohort", claims=(CLAIM,))
    decide("approve", verdicts=[*SUGGESTED[:2], waiting])


def test_approval_needs_every_unsupported_claim_resolved() -> None:
    doubtful = verdict(JUDGED, "partial", "15", unsupported_claims=(CLAIM,))
    refused = refusal("approve", verdicts=[*SUGGESTED[:2], doubtful])
    assert refused.details["unsupported_claims"] == ["J"]
    decide("edit_scores", edit(), verdicts=[*SUGGESTED[:2], doubtful])


def test_a_rejection_needs_a_reason_and_nothing_else() -> None:
    decide("reject")
    assert refusal("reject", comment="no").code == "REQ_VALIDATION_FAILED"


@pytest.mark.parametrize(
    ("decision", "edits", "more", "path"),
    [
        ("maybe", [], {}, "decision"),
        ("edit_scores", [], {}, "edits"),
        ("approve", [edit()], {}, "edits"),
        ("edit_scores", [edit()], {"comment": "ok"}, "comment"),
        ("edit_scores", [edit(reason="too short")], {}, "edits.J.reason"),
        ("edit_scores", [edit(outcome="great")], {}, "edits.J.outcome"),
        ("edit_scores", [edit(), edit()], {}, "edits[1].criterion"),
    ],
)
def test_an_incomplete_decision_is_refused(decision: str, edits: list[Edit], more: dict[str, Any], path: str) -> None:
    refused = refusal(decision, *edits, **more)
    assert (refused.code, refused.details["path"]) == ("REQ_VALIDATION_FAILED", path)


def test_a_reason_of_ten_characters_is_enough() -> None:
    decide("edit_scores", edit(reason="0123456789"))


@pytest.mark.parametrize("score", ["20.5", "-1", "0.3"])
def test_a_score_outside_range_or_step_is_refused(score: str) -> None:
    assert refusal("edit_scores", edit(score=score)).code == "REVIEW_SCORE_OUT_OF_RANGE"


@pytest.mark.parametrize("score", ["0", "0.5", "20"])
def test_a_score_on_the_boundary_is_accepted(score: str) -> None:
    decide("edit_scores", edit(score=score))


def test_a_maximum_off_the_step_may_be_given() -> None:
    odd = criterion("judged", code="J", points="20.25")
    check_decision("edit_scores", REASON, [edit(score="20.25")], criteria=[odd], verdicts=[])


def test_a_red_line_takes_no_score() -> None:
    assert refusal("edit_scores", edit(), edit("V", "1", "pass")).code == "REVIEW_SCORE_OUT_OF_RANGE"


def test_an_unknown_criterion_is_refused() -> None:
    refused = refusal("edit_scores", edit("X"))
    assert (refused.code, refused.details) == ("CRITERION_NOT_FOUND", {"criterion": "X"})


def test_points_without_a_passage_need_an_approval() -> None:
    assert refusal("edit_scores", edit(citations=())).code == "APPROVAL_REQUIRED"
    decide("edit_scores", edit(citations=()), approvals=frozenset({"J"}))
    decide("edit_scores", edit(score="0", outcome="not_found", citations=()))


def test_the_citations_of_the_suggestion_stay_with_its_outcome() -> None:
    decide("edit_scores", edit(), edit("L", "9", "pass", citations=()))
    assert refusal("edit_scores", edit(), edit("L", "9", "partial", citations=())).code == "APPROVAL_REQUIRED"


def test_overturning_a_red_line_needs_an_approval() -> None:
    hit = [verdict(VETO, "fail", claims=(CLAIM,)), *SUGGESTED[1:]]
    overturned = edit("V", None, "pass")
    assert refusal("edit_scores", edit(), overturned, verdicts=hit).code == "APPROVAL_REQUIRED"
    decide("edit_scores", edit(), overturned, verdicts=hit, approvals=frozenset({"V"}))
    decide("edit_scores", edit(), replace(overturned, outcome="fail"), verdicts=hit)


def test_an_edit_is_read_with_its_path() -> None:
    read = read_edit({"criterion": "J", "score": "1.50", "outcome": "partial", "reason": REASON}, "edits[0]")
    assert read == edit(score="1.50", citations=())
    for payload, path in (
        ({}, "edits[0].criterion"),
        ({"criterion": "J", "score": "many"}, "edits[0].score"),
        ({"criterion": "J", "score": "NaN"}, "edits[0].score"),
    ):
        with pytest.raises(Refused) as caught:
            read_edit(payload, "edits[0]")
        assert caught.value.details["path"] == path
