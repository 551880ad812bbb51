"""The reasoning over one criterion: a thread that can stop for a person and go on in another process."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadState:
    """Where a thread stands: `absent`, `pending` (a node is next), `interrupted` (waits for a person) or `finished`.
    `decision_id` is the last decision it has committed, `verdict_id` its current verdict."""

    status: str
    interrupt_id: str | None = None
    verdict_id: str | None = None
    decision_id: str | None = None
    input_hash: str | None = None


class CriterionGraph(Protocol):
    """One thread per criterion of an evaluation (spec 06 section 7). No call starts a thread over."""

    version: str

    def state(self, evaluation_id: str, criterion_id: str) -> ThreadState:
        """Read the thread without running it."""
        ...

    def run(self, evaluation_id: str, criterion_id: str) -> ThreadState:
        """Start the thread, or continue it with its next node; returns finished or interrupted."""
        ...

    def decide(
        self, evaluation_id: str, criterion_id: str, *, decision_id: str, interrupt_id: str | None
    ) -> ThreadState:
        """Give the stored decision to the pending interrupt of this id, or, without one, to a finished thread (W78).

        Applies a decision once. Raises Permanent WF_CHECKPOINT_NOT_FOUND for a thread without checkpoints (W77) and
        Refused WF_INTERRUPT_RESUME_INVALID when another interrupt is pending."""
        ...
