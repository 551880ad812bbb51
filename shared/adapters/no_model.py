"""The judge of a product without a language model: a person judges, with the evidence (spec E2)."""

from collections.abc import Sequence

from shared.domain.criteria import Criterion
from shared.domain.criterion_rules import decide
from shared.domain.evidence import Passage
from shared.domain.rule_results import RuleResult


class NoModel:
    """The Judge port where no model is wired."""

    source = "rule"

    def judge(self, criterion: Criterion, passages: Sequence[Passage], *, language: str) -> RuleResult:
        """`needs_human` with MODEL_UNAVAILABLE, at once and for every criterion."""
        return decide(criterion, (), passages, absence=(), language=language)
