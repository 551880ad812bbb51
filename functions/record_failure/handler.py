"""RecordFailure: what a failed step leaves behind, in three commits that each may be repeated (spec W102)."""

from functions.entry import step
from shared.usecases.record_failure import RecordFailure, record_failure

handler = step(RecordFailure, record_failure, fenced=False)
