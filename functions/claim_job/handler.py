"""ClaimJob: the first state; one run owns the job from here on (spec W16)."""

from functions.entry import step
from shared.usecases.claim_job import ClaimJob, claim_job

handler = step(ClaimJob, claim_job, fenced=False)
