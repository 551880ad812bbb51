"""Let batches follow jobs whose events got lost (spec W1, A118)."""

from functions.entry import schedule
from shared.usecases.reconcile_batches import ReconcileBatches, reconcile_batches

handler = schedule(ReconcileBatches, reconcile_batches)
