"""The reasoning over one criterion: a thread that can stop for a person and go on in another process."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from shared.domain.criteria import Criterion
from shared.domain.evidence import Passage

if TYPE_CHECKING:
    from shared.domain.rule_results import RuleResult  # with the readers of values, which only a judge needs


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadState:
    """Where a thread stands: `absent`, `pending` (a node is next), `interrupted` (waits for a person) or `finished`.
    `decision_id` is the last decision it has committed, `verdict_id` its current verdict, `graph_version` the version
    of the graph that began it."""

    status: str
    interrupt_id: str | None = None
    verdict_id: str | None = None
    decision_id: str | None = None
    input_hash: str | None = None
    graph_version: str | None = None


class Judge(Protocol):
    """Judges a criterion that no rule decides, from its evidence alone (W69, W85); a tenant's language model, or none.

    `source` is what verdicts of this judge carry: `model`, or `rule` where no model is wired."""

    source: str

    def judge(self, criterion: Criterion, passages: Sequence[Passage], *, language: str) -> "RuleResult":
        """The suggestion; without one the outcome is `needs_human` and there is no score (E2).

        Tries, timeouts and the repair of one malformed answer are the judge's own (W21, E53). Raises ModelUnavailable,
        Retryable LLM_TIMEOUT or LLM_PROVIDER_ERROR when nobody answers (each means the same to the caller),
        BudgetStopped when calls are stopped (E97), Retryable LLM_RESPONSE_INVALID or Permanent LLM_REFUSED when there
        is an answer and no judgement in it."""
        ...


class CriterionGraph(Protocol):
    """One thread per criterion of an evaluation (spec 06 section 7). No call starts a thread over."""

    version: str

    def state(self, evaluation_id: str, criterion_id: str) -> ThreadState:
        """Read the thread without running it."""
        ...

    def run(self, evaluation_id: str, criterion_id: str) -> ThreadState:
        """Start the thread, or continue it with its next node; returns finished or interrupted.

        Raises ModelUnavailable and BudgetStopped with the thread standing before its judge."""
        ...

    def park(self, evaluation_id: str, criterion_id: str, *, reason: str) -> ThreadState:
        """Take the thread to its end or its interrupt without asking the judge (W43).

        Where only the judge could go on, the suggestion is `needs_human` without a score, for this review reason and
        with the evidence pack. A finished or waiting thread stays as it is."""
        ...

    def decide(
        self, evaluation_id: str, criterion_id: str, *, decision_id: str, interrupt_id: str | None
    ) -> ThreadState:
        """Give the stored decision to the pending interrupt of this id, or, without one, to a finished thread (W78).

        Applies a decision once. Raises Permanent WF_CHECKPOINT_NOT_FOUND for a thread without checkpoints (W77) or of
        a graph that is too old to go on (W84), and
        Refused WF_INTERRUPT_RESUME_INVALID when another interrupt is pending."""
        ...
