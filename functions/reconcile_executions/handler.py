"""Compare jobs with their executions (spec W113)."""

from functions.entry import schedule
from shared.usecases.reconcile_executions import ReconcileExecutions, reconcile_executions

handler = schedule(ReconcileExecutions, reconcile_executions)
