"""The nodes that come to a suggestion: context, evidence, rules, judgement, checks, confidence, commit (W66-W73)."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from langgraph.types import interrupt

from shared.adapters.criterion_graph.context import CriterionContext
from shared.adapters.criterion_graph.judging import judgement, without_judge
from shared.adapters.criterion_graph.state import ThreadValues
from shared.domain.absence import absence_proven
from shared.domain.claims import unsupported_parts
from shared.domain.criteria import Criterion
from shared.domain.criterion_rules import decide
from shared.domain.errors import Permanent
from shared.domain.evaluation_rows import Evaluation
from shared.domain.evidence import Claim, Passage, Verdict
from shared.domain.plans import GRAPH_VERSION, check_snapshot, is_continued, thread_id
from shared.domain.rule_results import RuleResult
from shared.domain.rule_texts import reason_text
from shared.domain.search_request import PackRequest, SearchQuery, SearchResult
from shared.domain.suggestions import measured, packed_with, suggested_verdict
from shared.domain.verdict_drafts import cited_chunks, claims_of, draft_of, undecided, withdrawn
from shared.ports.platform import Ids
from shared.ports.reasoning import Judge
from shared.ports.records import Records

SearchCall = Callable[[SearchQuery], SearchResult]
Ask = Callable[[Criterion, Sequence[Passage], str], RuleResult]
ACTIONS = ["approve", "edit_scores", "reject"]
NEED_EVIDENCE = ("pass", "partial", "fail")
MODEL_MINIMUM, RULE_MINIMUM, LARGEST_PACK = 2, 1, 8  # R45


class CriterionNodes:
    """The nodes as methods; what they read is kept per call, so a thread reads its frozen inputs once."""

    def __init__(self, *, records: Records, search: SearchCall, ids: Ids, judge: Judge) -> None:
        self._records, self._search, self._ids, self._judge = records, search, ids, judge
        self._context = CriterionContext(records)

    def read(self, values: ThreadValues) -> tuple[Evaluation, Criterion]:
        """Evaluation and criterion of the thread."""
        return self._context.read(values["evaluation_id"], values["criterion_id"])

    def load_context(self, values: ThreadValues) -> ThreadValues:
        """W66: the frozen plan still has its hash, and the thread belongs to it; raises Permanent DATA_CORRUPTED."""
        evaluation, criterion = self.read(values)
        check_snapshot(*self._records.evaluations.snapshot(evaluation.evaluation_id))
        named = (values["tenant_id"], values["thread_id"], values["graph_version"])
        tenant_id = self._records.actor.tenant_id
        if named != (tenant_id, thread_id(evaluation.evaluation_id, criterion.criterion_id), GRAPH_VERSION):
            raise Permanent("DATA_CORRUPTED", "the thread names another tenant, criterion or graph")
        return {}

    def retrieve_evidence(self, values: ThreadValues) -> ThreadValues:
        """W67: search under the plan's documents; writes the search log."""
        evaluation, criterion = self.read(values)
        documents, scope = self._context.scope(evaluation, criterion)
        minimum = MODEL_MINIMUM if criterion.kind == "judged" else RULE_MINIMUM
        query = SearchQuery(
            scope=scope,
            text=criterion.requirement,
            search_log_id=self._ids.new("slg"),
            documents=documents,
            purpose="evaluate",
            high_risk=criterion.risk == "high",
            phrases=tuple(criterion.payload.get("queries") or ()),
            language=self._context.language(evaluation),
            evaluation_id=evaluation.evaluation_id,
            criterion_id=criterion.criterion_id,
            pack=PackRequest(
                pack_id=self._ids.new("pck"), minimum=minimum, maximum=min(LARGEST_PACK, criterion.evidence_max)
            ),
        )
        found = self._search(query)
        self._records.searches.add_log(found.log)
        return {"evidence": _evidence(found)}

    def apply_rules(self, values: ThreadValues) -> ThreadValues:
        """W68: operators, formulas, checklists; only a judged criterion stays undecided."""
        _, criterion = self.read(values)
        if criterion.kind == "judged":
            return {"draft": undecided()}
        return self._decided(values, "formula" if criterion.kind == "formula" else "rule")

    def judge(self, values: ThreadValues) -> ThreadValues:
        """W69: the judge's suggestion, or none and a person; raises ModelUnavailable and BudgetStopped (W43)."""
        return self._judged(values, self._judge.source, partial(judgement, self._judge))

    def unjudged(self, values: ThreadValues, reason: str) -> ThreadValues:
        """No node: what `judge` to `measure_confidence` would have written had no judge been asked (W43)."""
        written = self._judged(
            values, "rule", lambda asked, _passages, language: without_judge(asked, reason, language)
        )
        return {**written, **self.measure_confidence({**values, **written})}

    def verify_claims(self, values: ThreadValues) -> ThreadValues:
        """W70: every quote is compared with the stored text and with its claim; what fails is taken out (E46-E48)."""
        evaluation, criterion = self.read(values)
        draft = values["draft"]
        claims = claims_of(draft["claims"], self._context.chunk)
        kept = [entry for entry, claim in zip(draft["claims"], claims, strict=True) if not unsupported_parts(claim)]
        dropped = [entry for entry in draft["claims"] if entry not in kept]
        draft = {**draft, "claims": kept, "unsupported": [*draft["unsupported"], *dropped]}
        if draft["outcome"] in NEED_EVIDENCE and not kept:
            reason = reason_text("insufficient", self._context.language(evaluation))
            draft = withdrawn(draft, reason, "UNSUPPORTED_CLAIM", str(criterion.max_score))
        return {"draft": draft}

    def measure_confidence(self, values: ThreadValues) -> ThreadValues:
        """W71: components, coverage, deviation and the triggers they set off."""
        _, criterion = self.read(values)
        draft, evidence = values["draft"], values["evidence"]
        ranks = {entry["chunk_id"]: entry["ranks"] for entry in evidence["ranks"]}
        cited = [self._context.chunk(*key) for key in cited_chunks(draft)]
        found = measured(
            criterion,
            draft,
            evidence,
            claims=claims_of(draft["claims"], self._context.chunk),
            unsupported=claims_of(draft["unsupported"], self._context.chunk),
            passages=[
                Passage(chunk=c, branch_ranks=ranks.get(c.chunk_id, {}), quality=float(c.quality)) for c in cited
            ],
        )
        return {"measured": found}

    def commit_suggestion(self, values: ThreadValues) -> ThreadValues:
        """W72: verdict, citations, pack, criterion run, run event and audit in one transaction; once per thread.

        A verdict that stands stays, and its reasons decide whether a person is asked; only one of a graph too old to go
        on is superseded (W84)."""
        evaluation, criterion = self.read(values)
        records = self._records
        with records.transaction():
            # a worker that lost the database may still be at the same step: the second one waits and finds the verdict
            stored = records.verdicts.revisions(evaluation.evaluation_id, criterion.criterion_id, lock=True)
            own = [verdict for verdict in stored if verdict.source != "person"]
            if own and is_continued(own[-1].versions.get("graph")):
                reasons = [asdict(reason) for reason in own[-1].review_reasons]
                return {"verdict_id": own[-1].verdict_id, "measured": {**values["measured"], "reasons": reasons}}
            verdict = self._verdict(values, criterion)
            if stored:
                before = stored[-1]
                verdict = replace(verdict, revision=before.revision + 1, supersedes=before.verdict_id)
            pack = packed_with(values["evidence"], [self._context.chunk(*k) for k in cited_chunks(values["draft"])])
            records.searches.add_pack(evaluation.evaluation_id, criterion.criterion_id, pack)
            records.verdicts.add(evaluation.evaluation_id, verdict)
            records.evaluations.mark_criterion(
                evaluation.evaluation_id,
                criterion.criterion_id,
                "running",
                interrupt_id=None,
                input_hash=verdict.input_hash,
            )
            self._tell(evaluation, criterion, verdict)
        return {"verdict_id": verdict.verdict_id}

    def ask_person(self, values: ThreadValues) -> ThreadValues:
        """W73: nothing but the interrupt; its payload is that of W82."""
        answer: dict[str, Any] = interrupt(
            {
                "type": "human_review",
                "evaluation_id": values["evaluation_id"],
                "criterion_id": values["criterion_id"],
                "reasons": values["measured"]["reasons"],
                "suggested_actions": ACTIONS,
                "verdict_id": values["verdict_id"],
            }
        )
        return {"decision": answer}

    def _decided(self, values: ThreadValues, source: str) -> ThreadValues:
        """The rule's answer as a draft, with the hash of everything it was made from (E91)."""
        evaluation, criterion = self.read(values)
        evidence = values["evidence"]
        facts = self._context.facts(evaluation, criterion)
        passages = self._context.passages(evaluation, criterion, evidence["ranks"], facts)
        cohort, disputed = self._context.cohort(evaluation, criterion)
        language = self._context.language(evaluation)
        result = decide(criterion, facts, passages, cohort, absence=evidence["absence"], language=language)
        draft = draft_of(result, source=source)
        if disputed and result.score_state == "scored":
            reason = f"{reason_text('insufficient', language)} ({', '.join(disputed)})"
            draft = withdrawn(draft, reason, "FACT_CONFLICT", str(criterion.max_score))
        return {"draft": draft, "input_hash": self._context.input_hash(evaluation, criterion, evidence, facts, cohort)}

    def _judged(self, values: ThreadValues, source: str, ask: Ask) -> ThreadValues:
        evaluation, criterion = self.read(values)
        evidence, facts = values["evidence"], self._context.facts(evaluation, criterion)
        passages = self._context.passages(evaluation, criterion, evidence["ranks"], facts)
        result = ask(criterion, passages, self._context.language(evaluation))
        hashed = self._context.input_hash(evaluation, criterion, evidence, facts, None)
        return {"draft": draft_of(result, source=source), "input_hash": hashed}

    def _verdict(self, values: ThreadValues, criterion: Criterion) -> Verdict:
        draft = values["draft"]
        claims = [
            replace(claim, citations=tuple(replace(c, citation_id=self._ids.new("cit")) for c in claim.citations))
            for claim in claims_of(draft["claims"], self._context.chunk)
        ]
        unsupported: list[Claim] = claims_of(draft["unsupported"], self._context.chunk)
        return suggested_verdict(
            criterion,
            draft,
            values["measured"],
            claims=claims,
            unsupported=unsupported,
            evidence=values["evidence"],
            input_hash=values["input_hash"],
            verdict_id=self._ids.new("vrd"),
        )

    def _tell(self, evaluation: Evaluation, criterion: Criterion, verdict: Verdict) -> None:
        records = self._records
        asks = bool(verdict.review_reasons)
        records.trail.audit(
            "verdict.suggested", "verdict", verdict.verdict_id, changes={"input_hash": verdict.input_hash}
        )
        run = records.jobs.newest_run(evaluation.job_id or "")
        payload = {
            "criterion_id": criterion.criterion_id,
            "code": criterion.code,
            "outcome": verdict.outcome,
            "reasons": [reason.code for reason in verdict.review_reasons],
        }
        event = "criterion.needs_human" if asks else "criterion.finished"
        records.trail.run_event(run.run_id, event, stage="evaluate", payload=payload)


def _evidence(found: SearchResult) -> dict[str, Any]:
    """What later nodes need of a search: ids, hashes and ranks."""
    if found.pack is None:
        raise Permanent("DATA_CORRUPTED", "the search made no evidence pack")
    pack = asdict(found.pack)
    return {
        "pack": {**pack, "items": [dict(item) for item in pack["items"]]},
        "ranks": [{"chunk_id": item.chunk.chunk_id, "ranks": dict(item.hit.branch_ranks)} for item in found.items],
        "branches": list(found.branches_undegraded),
        "degraded": list(found.log.degrade_reasons),
        "absence": absence_proven(found.log),
        "incidents": list(found.incidents),
        "search_log_id": found.log.search_log_id,
    }
