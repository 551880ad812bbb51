"""Compare the search index with its chunks (spec W118)."""

from functions.entry import schedule
from shared.usecases.reconcile_index import ReconcileIndex, reconcile_index

handler = schedule(ReconcileIndex, reconcile_index)
