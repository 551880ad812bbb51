"""A judge that fails as often as a test says and then judges, so that outages have an end."""

from collections.abc import Sequence
from decimal import Decimal

from shared.domain.citing import cite
from shared.domain.criteria import Criterion
from shared.domain.errors import CodedError
from shared.domain.evidence import Claim, Passage
from shared.domain.rule_results import RuleResult


class FailingJudge:
    """Raises `failure` for the next `times` questions (None: for ever); `asked` holds the codes of all questions."""

    source = "model"

    def __init__(self, failure: CodedError | None = None, *, times: int | None = None) -> None:
        self.failure, self.times = failure, times
        self.asked: list[str] = []

    def judge(self, criterion: Criterion, passages: Sequence[Passage], *, language: str) -> RuleResult:
        """Half of the points with the first passage as its claim, once the failures are over."""
        self.asked.append(criterion.code)
        if self.failure is not None and (self.times is None or len(self.asked) <= self.times):
            raise self.failure
        chunk = passages[0].chunk
        citation = cite(chunk, 0, len(chunk.text), is_primary=True)
        score = criterion.max_score / 2
        return RuleResult(
            outcome="partial",
            score_state="scored",
            score=score,
            reason="A judge of the tests read the first passage.",
            claims=(Claim(text=citation.quote, stance="supports", citations=(citation,)),),
            stability=Decimal(1),
            low=score,
            high=score,
        )
