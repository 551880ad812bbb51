"""Start again what a crash left half started, and wake forgotten jobs (spec W111, W112)."""

from functions.entry import schedule
from shared.usecases.reconcile_runs import ReconcileRuns, reconcile_runs

handler = schedule(ReconcileRuns, reconcile_runs)
