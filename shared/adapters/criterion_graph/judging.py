"""What a judgement that failed or could not be asked for means to the criterion (spec W43, W69, E2, E53)."""

from collections.abc import Sequence

from shared.domain.criteria import Criterion
from shared.domain.errors import CodedError, ModelUnavailable
from shared.domain.evidence import Passage
from shared.domain.rule_results import RuleResult, needs_human
from shared.ports.reasoning import Judge

UNANSWERED = ("LLM_TIMEOUT", "LLM_PROVIDER_ERROR")  # after the judge's own tries: no model is there (D122)
UNUSABLE = ("LLM_RESPONSE_INVALID", "LLM_REFUSED")  # an answer came; asking again is no better (E53)
SENTENCES = {"MODEL_UNAVAILABLE": "model_unavailable", "BUDGET_STOPPED": "budget_stopped"}


def judgement(judge: Judge, criterion: Criterion, passages: Sequence[Passage], language: str) -> RuleResult:
    """The judge's suggestion; an unusable answer leaves this one criterion to a person (E53).

    Raises ModelUnavailable when nobody answers, whatever way the judge says it, and BudgetStopped as it comes."""
    try:
        return judge.judge(criterion, passages, language=language)
    except CodedError as error:
        if error.code in UNANSWERED:
            raise ModelUnavailable(details={"cause": error.code}) from error
        if error.code not in UNUSABLE:
            raise
    return needs_human(criterion, "model_unreadable", ["MODEL_UNAVAILABLE"], (), language)


def without_judge(criterion: Criterion, reason: str, language: str) -> RuleResult:
    """What a criterion gets when its judge could not be asked; raises KeyError for another reason (W43)."""
    return needs_human(criterion, SENTENCES[reason], [reason], (), language)
