"""The nodes after a person has answered: check the stored decision, write its verdict (spec W74, W75)."""

from collections.abc import Callable
from dataclasses import replace

from shared.adapters.criterion_graph.state import ThreadValues
from shared.domain.citing import cite
from shared.domain.criteria import Criterion
from shared.domain.errors import Permanent
from shared.domain.evaluation_rows import Decision, Evaluation
from shared.domain.evidence import Citation, Claim, Verdict
from shared.domain.person_verdicts import decided_verdict
from shared.ports.platform import Ids
from shared.ports.records import Records


class CriterionDecisions:
    """Nodes apply_decision and commit_decision; `read` gives evaluation and criterion of a thread."""

    def __init__(
        self, *, records: Records, ids: Ids, read: Callable[[ThreadValues], tuple[Evaluation, Criterion]]
    ) -> None:
        self._records, self._ids, self._read = records, ids, read

    def apply_decision(self, values: ThreadValues) -> ThreadValues:
        """W74: the decision is about this criterion and inside its range; raises Permanent DATA_CORRUPTED otherwise."""
        _, criterion = self._read(values)
        decision = self._decision(values)
        wrong = decision.criterion_id != values["criterion_id"] or decision.action not in ("accept", "edit")
        if wrong or not _in_range(decision, criterion):
            raise Permanent("DATA_CORRUPTED", f"decision {decision.decision_id} does not fit its criterion")
        return {"decision": {"decision_id": decision.decision_id}}

    def commit_decision(self, values: ThreadValues) -> ThreadValues:
        """W75: a new revision with source `person`, once per decision."""
        evaluation, criterion = self._read(values)
        decision = self._decision(values)
        records = self._records
        with records.transaction():
            before = records.verdicts.revisions(evaluation.evaluation_id, criterion.criterion_id, lock=True)[-1]
            if before.decision_id == decision.decision_id:
                return {"verdict_id": before.verdict_id, "decision_id": decision.decision_id}
            after = decided_verdict(before, decision, self._citations(decision), verdict_id=self._ids.new("vrd"))
            records.verdicts.add(evaluation.evaluation_id, self._numbered(after))
            changes = {"decision_id": decision.decision_id, "outcome": after.outcome, "revision": after.revision}
            records.trail.audit("verdict.decided", "verdict", after.verdict_id, changes=changes)
            run = records.jobs.newest_run(evaluation.job_id or "")
            payload = {"criterion_id": criterion.criterion_id, "code": criterion.code, "outcome": after.outcome}
            records.trail.run_event(run.run_id, "criterion.finished", stage="review", payload=payload)
        return {"verdict_id": after.verdict_id, "decision_id": decision.decision_id}

    def _decision(self, values: ThreadValues) -> Decision:
        decision = self._records.reviews.decision(values["decision"]["decision_id"])
        if decision is None:
            raise Permanent("DATA_CORRUPTED", "the decision to apply is not stored")
        return decision

    def _citations(self, decision: Decision) -> list[Citation]:
        """The person's citations from their verified spans."""
        found = []
        for place, span in enumerate(decision.citations):
            chunk = self._records.chunks.get(span["chunk_id"], parse_run_id=span["parse_run_id"])
            found.append(
                cite(chunk, span["start"], span["end"], is_primary=place == 0, match=span.get("match", "exact"))
            )
        return found

    def _numbered(self, verdict: Verdict) -> Verdict:
        """The verdict with new citation ids; revisions never share a row."""
        claims = [
            Claim(
                text=claim.text,
                stance=claim.stance,
                citations=tuple(replace(c, citation_id=self._ids.new("cit")) for c in claim.citations),
            )
            for claim in verdict.claims
        ]
        return replace(verdict, claims=tuple(claims))


def _in_range(decision: Decision, criterion: Criterion) -> bool:
    """E76: 0 to the maximum, in whole steps or the maximum itself."""
    score, step = decision.score, criterion.score_step
    if score is None:
        return True
    return 0 <= score <= criterion.max_score and (score == criterion.max_score or not step or score % step == 0)
