"""Retry profiles and what may be retried (spec 06 section 3); the state machine files carry the same numbers."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from shared.domain.error_catalogue import CATALOGUE
from shared.domain.errors import CodedError, Permanent, Retryable

STEP_RETRIES = 3
RECEIVE_LIMIT = 5
RECEIVE_DELAYS_SECONDS = (1, 5, 30, 120)

MAX_JITTER_MS = 300
RETRY_AFTER_CAP_SECONDS = 60.0  # ours: a longer wait belongs to the step's own retries, not to a held function
RETRIED_STATUSES = frozenset({429, 500, 502, 503, 504})  # W23
ONCE_CODES = frozenset({"DOC_PARSE_SCHEMA_INVALID", "LLM_RESPONSE_INVALID"})  # W23: a second answer may be well formed
STEP_ERRORS = (  # W22: never States.ALL
    "Retryable",
    "States.Timeout",
    "States.HeartbeatTimeout",
    "Sandbox.Timedout",
    "Lambda.Unknown",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryProfile:
    """`delays` are the whole seconds before try 2, 3, ...; `jitter_ms` is the most that chance adds to each."""

    tries: int
    delays: tuple[int, ...]
    jitter_ms: int = 0

    def delay_seconds(self, retry: int, *, jitter_ms: int = 0) -> float:
        """Seconds before the retry (1 is the first one); raises ValueError beyond the tries or the jitter."""
        if not 1 <= retry < self.tries or not 0 <= jitter_ms <= self.jitter_ms:
            raise ValueError(f"retry {retry} with {jitter_ms} ms is outside of {self}")
        return self.delays[retry - 1] + jitter_ms / 1000


PROFILES = {
    "job": RetryProfile(tries=STEP_RETRIES + 1, delays=(1, 2, 4), jitter_ms=MAX_JITTER_MS),  # W19
    "event_delivery": RetryProfile(tries=RECEIVE_LIMIT, delays=RECEIVE_DELAYS_SECONDS),  # W20
    "outbound_call": RetryProfile(tries=3, delays=(1, 2), jitter_ms=MAX_JITTER_MS),  # W21
}
JOB_INTERVAL_SECONDS, JOB_BACKOFF_RATE, JOB_MAX_DELAY_SECONDS = 1, 2, 30  # W22, in the machine files


def retry_jitter_seconds(attempt: int, chance: float) -> float:
    """Seconds that the step wrapper sleeps at the start of a try (W22): none at attempt 0, else 0-0.3 by chance."""
    if not 0 <= chance <= 1:
        raise ValueError(f"chance {chance} is not between 0 and 1")
    return 0.0 if attempt < 1 else chance * MAX_JITTER_MS / 1000


def may_retry(code: str, earlier_attempts_with_code: int) -> bool:
    """Whether a failure with this code deserves another try: class transient, "once" codes a single time (W23)."""
    if code not in CATALOGUE or CATALOGUE[code].kind != "transient":
        return False
    return code not in ONCE_CODES or earlier_attempts_with_code < 1


def as_raised(error: CodedError, earlier_attempts_with_code: int) -> CodedError:
    """The error under the name that Retry and Catch match: the catalogue decides it, not who raised it (W22, W23).

    Retryable for what deserves another try, Permanent for what was raised as one and does not."""
    again = may_retry(error.code, earlier_attempts_with_code)
    if again == isinstance(error, Retryable):
        return error
    return (Retryable if again else Permanent)(error.code, str(error), details=error.details)


def is_transient_status(status: int) -> bool:
    """Whether an HTTP answer may be better next time (W23); every other 4xx fails at once."""
    return status in RETRIED_STATUSES


def retry_after_seconds(header: str | None, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for (RFC 9110 10.2.3: a number or an HTTP date), or None.

    Bounded to 0-60 s; what is neither form is no wish."""
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), RETRY_AFTER_CAP_SECONDS)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max((moment - now).total_seconds(), 0.0), RETRY_AFTER_CAP_SECONDS)
