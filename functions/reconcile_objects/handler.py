"""Compare stored objects with their rows (spec W119)."""

from functions.entry import schedule
from shared.usecases.reconcile_objects import ReconcileObjects, reconcile_objects

handler = schedule(ReconcileObjects, reconcile_objects)
