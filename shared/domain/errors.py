"""What can go wrong, by code: refusals of a request, and failures of work that machines may retry."""

from collections.abc import Mapping
from typing import Any

from shared.domain.error_catalogue import CATALOGUE, ErrorCode


class CodedError(Exception):
    """An error of the catalogue. Codes outside it cannot be raised (spec D120)."""

    def __init__(self, code: str, message: str = "", *, details: Mapping[str, Any] | None = None) -> None:
        if code not in CATALOGUE:
            raise ValueError(f"{code} is not in the error catalogue")
        super().__init__(message or CATALOGUE[code].en)
        self.code = code
        self.details: dict[str, Any] = dict(details or {})

    @property
    def entry(self) -> ErrorCode:
        """The catalogue row of this error."""
        return CATALOGUE[self.code]


class Refused(CodedError):
    """A request or command that policy, state or validation does not allow; never retried."""


class Retryable(CodedError):
    """Work that may succeed when the same call is made later."""


class ModelUnavailable(Retryable):
    """No model answers: the machine waits once, then the criterion goes to a person (W24, W43)."""

    def __init__(self, message: str = "", *, details: Mapping[str, Any] | None = None) -> None:
        super().__init__("MODEL_UNAVAILABLE", message, details=details)


class Permanent(CodedError):
    """Work that fails again with the same input."""


class BudgetStopped(Permanent):
    """Calls are stopped at 120 % of the reservation: what is not decided goes to a person (W43)."""

    def __init__(self, message: str = "", *, details: Mapping[str, Any] | None = None) -> None:
        super().__init__("BUDGET_EXCEEDED", message, details=details)
