"""Bring waits for people to their end (spec W115)."""

from functions.entry import schedule
from shared.usecases.reconcile_waits import ReconcileWaits, reconcile_waits

handler = schedule(ReconcileWaits, reconcile_waits)
