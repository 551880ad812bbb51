"""Leases of task jobs (spec W18, W19); database time decides them (F31)."""

from dataclasses import dataclass
from hashlib import sha256

from shared.domain.errors import CodedError, Retryable
from shared.domain.jobs import Job
from shared.domain.retries import MAX_JITTER_MS, PROFILES, STEP_RETRIES

LEASE_SECONDS = 60  # W18
RENEW_SECONDS = 20  # W18


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedTask:
    """A job under a lease and the run that owns it."""

    job: Job
    run_id: str


def has_another_try(job: Job, error: CodedError) -> bool:
    """Whether the error may pass and fewer than three retries were made (W19)."""
    return isinstance(error, Retryable) and job.retry_count < STEP_RETRIES


def retry_delay_seconds(job: Job) -> float:
    """Seconds until the next try of the job (W19); the jitter comes from its id, so that jobs spread."""
    chance = int(sha256(f"{job.job_id}:{job.retry_count}".encode()).hexdigest()[:8], 16)
    return PROFILES["job"].delay_seconds(job.retry_count + 1, jitter_ms=chance % (MAX_JITTER_MS + 1))
